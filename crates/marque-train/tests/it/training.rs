//! Training from the outside: learning, repeating, stopping, saving.

use crate::common::{CLASSES, graph, photos, prepared, recipe};
use marque_data::{BadFiles, SplitConfig};
use marque_model::{Classifier, ModelCard, read_model, save_model};
use marque_torch::{Network, NetworkOptions};
use marque_train::{
    Error, Event, Fit, FitConfig, OptimizerConfig, PrepareConfig, Prepared, Recipe, Schedule, Sgd, StopFlag,
    StopReason, fit, predict, prepare,
};
use marque_weights::StateDict;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub(crate) fn network() -> Network {
    Network::new(
        graph(),
        NetworkOptions {
            seed: 9,
            ..Default::default()
        },
    )
    .unwrap()
}

fn run(data: &Prepared, config: &FitConfig) -> (Network, Result<Fit, Error>) {
    let mut network = network();
    let mut quiet = |_: &Event<'_>| Ok(());
    let outcome = fit(&mut network, &data.train, data.validation(), config, &mut quiet);
    (network, outcome)
}

/// The part of a history that does not depend on the clock.
fn numbers(fit: &Fit) -> Vec<[u64; 5]> {
    let epochs = fit.history.epochs.iter();
    let bits = epochs.map(|epoch| {
        let (loss, accuracy) = (epoch.validation_loss.unwrap(), epoch.validation_accuracy.unwrap());
        [
            epoch.train_loss,
            epoch.train_accuracy,
            loss,
            accuracy,
            epoch.learning_rate,
        ]
        .map(f64::to_bits)
    });
    bits.collect()
}

#[test]
fn a_network_learns_what_can_be_learnt() {
    let folder = photos();
    let recipe = recipe(12);
    let data = prepared(folder.path(), &recipe, 2);
    assert_eq!(data.class_names, CLASSES);
    let (network, outcome) = run(&data, &recipe.fit);
    let outcome = outcome.unwrap();
    let (first, last) = (
        outcome.history.epochs.first().unwrap(),
        outcome.history.epochs.last().unwrap(),
    );
    assert!(
        last.train_loss < 0.5 * first.train_loss,
        "{} {}",
        first.train_loss,
        last.train_loss
    );
    let (predictions, skipped) =
        predict(&network, &data.test, &data.class_names, &Default::default()).unwrap();
    assert!(skipped.is_empty());
    assert_eq!(predictions.labels.len(), 9);
    assert!(predictions.metrics().unwrap().accuracy > 0.8);
}

#[test]
fn runs_repeat_bit_for_bit_with_any_number_of_workers() {
    let folder = photos();
    let recipe = recipe(3);
    let runs: Vec<(Vec<[u64; 5]>, StateDict)> = [1, 1, 4]
        .into_iter()
        .map(|workers| {
            let data = prepared(folder.path(), &recipe, workers);
            let (network, outcome) = run(&data, &recipe.fit);
            (numbers(&outcome.unwrap()), network.state_dict().unwrap())
        })
        .collect();
    assert_eq!(runs[0].0.len(), 3);
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], runs[2]);
    assert_ne!(runs[0].1, network().state_dict().unwrap());
}

#[test]
fn training_ends_without_improvement_and_keeps_the_best_weights() {
    let folder = photos();
    let recipe = recipe(30);
    let data = prepared(folder.path(), &recipe, 2);
    let best = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&best);
    let mut keep = move |event: &Event<'_>| {
        if let Event::Improved { epoch, weights } = event {
            *seen.lock().unwrap() = Some((*epoch, (*weights).clone()));
        }
        Ok(())
    };
    // A rate at which the loss soon jumps about.
    let config = FitConfig {
        patience: Some(2),
        learning_rate: 0.3,
        ..recipe.fit.clone()
    };
    let mut network = network();
    let outcome = fit(&mut network, &data.train, data.validation(), &config, &mut keep).unwrap();
    assert_eq!(outcome.reason, StopReason::NoImprovement);
    let best_epoch = outcome.best_epoch.unwrap();
    assert_eq!(outcome.history.epochs.len() as u32, best_epoch + 2);
    assert_eq!(outcome.history.best_epoch().unwrap().epoch, best_epoch);
    let (epoch, weights) = best.lock().unwrap().take().unwrap();
    assert_eq!((epoch, weights), (best_epoch, network.state_dict().unwrap()));
}

#[test]
fn an_interrupted_training_ends_with_the_best_model_so_far() {
    let folder = photos();
    let recipe = recipe(10);
    let data = prepared(folder.path(), &recipe, 2);
    let config = &recipe.fit;
    let stop = StopFlag::default();
    let raised = stop.clone();
    let third_epoch = |event: &Event<'_>| {
        if matches!(event, Event::EpochStart { epoch: 3, .. }) {
            raised.raise();
        }
        Ok(())
    };
    let mut third_epoch = (third_epoch, stop);
    let mut network = network();
    let outcome = fit(
        &mut network,
        &data.train,
        data.validation(),
        config,
        &mut third_epoch,
    )
    .unwrap();
    assert_eq!(outcome.reason, StopReason::Interrupted);
    assert_eq!(outcome.history.epochs.len(), 2);
    assert!(outcome.best_epoch.is_some_and(|epoch| epoch <= 2));
}

/// Asked to stop in the last step of an epoch, a training measures the epoch and ends then.
#[test]
fn an_epoch_whose_steps_are_all_taken_is_not_lost() {
    let folder = photos();
    let recipe = recipe(10);
    let data = prepared(folder.path(), &recipe, 2);
    let stop = StopFlag::default();
    let (raised, mut steps) = (stop.clone(), 0);
    let last_step = |event: &Event<'_>| {
        if let Event::Step(_) = event {
            steps += 1;
            if steps == 2 * data.train.batches_per_epoch() {
                raised.raise();
            }
        }
        Ok(())
    };
    let mut network = network();
    let (validation, config) = (data.validation(), &recipe.fit);
    let mut observer = (last_step, stop);
    let outcome = fit(&mut network, &data.train, validation, config, &mut observer).unwrap();
    assert_eq!(outcome.reason, StopReason::Interrupted);
    assert_eq!(outcome.history.epochs.len(), 2);
}

#[test]
fn a_loss_that_explodes_stops_with_the_step_and_its_photos() {
    let folder = photos();
    let recipe = recipe(10);
    let data = prepared(folder.path(), &recipe, 2);
    let sgd = OptimizerConfig::Sgd(Sgd {
        momentum: 0.9,
        ..Default::default()
    });
    let (_, outcome) = run(
        &data,
        &FitConfig {
            optimizer: sgd,
            learning_rate: 1e30,
            ..recipe.fit.clone()
        },
    );
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
    // Eighteen photos in batches of eight: the first step is taken, the second finds its loss overflown.
    let expected = "the loss is NaN and the norm of its gradients NaN in epoch 1, step 2, at a learning rate of \
                    1000000000000000000000000000000; the photos of the step: ";
    let text = error.to_string();
    let photos = text.strip_prefix(expected).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(photos.matches(".png").count(), 8, "{photos}");
}

/// A disk that goes away between two epochs: what has been reached is not lost.
#[test]
fn photos_that_vanish_end_the_run_with_the_best_weights() {
    let folder = photos();
    let recipe = recipe(3);
    let data = prepared(folder.path(), &recipe, 2);
    let mut best = None;
    let mut broken = |event: &Event<'_>| {
        match event {
            Event::Improved { epoch, weights } => best = Some((*epoch, (*weights).clone())),
            Event::EpochStart { epoch: 2, .. } => {
                for sample in data.train.samples() {
                    std::fs::write(&sample.path, b"gone").unwrap();
                }
            }
            _ => {}
        }
        Ok(())
    };
    let mut network = network();
    let validation = data.validation();
    let error = fit(&mut network, &data.train, validation, &recipe.fit, &mut broken).unwrap_err();
    assert!(matches!(error, Error::PhotoChanged { .. }), "{error}");
    let (epoch, weights) = best.unwrap();
    assert_eq!((epoch, weights), (1, network.state_dict().unwrap()));
}

#[test]
fn photos_that_cannot_be_read_are_counted_or_stop_the_run() {
    let folder = photos();
    std::fs::write(folder.path().join("Red/broken.png"), b"not a photo").unwrap();
    let recipe = recipe(1);
    let data = prepared(folder.path(), &recipe, 2);
    let loaders = [Some(&data.train), data.validation.as_ref(), Some(&data.test)];
    assert_eq!(
        loaders.iter().flatten().map(|loader| loader.len()).sum::<usize>(),
        36
    );
    // The one that is known from the beginning is in no loader; another one goes bad later.
    assert_eq!(data.skipped.len(), 1);
    assert!(
        data.inventory
            .to_string()
            .contains("1 photo left out as unreadable: Red/broken.png")
    );
    std::fs::write(folder.path().join("Red/5.png"), b"no photo any more").unwrap();
    let mut skipped = 0;
    let mut network = network();
    let mut count = |event: &Event<'_>| {
        if let Event::EpochEnd {
            skipped: left_out, ..
        } = event
        {
            skipped += left_out;
        }
        Ok(())
    };
    fit(
        &mut network,
        &data.train,
        data.validation(),
        &recipe.fit,
        &mut count,
    )
    .unwrap();
    let (predictions, unreadable) =
        predict(&network, &data.test, &data.class_names, &Default::default()).unwrap();
    assert_eq!(skipped + unreadable.len(), 1);
    assert_eq!(predictions.labels.len() + unreadable.len(), data.test.len());

    // The other one is bad from the beginning and stops before anything is trained.
    std::fs::copy(folder.path().join("Red/6.png"), folder.path().join("Red/5.png")).unwrap();
    let all_parts = SplitConfig {
        train: 1.0,
        validation: 0.0,
        test: 0.0,
        ..Default::default()
    };
    let config = PrepareConfig {
        split: SplitConfig {
            train: 0.5,
            validation: 0.0,
            test: 0.5,
            ..all_parts
        },
        bad_files: BadFiles::Stop,
        workers: 1,
        seed: 0,
        ..PrepareConfig::default()
    };
    let stopped = prepare(folder.path(), &recipe.data, &config).unwrap_err();
    assert!(stopped.to_string().contains("broken.png"), "{stopped}");
}

#[test]
fn without_a_validation_part_the_last_epoch_counts() {
    let folder = photos();
    let recipe = recipe(2);
    let data = prepared(folder.path(), &recipe, 2);
    let mut network = network();
    let mut quiet = |_: &Event<'_>| Ok(());
    let outcome = fit(&mut network, &data.train, None, &recipe.fit, &mut quiet).unwrap();
    assert_eq!(outcome.best_epoch, Some(2));
    assert!(
        outcome
            .history
            .epochs
            .iter()
            .all(|epoch| epoch.validation_loss.is_none())
    );
}

#[test]
fn one_file_is_a_model() {
    let folder = photos();
    let recipe = recipe(8);
    let data = prepared(folder.path(), &recipe, 2);
    let (network, _) = run(&data, &recipe.fit);
    let card = ModelCard {
        graph: network.graph().clone(),
        class_names: data.class_names.clone(),
        preprocess: data.preprocess.clone(),
        mirrored: false,
        scales: vec![1.0],
        five_crop: None,
        temperature: 1.0,
        run: [("Recipe".to_owned(), recipe.name.clone())].into(),
    };
    let path = folder.path().join("model.safetensors");
    save_model(&path, &network.state_dict().unwrap(), &card).unwrap();
    assert_eq!(read_model(&path).unwrap().0, card);

    let classifier = Classifier::<Network>::open(&path, Default::default()).unwrap();
    let (predictions, _) = predict(&network, &data.test, &data.class_names, &Default::default()).unwrap();
    for (photo, row) in predictions.paths.iter().zip(predictions.probabilities.rows()) {
        let classes = classifier.classify(Path::new(photo)).unwrap();
        assert!((classes.iter().map(|class| class.probability).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(
            classes
                .windows(2)
                .all(|pair| pair[0].probability >= pair[1].probability)
        );
        for class in classes {
            let label = CLASSES.iter().position(|name| *name == class.class_name).unwrap();
            // The same photo alone and in a batch: sums in another order.
            assert!((class.probability - row[label]).abs() < 1e-4, "{photo}");
        }
    }
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let open = || {
        Classifier::<Network>::open(&path, Default::default())
            .unwrap_err()
            .to_string()
    };
    assert!(open().contains("cannot read"));
    std::fs::write(&path, b"GIF89a").unwrap();
    assert!(open().contains("it is a GIF image"));
    let weights = network().state_dict().unwrap();
    weights.write(&path).unwrap();
    assert!(open().contains("no description"), "{}", open());

    let card = ModelCard {
        graph: graph(),
        class_names: vec!["one".into(), "two".into(), "three".into()],
        preprocess: Default::default(),
        mirrored: false,
        scales: vec![1.0],
        five_crop: None,
        temperature: 1.0,
        run: Default::default(),
    };
    save_model(
        &path,
        &weights,
        &ModelCard {
            class_names: vec!["one".into()],
            ..card.clone()
        },
    )
    .unwrap();
    assert!(open().contains("3 logits for 1 classes"), "{}", open());
    let mut less = StateDict::default();
    for (name, tensor) in weights.iter().filter(|(name, _)| *name != "fc.bias") {
        less.insert(name, tensor.clone());
    }
    save_model(&path, &less, &card).unwrap();
    assert!(open().contains("missing      fc.bias"), "{}", open());
    let mut newer = weights.clone();
    newer
        .metadata
        .insert("marque".into(), r#"{"format":2,"card":{}}"#.into());
    newer.write(&path).unwrap();
    assert!(open().contains("format is number 2"), "{}", open());
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = photos();
    let recipe = recipe(1);
    let data = prepared(folder.path(), &recipe, 1);
    let good = recipe.fit;
    for bad in [
        FitConfig {
            epochs: 0,
            ..good.clone()
        },
        FitConfig {
            learning_rate: f64::NAN,
            ..good.clone()
        },
        FitConfig {
            learning_rate: 0.0,
            ..good.clone()
        },
        FitConfig {
            label_smoothing: 1.0,
            ..good.clone()
        },
        FitConfig {
            schedule: Schedule::cosine(2.0),
            ..good.clone()
        },
        FitConfig {
            optimizer: OptimizerConfig::adam_w(-1.0),
            ..good.clone()
        },
    ] {
        assert!(matches!(run(&data, &bad).1, Err(Error::Setting(_))), "{bad:?}");
    }
    let unknown = Recipe::named("sbuject").unwrap_err().to_string();
    assert_eq!(
        unknown,
        "no recipe is called \"sbuject\"; known are subject, scratch, quick"
    );
}
