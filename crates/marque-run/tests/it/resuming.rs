//! Runs that are left and gone on with.

use crate::common::{After, CLASSES, assert_same, photos, quiet, recipe, run};
use marque_data::{ImageFolder, Sample};
use marque_run::{Error, Run};
use marque_train::Event;
use std::path::Path;

/// The notes that an observer is told while a run goes on.
fn notes_of(run: Run) -> (marque_run::CompletedRun, String) {
    let mut notes = String::new();
    let mut noting = |event: &Event<'_>| {
        if let Event::Note(text) = event {
            notes += text;
            notes.push('\n');
        }
        Ok(())
    };
    let done = run.start_with(&mut noting).unwrap();
    (done, notes)
}

#[test]
fn a_run_is_gone_on_with_from_its_folder_alone() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let [whole, out] = ["whole", "left"].map(|name| folder.path().join(name));
    let (whole, _) = notes_of(run(photos.path(), &whole));

    let refused = Run::resume(&out).err().unwrap();
    assert!(matches!(refused, Error::NotStarted { .. }), "{refused}");
    for steps in [2, 3, 1] {
        let begun = match out.exists() {
            true => Run::resume(&out).unwrap(),
            false => run(photos.path(), &out).keep_last(2),
        };
        let left = begun.start_with(&mut After(steps)).err().unwrap();
        assert!(matches!(left, Error::Interrupted { .. }), "{left}");
        assert!(out.join("state.safetensors").exists() && !out.join("run.json").exists());
    }
    let refused = run(photos.path(), &out).start_with(&mut quiet).err().unwrap();
    assert!(matches!(refused, Error::Unfinished { .. }), "{refused}");

    // Prepared, nobody else may have it.
    let prepared = Run::resume(&out).unwrap().prepare(&mut quiet).unwrap();
    let refused = Run::resume(&out).unwrap().prepare(&mut quiet).err().unwrap();
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    drop(prepared);

    let (done, notes) = notes_of(Run::resume(&out).unwrap().workers(3));
    assert!(notes.contains("goes on behind"), "{notes}");
    assert!(!notes.contains("may differ"), "{notes}");
    assert_same(&done, &whole);
    assert!(!out.join("state.safetensors").exists());
    let epochs = std::fs::read_dir(out.join("epochs")).unwrap();
    let mut epochs: Vec<_> = epochs.map(|entry| entry.unwrap().file_name()).collect();
    epochs.sort();
    assert_eq!(epochs, ["epoch-0003.safetensors", "epoch-0004.safetensors"]);
    let refused = Run::resume(&out).err().unwrap();
    assert!(matches!(refused, Error::Finished { .. }), "{refused}");

    // A finished one is replaced by a new one of the same name; one that is not, only where that is said.
    run(photos.path(), &out).start_with(&mut After(2)).err().unwrap();
    let anew = run(photos.path(), &out).anew();
    let (done, notes) = notes_of(anew);
    assert!(!notes.contains("goes on behind"), "{notes}");
    assert_same(&done, &whole);
}

#[test]
fn what_does_not_belong_to_a_run_is_refused() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = folder.path().join("run");
    run(photos.path(), &out).start_with(&mut After(4)).err().unwrap();
    let refused = |run: Run| run.start_with(&mut quiet).err().unwrap().to_string();
    let mut other = recipe();
    other.fit.learning_rate = 0.5;
    let error = refused(Run::resume(&out).unwrap().recipe(other));
    assert!(
        error.contains("way of training") && error.contains("learning_rate 0.5"),
        "{error}"
    );
    let error = refused(Run::resume(&out).unwrap().seed(7));
    assert!(error.contains("training photos"), "{error}");

    let start = out.join("start.json");
    let text = std::fs::read_to_string(&start).unwrap();
    for (change, message) in [
        (
            text.replace("\"format\": 1", "\"format\": 9"),
            "its format is number 9",
        ),
        (
            text.replace("\"weights\"", "\"wights\""),
            "unknown field `wights`",
        ),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ] {
        std::fs::write(&start, change).unwrap();
        let error = Run::resume(&out).err().unwrap().to_string();
        assert!(error.contains(message) && error.contains("start.json"), "{error}");
    }
    std::fs::write(&start, text).unwrap();

    // A state that is half of one, as a bad disk gives it.
    let state = out.join("state.safetensors");
    let bytes = std::fs::read(&state).unwrap();
    std::fs::write(&state, &bytes[..bytes.len() / 2]).unwrap();
    let error = refused(Run::resume(&out).unwrap());
    assert!(error.contains("state.safetensors"), "{error}");
    std::fs::write(&state, bytes).unwrap();
    Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
}

fn listed(root: &Path) -> ImageFolder {
    let samples = |numbers: std::ops::Range<u32>| -> Vec<Sample> {
        let classes = CLASSES.iter().enumerate();
        let all =
            classes.flat_map(|(label, class)| numbers.clone().map(move |number| (label, class, number)));
        all.map(|(label, class, number)| Sample::new(root.join(class).join(format!("{number}.png")), label))
            .collect()
    };
    ImageFolder::from_samples(root, CLASSES.map(str::to_owned).to_vec(), samples(0..10)).unwrap()
}

#[test]
fn photos_that_were_listed_or_moved_are_given_again() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = folder.path().join("run");
    let root = folder.path().join("photos");
    std::fs::rename(photos.path(), &root).unwrap();
    let begun = Run::on_images(listed(&root))
        .graph(crate::common::graph())
        .recipe(recipe())
        .out(&out);
    begun.start_with(&mut After(2)).err().unwrap();
    let refused = Run::resume(&out).unwrap().start_with(&mut quiet).err().unwrap();
    assert!(matches!(refused, Error::NoPhotos), "{refused}");
    let moved = folder.path().join("moved");
    std::fs::rename(&root, &moved).unwrap();
    let again = Run::resume(&out).unwrap().images(listed(&moved));
    again.start_with(&mut quiet).unwrap();

    let out = folder.path().join("second");
    run(&moved, &out).start_with(&mut After(2)).err().unwrap();
    std::fs::rename(&moved, &root).unwrap();
    assert!(Run::resume(&out).unwrap().start_with(&mut quiet).is_err());
    Run::resume(&out)
        .unwrap()
        .photos(vec![root.clone()])
        .start_with(&mut quiet)
        .unwrap();
    std::fs::rename(&root, photos.path()).unwrap();
}

/// What happens where nothing of a training is kept yet: it begins once more.
#[test]
fn a_run_without_a_state_begins_once_more() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let [whole, out] = ["whole", "left"].map(|name| folder.path().join(name));
    let (whole, _) = notes_of(run(photos.path(), &whole));
    drop(run(photos.path(), &out).prepare(&mut quiet).unwrap());
    let features = out.join("features/0a1b");
    std::fs::create_dir_all(&features).unwrap();
    let half_written = [out.join(".part-abc"), features.join(".part-xyz")];
    for file in &half_written {
        std::fs::write(file, "half of something").unwrap();
    }
    let (done, notes) = notes_of(Run::resume(&out).unwrap());
    assert!(!notes.contains("goes on behind"), "{notes}");
    assert_same(&done, &whole);
    assert!(half_written.iter().all(|file| !file.exists()));
}

/// The points of a curve that a process did not live to draw.
#[test]
fn a_curve_goes_on() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = folder.path().join("run");
    let begun = run(photos.path(), &out).with_curve(true);
    begun.start_with(&mut After(7)).err().unwrap();
    Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    let curve = std::fs::read_to_string(out.join("curve.csv")).unwrap();
    let epochs: Vec<&str> = curve
        .lines()
        .skip(1)
        .map(|row| row.split(',').next().unwrap())
        .collect();
    assert_eq!(epochs, ["1", "2", "3", "4"]);
    let seconds: Vec<f64> = curve
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(seconds.is_sorted(), "{seconds:?}");
}
