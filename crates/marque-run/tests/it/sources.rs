//! Wherever photos come from, the same photos make the same run.

use crate::common::{After, quiet, recipe};
use marque_data::ImageFolder;
use marque_run::{CompletedRun, Run};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A table as Hugging Face's `datasets` writes it.
fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../marque-data/tests/golden/archives/cars.parquet")
}

/// The photos of the table as class folders, as a list of these, and as WebDataset's samples in two shards.
fn elsewhere(folder: &Path) -> [PathBuf; 3] {
    let images = ImageFolder::scan(&table()).unwrap();
    let [photos, list, shards] = ["photos", "cars.csv", "shards"].map(|name| folder.join(name));
    std::fs::create_dir(&shards).unwrap();
    let mut text = "label,path\n".to_owned();
    let mut archives: Vec<tar::Builder<Vec<u8>>> = (0..2).map(|_| tar::Builder::new(Vec::new())).collect();
    for sample in images.samples() {
        let class = &images.class_names()[sample.label];
        let name = sample.path.file_name().unwrap().to_str().unwrap();
        let bytes = sample.read().unwrap();
        std::fs::create_dir_all(photos.join(class)).unwrap();
        std::fs::write(photos.join(class).join(name), &bytes).unwrap();
        writeln!(text, "{class},photos/{class}/{name}").unwrap();
        // All of a class in one shard or the other, so that the order is that of the names.
        let archive = &mut archives[sample.label % 2];
        let key = name.strip_suffix(".png").unwrap();
        for (name, content) in [
            (name.to_owned(), &bytes[..]),
            (format!("{key}.cls"), class.as_bytes()),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content).unwrap();
        }
    }
    std::fs::write(&list, text).unwrap();
    for (number, archive) in archives.into_iter().enumerate() {
        std::fs::write(
            shards.join(format!("cars-{number:05}.tar")),
            archive.into_inner().unwrap(),
        )
        .unwrap();
    }
    [photos, list, shards]
}

fn run(photos: &Path, out: &Path) -> Run {
    let mut recipe = recipe();
    recipe.data.augment = marque_data::Augment::subject();
    Run::on(photos)
        .graph(crate::common::graph())
        .recipe(recipe)
        .out(out)
}

/// What must not depend on where photos are: bits of the losses and of the answers, and what the page shows.
fn results(run: &CompletedRun) -> (Vec<[u64; 2]>, Vec<u32>, usize) {
    let epochs = run.fit.history.epochs.iter();
    let losses = epochs.map(|epoch| [epoch.train_loss, epoch.train_accuracy].map(f64::to_bits));
    let probabilities = run.predictions.probabilities.iter().map(|value| value.to_bits());
    let page = std::fs::read_to_string(&run.files.report_html).unwrap();
    (
        losses.collect(),
        probabilities.collect(),
        page.matches("data:image/jpeg").count(),
    )
}

#[test]
fn folders_lists_tar_files_and_tables_make_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let [photos, list, shards] = elsewhere(folder.path());
    let begin = |name: &str, photos: &Path| run(photos, &folder.path().join("runs").join(name));
    let whole = begin("folder", &photos).start_with(&mut quiet).unwrap();
    let expected = results(&whole);
    assert!(expected.2 > 0, "photos are shown");
    for (name, photos) in [("list", list), ("table", table())] {
        let done = begin(name, &photos).start_with(&mut quiet).unwrap();
        assert!(results(&done) == expected, "{name}");
    }
    // And one that is left and gone on with; its parts are in a list that another run takes.
    begin("shards", &shards).start_with(&mut After(5)).err().unwrap();
    let out = folder.path().join("runs/shards");
    let resumed = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    assert!(results(&resumed) == expected);
    let again = begin("again", &out.join("split.csv"))
        .start_with(&mut quiet)
        .unwrap();
    assert!(results(&again) == expected);
    assert!(
        again.predictions.paths[0].contains("cars-00000.tar"),
        "{}",
        again.predictions.paths[0]
    );
}

#[test]
fn several_folders_are_one_run_and_a_record_of_before_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let [photos, _, _] = elsewhere(folder.path());
    let more = folder.path().join("more");
    for class in ["SUV", "van"] {
        std::fs::create_dir_all(more.join(class)).unwrap();
        let photo = image::RgbImage::from_pixel(24, 24, image::Rgb([9; 3]));
        photo.save(more.join(class).join("extra.png")).unwrap();
    }
    let out = folder.path().join("run");
    let both = Run::on_all(vec![photos.clone(), more])
        .graph(crate::common::graph())
        .recipe(recipe())
        .out(&out);
    both.start_with(&mut After(2)).err().unwrap();
    let resumed = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    let split = std::fs::read_to_string(out.join("split.csv")).unwrap();
    assert_eq!(split.lines().count(), 1 + 36 + 2);
    assert!(
        resumed
            .predictions
            .paths
            .iter()
            .all(|path| path.starts_with("photos") || path.starts_with("more"))
    );

    // One folder and no list of them.
    let out = folder.path().join("before");
    run(&photos, &out).start_with(&mut After(2)).err().unwrap();
    let start = out.join("start.json");
    let text = std::fs::read_to_string(&start).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["data"] = record["data"][0].clone();
    assert!(record["data"].is_string());
    std::fs::write(&start, record.to_string()).unwrap();
    Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
}
