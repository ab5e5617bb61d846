//! Trainings in which all goes well.

use crate::common::{CLASSES, photos, photos_of};
use crate::rank::{Outcome, Settings};

fn numbers<const N: usize>(bits: [u64; N]) -> [f64; N] {
    bits.map(f64::from_bits)
}

fn farthest(one: &[u64], other: &[u64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().zip(other);
    let distances = pairs.map(|(&one, &other)| (f64::from_bits(one) - f64::from_bits(other)).abs());
    distances.fold(0.0, f64::max)
}

/// All ranks tell the same.
fn one(outcomes: &[Outcome]) -> &Outcome {
    let first = &outcomes[0];
    for other in outcomes {
        assert!(other.is_done);
        assert_eq!(other.losses, first.losses);
        assert_eq!(other.validation, first.validation);
        assert_eq!(other.weights, first.weights);
        assert_eq!(other.test, first.test);
        assert_eq!(other.predicted, first.predicted);
    }
    first
}

/// Two, three and four processes against one, over 51 steps. The eighteen photos make batches of 8, 8 and 2: shares of three processes are
/// not equal, and in the last batch of each epoch one process alone has photos.
///
/// In double precision, in which what is left of a difference is an error of the method: in single precision the order of sums alone moves
/// the curve as far as an error could that is worth finding.
#[test]
fn several_processes_learn_as_one_does() {
    let photos = photos();
    let settings = Settings {
        epochs: 17,
        double: true,
        normed: false,
        ..Settings::new(photos.path())
    };
    let alone = settings.outcomes(1);
    let alone = one(&alone);
    assert_eq!(alone.losses.len(), 51);
    let first = f64::from_bits(alone.losses[0]);
    let last = f64::from_bits(alone.losses[50]);
    assert!(last < 0.9 * first, "nothing was learnt: {first} to {last}");
    for world in [2, 3, 4] {
        let together = settings.outcomes(world);
        let together = one(&together);
        let distance = farthest(&together.losses, &alone.losses);
        assert!(distance < 1e-12, "{world} processes: {distance:e}");
        for (found, expected) in together.validation.iter().zip(&alone.validation) {
            let ([loss, accuracy], [expected_loss, expected_accuracy]) =
                (numbers(*found), numbers(*expected));
            assert!((loss - expected_loss).abs() < 1e-12);
            assert_eq!(accuracy, expected_accuracy);
        }
        let ([loss, accuracy], [expected_loss, expected_accuracy]) =
            (numbers(together.test), numbers(alone.test));
        assert!((loss - expected_loss).abs() < 1e-12);
        assert_eq!(accuracy, expected_accuracy);
        // Every test photo once, in the order of one process.
        assert_eq!(together.predicted.len(), alone.predicted.len());
        for ((path, row), (expected_path, expected_row)) in together.predicted.iter().zip(&alone.predicted) {
            assert_eq!(path, expected_path);
            for (&found, &expected) in row.iter().zip(expected_row) {
                assert!((f32::from_bits(found) - f32::from_bits(expected)).abs() < 1e-6);
            }
        }
    }
}

/// A network with batch norms, where these are of all processes' photos. Of the last batch of each epoch two of four processes have none,
/// and take part in its norms all the same.
#[test]
fn with_synchronised_norms_several_processes_learn_as_one_does() {
    let photos = photos();
    let settings = Settings {
        epochs: 17,
        double: true,
        synchronized: true,
        ..Settings::new(photos.path())
    };
    let alone = settings.outcomes(1);
    let alone = one(&alone);
    assert_eq!(alone.losses.len(), 51);
    for world in [2, 4] {
        let (together, again) = (settings.outcomes(world), settings.outcomes(world));
        let (together, again) = (one(&together), one(&again));
        assert_eq!(together.losses, again.losses);
        assert_eq!(together.weights, again.weights);
        let distance = farthest(&together.losses, &alone.losses);
        assert!(distance < 1e-12, "{world} processes: {distance:e}");
        let distance = farthest(&together.test, &alone.test);
        assert!(distance < 1e-12, "{world} processes, test: {distance:e}");
    }
    // Without it they do not.
    let apart = Settings {
        synchronized: false,
        ..settings
    };
    let distance = farthest(&one(&apart.outcomes(2)).losses, &alone.losses);
    assert!(distance > 1e-4, "{distance:e}");
}

/// What a frozen part gives is computed in shares, and is what one process computes. There are three files of training photos, and two of
/// validation photos: not all processes have as many.
#[test]
fn kept_features_are_computed_in_shares() {
    let (photos, folder) = (photos_of(240), tempfile::tempdir().unwrap());
    // Nobody can read it; whoever meets it tells the others.
    std::fs::write(photos.path().join(CLASSES[1]).join("77.png"), b"no photo").unwrap();
    let kept = |name: &str| Settings {
        kept: Some(folder.path().join(name)),
        double: true,
        normed: false,
        batch_size: 64,
        ..Settings::new(photos.path())
    };
    let alone = kept("alone").outcomes(1);
    let alone = one(&alone);
    for (world, name) in [(2, "two"), (3, "three")] {
        let first = kept(name).outcomes(world);
        let first = one(&first);
        let distance = farthest(&first.losses, &alone.losses);
        assert!(distance < 1e-12, "{world} processes: {distance:e}");
        let files = |name: &str| {
            let sets = std::fs::read_dir(folder.path().join(name)).unwrap();
            let files = sets.flat_map(|set| std::fs::read_dir(set.unwrap().path()).unwrap());
            let mut files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
            files.sort();
            files
        };
        assert_eq!(files(name), files("alone"));
        // Two views of the training photos, one of the others, and a mark for each.
        assert_eq!(files(name).len(), 2 * 3 + 2 + 2);
        // Another run finds them.
        let second = kept(name).outcomes(world);
        assert_eq!(one(&second).losses, first.losses);
        assert_eq!(one(&second).weights, first.weights);
    }
    // Where one is asked to stop before the first step, all do.
    let stopped = Settings {
        stops: Some((1, 0)),
        ..kept("stopped")
    };
    for ended in stopped.start(2).wait() {
        assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
        assert!(ended.output.contains("error: stopped"), "{}", ended.output);
    }
}

/// In single precision, as networks are trained.
#[test]
fn single_precision_stays_near_one_process() {
    let photos = photos();
    let settings = Settings {
        epochs: 17,
        normed: false,
        ..Settings::new(photos.path())
    };
    let alone = settings.outcomes(1);
    for world in [2, 3, 4] {
        let together = settings.outcomes(world);
        let distance = farthest(&one(&together).losses, &one(&alone).losses);
        assert!(distance < 1e-5, "{world} processes: {distance:e}");
    }
}

#[test]
fn the_same_processes_have_the_same_bits() {
    let photos = photos();
    let settings = Settings::new(photos.path());
    let (first, second) = (settings.outcomes(3), settings.outcomes(3));
    let (first, second) = (one(&first), one(&second));
    assert_eq!(first.losses, second.losses);
    assert_eq!(first.weights, second.weights);
}

#[test]
fn a_training_that_one_process_stops_goes_on_to_the_same_bits() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let whole = Settings::new(photos.path());
    let expected = whole.outcomes(2);
    let expected = one(&expected);
    // Within an epoch, and at the end of one.
    for (name, step) in [("within", 2), ("between", 3)] {
        let left = Settings {
            state: Some(folder.path().join(name)),
            stops: Some((1, step)),
            ..whole.clone()
        };
        for outcome in left.outcomes(2) {
            assert!(!outcome.is_done);
            assert_eq!(outcome.losses, expected.losses[..step]);
        }
        let resumed = Settings { stops: None, ..left }.outcomes(2);
        let resumed = one(&resumed);
        assert_eq!(resumed.differs, None);
        assert_eq!(resumed.losses, expected.losses[step..]);
        assert_eq!(resumed.weights, expected.weights);
        assert_eq!(resumed.validation, expected.validation);
    }
    // With another number of processes it goes on, and says so.
    let left = Settings {
        state: Some(folder.path().join("fewer")),
        stops: Some((0, 2)),
        ..whole.clone()
    };
    left.outcomes(2);
    let resumed = Settings { stops: None, ..left }.outcomes(3);
    assert_eq!(
        one(&resumed).differs.as_deref(),
        Some("processes 3 in place of 2")
    );
}
