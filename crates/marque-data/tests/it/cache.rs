//! Photos kept in files: the same batches, whoever wrote them and however that ended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::write_photos;
use marque_data::{Augment, Cache, ImageSize, Loader, LoaderConfig, Order, Preprocess, Sample};

const FOLDER: &str = "MARQUE_TEST_CACHE_FOLDER";
const PHOTOS: usize = 300;

fn loader(samples: Vec<Sample>, augment: Augment, cache: Cache) -> Loader {
    let preprocess = Preprocess {
        image_size: ImageSize::square(64),
        ..Preprocess::default()
    };
    let config = LoaderConfig {
        workers: 2,
        order: Order::Shuffled,
        cache,
        ..LoaderConfig::default()
    };
    Loader::new(samples, preprocess, augment, config).unwrap()
}

fn files(root: &Path) -> Cache {
    Cache::Files {
        folder: root.join("cache"),
        max_bytes: 1 << 30,
    }
}

fn bits(loader: &Loader) -> Vec<Vec<u32>> {
    (0..2)
        .flat_map(|epoch| loader.epoch(epoch))
        .map(|batch| {
            batch
                .unwrap()
                .images
                .iter()
                .map(|value| value.to_bits())
                .collect()
        })
        .collect()
}

fn kept(root: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root.join("cache")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

fn samples_in(root: &Path) -> Vec<Sample> {
    let paths = (0..PHOTOS).map(|number| root.join(format!("{number:03}.png")));
    paths.map(|path| Sample::new(path, 0)).collect()
}

#[test]
fn files_change_no_bit_in_this_run_and_the_next() {
    let root = tempfile::tempdir().unwrap();
    let samples = write_photos(root.path(), 40);
    for augment in [Augment::none(), Augment::subject(), Augment::strong()] {
        let expected = bits(&loader(samples.clone(), augment.clone(), Cache::None));
        for _ in 0..2 {
            assert!(bits(&loader(samples.clone(), augment.clone(), files(root.path()))) == expected);
        }
    }
    // 40 of the final size, and 40 whole ones.
    assert_eq!(kept(root.path()).len(), 80);
    for sample in &samples {
        std::fs::write(&sample.path, b"broken").unwrap();
    }
    // What is found again is found by the file's state, which has changed.
    let mut epoch = loader(samples, Augment::none(), files(root.path())).epoch(0);
    assert!(epoch.next().unwrap().is_err());
}

/// Not a test of its own: the process that [`a_killed_writer_leaves_no_half_photo`] kills.
#[test]
#[ignore = "runs in a process that is killed"]
fn writes_until_it_is_killed() {
    let Some(root) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    for batch in loader(samples_in(&root), Augment::none(), files(&root)).epoch(0) {
        batch.unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_no_half_photo() {
    let root = tempfile::tempdir().unwrap();
    let samples = write_photos(root.path(), PHOTOS);
    assert_eq!(samples.len(), samples_in(root.path()).len());
    let mut counts = Vec::new();
    for milliseconds in [15, 30, 60, 100] {
        let start = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "cache::writes_until_it_is_killed", "--ignored"])
                .env(FOLDER, root.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        // Two at a time share the folder.
        let mut writers = [start(), start()];
        std::thread::sleep(Duration::from_millis(milliseconds));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        counts.push(std::fs::read_dir(root.path().join("cache")).map_or(0, Iterator::count));
    }
    println!("folders after each kill: {counts:?}");
    let expected = bits(&loader(samples.clone(), Augment::subject(), Cache::None));
    for _ in 0..2 {
        assert!(bits(&loader(samples.clone(), Augment::subject(), files(root.path()))) == expected);
    }
    let whole = kept(root.path());
    let is_temporary = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(".part-");
    assert_eq!(whole.iter().filter(|path| !is_temporary(path)).count(), PHOTOS);
}
