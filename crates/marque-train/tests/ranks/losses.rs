//! Trainings of which a process is lost.

use crate::common::photos;
use crate::rank::{Settings, outcome};
use marque_testkit::ranks::Ended;
use std::path::Path;

/// How a process that is left ends: in error, with a line that says so. One that has had no time to ends as well.
fn ends_in_error(ended: &[Ended], killed: usize) {
    for (rank, ended) in ended.iter().enumerate() {
        if rank == killed {
            assert_eq!(ended.status.code(), None, "{}", ended.output);
            continue;
        }
        assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
        let expected = format!("failed on rank {rank} of {}", 3);
        let said = ended.output.lines().find(|line| line.starts_with("error: "));
        assert!(
            said.is_some_and(|said| said.contains(&expected)),
            "{}",
            ended.output
        );
    }
}

/// A training that is killed and gone on with has the bits of one that was not.
fn killed_and_resumed(settings: &Settings, killed: usize, place: &str, state: &Path) -> (Vec<u64>, String) {
    let dying = Settings {
        state: Some(state.to_owned()),
        dies: Some((killed, place.to_owned())),
        ..settings.clone()
    };
    ends_in_error(&dying.start(3).wait(), killed);
    let ended = Settings { dies: None, ..dying }.start(3).wait();
    let told: Vec<_> = ended.iter().map(outcome).collect();
    let weights = &told[0].weights;
    assert!(told.iter().all(|told| told.is_done && told.weights == *weights));
    assert_eq!(told[0].differs, None);
    (told[0].losses.clone(), told[0].weights.clone())
}

#[test]
fn a_process_that_is_killed_ends_all_and_the_training_goes_on_to_the_same_bits() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let settings = Settings::new(photos.path());
    let expected = &settings.outcomes(3)[0];
    for (number, (killed, place)) in [
        (1, "start"),
        (2, "step 2"),
        (0, "step 4"),
        (0, "saved 2"),
        (1, "evaluation 1"),
    ]
    .into_iter()
    .enumerate()
    {
        let state = folder.path().join(number.to_string());
        let (losses, weights) = killed_and_resumed(&settings, killed, place, &state);
        assert!(expected.losses.ends_with(&losses), "{place}");
        assert_eq!(weights, expected.weights, "{place}");
    }
}

/// While outputs of frozen layers are computed, of which rank 0 alone has any to compute: the others wait for it.
#[test]
fn a_process_that_is_killed_while_features_are_computed_ends_all() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let kept = |name: &str| Settings {
        kept: Some(folder.path().join(name)),
        normed: false,
        ..Settings::new(photos.path())
    };
    let expected = &kept("whole").outcomes(3)[0];
    // Of all photos as many are said to be done as of its own, the first eight, but not all of them.
    let state = folder.path().join("state");
    let (losses, weights) = killed_and_resumed(&kept("left"), 0, "features 17", &state);
    assert_eq!(losses, expected.losses);
    assert_eq!(weights, expected.weights);
}
