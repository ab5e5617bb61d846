//! State files, and what must not spoil them.

use crate::common::{photos, prepared, recipe};
use crate::training::network;
use image::{Rgb, RgbImage};
use marque_data::{Augment, BadFile, ImageSize, Loader, LoaderConfig, Preprocess, Sample};
use marque_metrics::EpochRecord;
use marque_torch::Network;
use marque_train::{
    Error, Event, FitConfig, NonFinite, Observer, Prepared, SaveConfig, StopFlag, StopReason, Training,
    TrainingState,
};
use marque_weights::{StateDict, Tensor};
use std::path::Path;
use std::time::Duration;

fn quiet(_: &Event<'_>) -> Result<(), Error> {
    Ok(())
}

fn begun(data: &Prepared) -> Training<Network> {
    let config = FitConfig {
        averaging: Some(0.9),
        ..recipe(3).fit
    };
    Training::new(network(), &data.train, data.validation(), &config).unwrap()
}

/// A state in the midst of an epoch, with numbers whose last bits a careless writer loses.
fn state(data: &Prepared) -> TrainingState {
    let mut training = begun(data);
    training.epoch(&mut quiet).unwrap();
    training.step().unwrap();
    let mut state = training.state().unwrap();
    let awkward = [0.1 + 0.2, f64::MIN_POSITIVE / 3.0, 1e300, 0.7 * 3.0];
    let position = state.position.as_mut().unwrap();
    position.sums.loss = awkward[0];
    position.learning_rate = awkward[1];
    position.seconds = awkward[2];
    position.skipped = vec![BadFile {
        path: "Blå/ü.png".into(),
        reason: "\"half\"".to_owned(),
    }];
    state.history.epochs[0].train_loss = awkward[3];
    state
}

fn bits(record: &EpochRecord) -> [u64; 4] {
    [
        record.train_loss,
        record.train_accuracy,
        record.seconds,
        record.learning_rate,
    ]
    .map(f64::to_bits)
}

#[test]
fn a_state_file_gives_back_every_bit() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let state = state(&data);
    let path = folder.path().join("run/state.safetensors");
    let bytes = state.write(&path).unwrap();
    assert!(bytes > 0 && bytes < std::fs::metadata(&path).unwrap().len());
    let read = TrainingState::read(&path).unwrap();
    assert_eq!(read.identity, state.identity);
    assert_eq!(read.position, state.position);
    let [read_position, position] = [&read, &state].map(|state| state.position.as_ref().unwrap());
    assert_eq!(read_position.sums.loss.to_bits(), position.sums.loss.to_bits());
    assert_eq!(
        read_position.learning_rate.to_bits(),
        position.learning_rate.to_bits()
    );
    assert_eq!(
        (read.optimizer_steps, read.average_updates, read.best),
        (state.optimizer_steps, state.average_updates, state.best)
    );
    assert_eq!(bits(&read.history.epochs[0]), bits(&state.history.epochs[0]));
    assert_eq!(read.tensors.len(), state.tensors.len());
    for (name, tensor) in state.tensors.iter() {
        assert!(read.tensors.get(name) == Some(tensor), "{name}");
    }
    // Any tool can look inside.
    let file = StateDict::read(&path).unwrap();
    assert!(file.get("weights/fc.weight").is_some() && file.get("optimizer.1/fc.weight").is_some());
}

/// What a reader finds × the words of the error.
#[test]
fn files_that_are_no_states_are_refused() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let good = folder.path().join("good.safetensors");
    state(&data).write(&good).unwrap();
    let card = StateDict::read(&good).unwrap().metadata["marque-state"].clone();
    let path = folder.path().join("bad.safetensors");
    let refused = |what: &str, message: &str| {
        let error = TrainingState::read(&path).unwrap_err().to_string();
        assert!(
            error.contains(message) && error.contains("bad.safetensors"),
            "{what}: {error}"
        );
    };
    let with_card = |card: Option<String>| {
        let mut file = StateDict::default();
        file.insert("weights/a", Tensor::from_f32(&[1], &[1.0]).unwrap());
        file.metadata
            .extend(card.map(|card| ("marque-state".to_owned(), card)));
        file.write(&path).unwrap();
    };
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    refused("cut", "");
    with_card(None);
    refused("a model", "no account of a training");
    with_card(Some("{\"format\":2}".to_owned()));
    refused("another format", "its format is number 2");
    with_card(Some("{\"format\":1}".to_owned()));
    refused("no fields", "missing field");
    with_card(Some(card.replacen("\"history\"", "\"story\"", 1)));
    refused("another field", "unknown field");
    with_card(Some(card.replacen(":3.", ":NaN.", 1).replacen("0.3", "nan", 1)));
    refused("no number", "is no state of a training");

    // Numbers that no training has.
    let mut training = begun(&data);
    let mut damaged = |change: &dyn Fn(&mut TrainingState)| {
        let mut state = state(&data);
        change(&mut state);
        let error = training.restore(&state).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    };
    damaged(&|state| state.position.as_mut().unwrap().epoch = 0);
    damaged(&|state| state.position.as_mut().unwrap().epoch = 3);
    damaged(&|state| state.best.as_mut().unwrap().epoch = 2);
    damaged(&|state| state.history.epochs[0].epoch = 7);
    damaged(&|state| state.average_updates = None);
    damaged(&|state| {
        let tensors = state.tensors.iter().filter(|(name, _)| *name != "best/fc.weight");
        let mut kept = StateDict::default();
        tensors.for_each(|(name, tensor)| kept.insert(name, tensor.clone()));
        state.tensors = kept;
    });
}

#[test]
fn numbers_that_are_none_never_replace_a_good_state() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let path = folder.path().join("state.safetensors");
    let mut state = state(&data);
    state.write(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.5; 5000];
        values[4097] = broken;
        let tensor = Tensor::from_f32(&[5000], &values).unwrap();
        state.tensors.insert("weights/broken", tensor);
        let error = state.write(&path).unwrap_err().to_string();
        assert!(error.contains("weights/broken"), "{error}");
        assert!(std::fs::read(&path).unwrap() == good);
    }
}

/// Is told of everything, and asks to stop after some steps.
struct Stopping<'a> {
    steps: usize,
    saved: usize,
    stop_after: usize,
    file: &'a Path,
}

impl Observer for Stopping<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Step(_) => self.steps += 1,
            Event::Saved { path, bytes, .. } => {
                assert_eq!(*path, self.file);
                assert!(*bytes > 0);
                self.saved += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.steps >= self.stop_after
    }
}

#[test]
fn a_state_is_written_as_often_as_asked() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let file = folder.path().join("state.safetensors");
    let saves = |every: Option<Duration>, each_epoch: bool, stop_after: usize| {
        let mut training = begun(&data);
        training.save_to(SaveConfig {
            every,
            each_epoch,
            ..SaveConfig::new(&file)
        });
        let mut observer = Stopping {
            steps: 0,
            saved: 0,
            stop_after,
            file: &file,
        };
        training.run(&mut observer).unwrap();
        observer.saved
    };
    let (never, always) = (None, Some(Duration::ZERO));
    // Three epochs of three steps.
    assert_eq!(saves(never, false, 100), 1, "at the end");
    assert_eq!(saves(never, true, 100), 3, "at the end of each epoch");
    assert_eq!(
        saves(always, false, 100),
        9 + 1,
        "after every step and at the end"
    );
    assert_eq!(
        saves(Some(Duration::from_hours(1)), true, 4),
        1 + 1,
        "when it is left"
    );
    let state = TrainingState::read(&file).unwrap();
    assert_eq!(state.place(), "behind step 1 of epoch 2");
    let mut training = begun(&data);
    training.restore(&state).unwrap();
    assert_eq!(training.run(&mut quiet).unwrap(), StopReason::Finished);
}

/// A state that cannot be written ends the training, and leaves the last one.
#[test]
fn a_full_or_closed_folder_leaves_the_last_state() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let (run, file) = (
        folder.path().join("run"),
        folder.path().join("run/state.safetensors"),
    );
    let mut training = begun(&data);
    training.save_to(SaveConfig::new(&file));
    let aside = folder.path().join("aside");
    let mut moved = |event: &Event<'_>| {
        if let Event::EpochStart { epoch: 2, .. } = event {
            std::fs::rename(&run, &aside).unwrap();
            std::fs::write(&run, "in the way").unwrap();
        }
        Ok(())
    };
    let error = training.run(&mut moved).unwrap_err().to_string();
    assert!(error.contains("state.safetensors"), "{error}");
    let state = TrainingState::read(&aside.join("state.safetensors")).unwrap();
    assert_eq!(state.place(), "behind epoch 1");
}

/// Photos in the order of their brightness: one is 255 in all pixels, all others are black. With such preprocessing the
/// bright one overflows.
fn overflowing(folder: &Path, count: usize, bright: &[usize]) -> Loader {
    let samples = (0..count).map(|number| {
        let value = if bright.contains(&number) { 255 } else { 0 };
        let path = folder.join(format!("{number}.png"));
        RgbImage::from_pixel(24, 24, Rgb([value; 3])).save(&path).unwrap();
        Sample::new(path, number % 3)
    });
    let samples = samples.collect();
    let preprocess = Preprocess {
        image_size: ImageSize::square(24),
        mean: [0.0; 3],
        std: [1e-38; 3],
        ..Preprocess::default()
    };
    let config = LoaderConfig {
        batch_size: 4,
        workers: 2,
        ..LoaderConfig::default()
    };
    Loader::new(samples, preprocess, Augment::none(), config).unwrap()
}

fn all_finite(weights: &StateDict) -> bool {
    weights
        .iter()
        .all(|(_, tensor)| tensor.to_f64().into_iter().all(f64::is_finite))
}

#[test]
fn a_batch_without_a_loss_changes_nothing_and_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let loader = overflowing(folder.path(), 20, &[9]);
    let config = |non_finite| FitConfig {
        non_finite,
        averaging: Some(0.9),
        ..recipe(2).fit
    };
    let mut training = Training::new(network(), &loader, None, &config(NonFinite::Stop)).unwrap();
    training.step().unwrap();
    training.step().unwrap();
    let before = training.state().unwrap();
    let error = training.step().unwrap_err();
    let text = error.to_string();
    let Error::NonFiniteLoss {
        gradient_norm,
        epoch: 1,
        step: 3,
        photos,
        ..
    } = error
    else {
        panic!("{text}")
    };
    assert!(!gradient_norm.is_finite() && photos.contains("9.png") && text.contains("norm of its gradients"));
    let after = training.state().unwrap();
    assert!(
        before.weights() == after.weights(),
        "weights and running statistics"
    );
    assert_eq!(before.optimizer_steps, after.optimizer_steps);

    let mut training = Training::new(network(), &loader, None, &config(NonFinite::Skip)).unwrap();
    let (mut left_out, mut steps) = (Vec::new(), Vec::new());
    let mut observer = |event: &Event<'_>| {
        match event {
            Event::BatchSkipped(skipped) => left_out.push((skipped.epoch, skipped.step)),
            Event::Step(step) => {
                assert!(step.gradient_norm.is_some_and(f64::is_finite));
                steps.push(step.step);
            }
            _ => {}
        }
        Ok(())
    };
    training.run(&mut observer).unwrap();
    assert_eq!(left_out, [(1, 3), (2, 3)]);
    assert_eq!(
        steps,
        [1, 2, 4, 5, 6, 7, 9, 10],
        "their steps count in the schedule"
    );
    assert!(all_finite(&training.network().state_dict().unwrap()));

    // Where it is no accident, it ends.
    let loader = overflowing(&folder.path().join("."), 20, &(0..20).collect::<Vec<_>>());
    let mut training = Training::new(network(), &loader, None, &config(NonFinite::Skip)).unwrap();
    let error = training.run(&mut quiet).unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
}

#[test]
fn photos_must_stay_what_they_were() {
    let photos = photos();
    let data = prepared(photos.path(), &recipe(3), 2);
    let photo = data.train.samples()[4].path.clone();
    let good = std::fs::read(&photo).unwrap();
    let ended = |change: &dyn Fn()| {
        std::fs::write(&photo, &good).unwrap();
        let mut training = begun(&data);
        let mut changing = |event: &Event<'_>| {
            if let Event::EpochEnd { record, .. } = event
                && record.epoch == 1
            {
                change();
            }
            Ok(())
        };
        let error = training.run(&mut changing).unwrap_err();
        assert_eq!(training.history().epochs.len(), 1);
        assert!(matches!(error, Error::PhotoChanged { .. }), "{error}");
        error.to_string()
    };
    let larger = ended(&|| std::fs::write(&photo, [good.clone(), vec![0]].concat()).unwrap());
    let sizes = format!("was of {} bytes, and is of {} bytes", good.len(), good.len() + 1);
    assert!(
        larger.contains(&sizes) && larger.contains(&photo.display().to_string()),
        "{larger}"
    );
    let gone = ended(&|| std::fs::remove_file(&photo).unwrap());
    assert!(gone.contains("is not there"), "{gone}");
}

/// A measurement that lacks a photo which was there when the training began is none.
#[test]
fn no_epoch_is_measured_without_a_photo_that_is_gone() {
    let photos = photos();
    let data = prepared(photos.path(), &recipe(3), 2);
    let photo = data.validation.as_ref().unwrap().samples()[0].path.clone();
    let mut training = begun(&data);
    let mut removing = |event: &Event<'_>| {
        if let Event::Step(step) = event
            && step.step == 4
        {
            std::fs::remove_file(&photo).unwrap();
        }
        Ok(())
    };
    let error = training.run(&mut removing).unwrap_err();
    assert!(matches!(error, Error::PhotoChanged { .. }), "{error}");
    assert_eq!(training.history().epochs.len(), 1);
}

/// In the midst of an epoch a photo that is gone is seen before any step is taken without it.
#[test]
fn no_step_is_taken_without_a_photo_that_is_gone() {
    let photos = photos();
    let data = prepared(photos.path(), &recipe(3), 1);
    let config = recipe(3).fit;
    // Batches that are read when they are asked for.
    let settings = LoaderConfig {
        prefetch: 0,
        ..data.train.config().clone()
    };
    let samples = data.train.samples().to_vec();
    let loader = Loader::new(samples, data.preprocess.clone(), Augment::none(), settings).unwrap();
    let mut training = Training::new(network(), &loader, None, &config).unwrap();
    training.step().unwrap();
    let last = &loader.plan(1)[2];
    std::fs::remove_file(&loader.samples()[last[0]].path).unwrap();
    let mut steps = 1;
    let error = loop {
        match training.step() {
            Ok(Some(_)) => steps += 1,
            Ok(None) => panic!("the epoch ended after {steps} steps"),
            Err(error) => break error,
        }
    };
    assert!(
        steps < 3 && matches!(error, Error::PhotoChanged { .. }),
        "{error}"
    );
}

#[test]
fn a_stop_before_the_first_step_keeps_a_state_too() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let data = prepared(photos.path(), &recipe(3), 2);
    let file = folder.path().join("state.safetensors");
    let stop = StopFlag::default();
    stop.raise();
    let mut training = begun(&data);
    training.save_to(SaveConfig::new(&file));
    let mut observer = (quiet, stop);
    assert_eq!(training.run(&mut observer).unwrap(), StopReason::Interrupted);
    assert_eq!(TrainingState::read(&file).unwrap().place(), "behind epoch 0");
}
