//! What TensorBoard reads of a run.

use crate::common::{After, photos, quiet, run};
use marque_run::{CompletedRun, Run};
use marque_testkit::{printed_by, python_or_skip};
use marque_train::Event;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn event_files(out: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join("tensorboard")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// What a tag has at its steps; empty texts for what are no scalars.
type Tags = BTreeMap<String, Vec<(usize, String)>>;

/// What `read_tensorboard.py` prints of a run folder; `None` where there is no TensorBoard.
fn read_back(out: &Path) -> Option<Tags> {
    let mut python = python_or_skip(&["tensorboard"])?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/read_tensorboard.py");
    let printed = printed_by(python.arg(script).arg(out.join("tensorboard")));
    let mut tags = Tags::new();
    for line in printed.lines() {
        let [tag, step, value] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let points = tags.entry(tag.to_owned()).or_default();
        points.push((step.parse().unwrap(), value.to_owned()));
    }
    Some(tags)
}

fn steps(tags: &Tags, tag: &str) -> Vec<usize> {
    let points = tags
        .get(tag)
        .unwrap_or_else(|| panic!("no {tag} in {:?}", tags.keys()));
    points.iter().map(|(step, _)| *step).collect()
}

fn check(tags: &Tags, done: &CompletedRun) {
    let epochs = &done.fit.history.epochs;
    let all = steps(tags, "train/loss");
    let per_epoch = all.len() / epochs.len();
    assert!(per_epoch > 1);
    assert_eq!(all, (1..=per_epoch * epochs.len()).collect::<Vec<_>>());
    assert_eq!(steps(tags, "train/learning_rate"), all);
    assert_eq!(steps(tags, "train/gradient_norm"), all);
    let ends: Vec<usize> = (1..=epochs.len()).map(|epoch| epoch * per_epoch).collect();
    assert_eq!(steps(tags, "weights/conv1.weight"), ends);
    assert!(!tags.keys().any(|tag| tag.contains("running_mean")));
    let values = |tag: &str| -> Vec<f64> {
        assert_eq!(steps(tags, tag), ends);
        let values = tags[tag].iter().map(|(_, value)| value.parse::<f64>().unwrap());
        values.collect()
    };
    for (tag, expected) in [
        (
            "epoch/train_loss",
            epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>(),
        ),
        (
            "epoch/validation_accuracy",
            epochs
                .iter()
                .filter_map(|epoch| epoch.validation_accuracy)
                .collect(),
        ),
    ] {
        let found = values(tag);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.into_iter().zip(expected) {
            // TensorBoard keeps single precision.
            assert_eq!(found, f64::from(expected as f32), "{tag}");
        }
    }
    let last = ends.last().copied().unwrap();
    assert_eq!(
        tags["test/accuracy"],
        [(last, format!("{:?}", f64::from(done.metrics.accuracy as f32)))]
    );
    assert_eq!(steps(tags, "test/confusion"), [last]);
    let wrong: u64 = done.metrics.confusion.iter().flatten().sum::<u64>()
        - (0..3)
            .map(|class| done.metrics.confusion[class][class])
            .sum::<u64>();
    let worst = tags.keys().filter(|tag| tag.starts_with("worst/"));
    assert_eq!(worst.count() as u64, wrong.min(16));
    assert!(tags.contains_key("node conv1") && tags.contains_key("node layer1/0/conv1"));
    assert_eq!(tags["hyper-parameter data.image_size"], [(0, "24x24".to_owned())]);
    assert_eq!(tags["hyper-parameter architecture"], [(0, "tiny".to_owned())]);
    assert_eq!(tags["session"], [(0, "STATUS_SUCCESS".to_owned())]);
}

#[test]
fn tensorboard_reads_a_run_back() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = folder.path().join("run");
    run(photos.path(), &out).start_with(&mut quiet).unwrap();
    assert!(!out.join("tensorboard").exists());

    // What an older run has left is none of a new one's.
    for _ in 0..2 {
        let begun = run(photos.path(), &out).tensorboard(true);
        let done = begun.start_with(&mut quiet).unwrap();
        assert_eq!(event_files(&out).len(), 1);
        if let Some(tags) = read_back(&out) {
            check(&tags, &done);
        }
    }
}

#[test]
fn a_run_that_goes_on_doubles_no_step() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let [out, kept] = ["run", "kept"].map(|name| folder.path().join(name));
    let begun = run(photos.path(), &out).tensorboard(true);
    begun.start_with(&mut After(4)).unwrap_err();
    let state = out.join("state.safetensors");
    std::fs::copy(&state, &kept).unwrap();
    Run::resume(&out).unwrap().start_with(&mut After(3)).unwrap_err();
    // As if that process had been killed before it kept its state: three steps are repeated, and the end of an epoch.
    std::fs::copy(&kept, &state).unwrap();
    let done = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    assert_eq!(event_files(&out).len(), 3);
    if let Some(tags) = read_back(&out) {
        check(&tags, &done);
    }
}

#[test]
fn event_files_that_cannot_be_written_end_alone_unless_they_are_needed() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let outcome = |name: &str, are_needed: bool, notes: &mut String| {
        let out = folder.path().join(name);
        let begun = run(photos.path(), &out).tensorboard(true).need_logs(are_needed);
        let prepared = begun.prepare(&mut quiet).unwrap();
        std::fs::write(out.join("tensorboard"), "no folder").unwrap();
        let mut noting = |event: &Event<'_>| {
            if let Event::Note(text) = event {
                *notes += text;
            }
            Ok(())
        };
        let trained = prepared.train(&mut noting).map(drop);
        trained.map_err(|error| error.to_string())
    };
    let mut notes = String::new();
    outcome("spared", false, &mut notes).unwrap();
    assert!(
        notes.contains("tensorboard ends here, the run goes on: cannot write "),
        "{notes}"
    );
    let error = outcome("needed", true, &mut notes).unwrap_err();
    assert!(
        error.contains("cannot write ") && error.contains("tensorboard"),
        "{error}"
    );
}
