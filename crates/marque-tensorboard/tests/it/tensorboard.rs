//! What TensorBoard itself reads in the files.

use std::path::Path;

use marque_tensorboard::{EventWriter, HyperParameter};
use marque_testkit::{printed_by, python_or_skip};

use crate::write_sample;

/// What `read_back.py` prints of a folder; `None` where there is no TensorBoard.
fn read_back(folder: &Path) -> Option<String> {
    let mut python = python_or_skip(&["tensorboard"])?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/read_back.py");
    Some(printed_by(python.arg(script).arg(folder)))
}

#[test]
fn tensorboard_reads_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    write_sample(folder.path());
    let Some(printed) = read_back(folder.path()) else {
        return;
    };
    let expected = r#"file version 2.0
scalar train/loss [(0, 1.0), (1, 0.5), (2, 0.333333), (3, 0.25), (4, 0.2)]
scalar validation/accuracy [(4, 0.75)]
scalar validation/loss [(4, nan)]
image confusion 4 3 2 78
histogram weights/fc.weight 4 5.0 -0.5 2.0 2.0 4.375 [0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 1.0, 0.0]
histogram weights/none 4 0.0 0.0 0.0 0.0 0.0 [0.0]
tensor hparams _hparams_/experiment [[]]
tensor hparams _hparams_/session_start_info [[]]
tensor text recipe ['**Räder** and `more`']
tensor hparams _hparams_/session_end_info [[]]
node image Input [] [[-1, 3, 224, 224]]
node stem/conv1 Conv2d ['image'] [[-1, 64, 112, 112]]
attribute bias ['b:', 'true']
attribute eps ['f:', '0.5']
attribute groups ['i:', '-1']
attribute kernel_size ['list', '{', 'i:', '7', 'i:', '7', '}']
attribute padding ['s:', '"same"']
curve . train/loss [0, 1, 2, 3, 4]
curve . validation/accuracy [4]
curve . validation/loss [4]
column fit.epochs DATA_TYPE_FLOAT64
column fit.learning_rate DATA_TYPE_FLOAT64
column fit.mirrored DATA_TYPE_BOOL
column model DATA_TYPE_STRING
metric validation/accuracy
hyper-parameter fit.epochs 12.0
hyper-parameter fit.learning_rate 0.001
hyper-parameter fit.mirrored False
hyper-parameter model resnet50
session STATUS_SUCCESS True True
metric value validation/accuracy 4 0.75
"#;
    assert_eq!(printed, expected);
}

#[test]
fn tensorboard_drops_what_a_later_session_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = EventWriter::create(folder.path()).unwrap();
    for step in 0..6 {
        killed.scalar("train/loss", step, 1.0).unwrap();
        killed.scalar("never again", step, 1.0).unwrap();
    }
    // Killed in the middle of a record, as far as a reader can tell.
    let whole = std::fs::read(killed.path()).unwrap();
    std::fs::write(killed.path(), &whole[..whole.len() - 3]).unwrap();
    let mut resumed = EventWriter::create(folder.path()).unwrap();
    resumed.session_start(3).unwrap();
    resumed.scalar("train/loss", 3, 0.5).unwrap();
    let Some(printed) = read_back(folder.path()) else {
        return;
    };
    for line in [
        "scalar train/loss [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.5)]",
        "scalar never again [(0, 1.0), (1, 1.0), (2, 1.0)]",
        "curve . train/loss [0, 1, 2, 3]",
        "curve . never again [0, 1, 2]",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} is not in\n{printed}"
        );
    }
}

#[test]
fn without_metrics_tensorboard_makes_columns_of_what_all_runs_have() {
    let folder = tempfile::tempdir().unwrap();
    for (run, name) in [("a", "fit.epochs"), ("b", "fit.seed")] {
        let mut events = EventWriter::create(&folder.path().join(run)).unwrap();
        let number = HyperParameter::Number(3.0);
        events.hyper_parameters(&[(name, number)], &[]).unwrap();
        events.scalar("validation/accuracy", 1, 0.5).unwrap();
        events.scalar("validation/loss", 1, 0.5).unwrap();
    }
    let Some(printed) = read_back(folder.path()) else {
        return;
    };
    for line in [
        "column fit.epochs DATA_TYPE_FLOAT64",
        "column fit.seed DATA_TYPE_FLOAT64",
        "metric validation/accuracy",
        "metric validation/loss",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} is not in\n{printed}"
        );
    }
}
