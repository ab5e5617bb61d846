//! Fine-tuning from the outside: frozen layers, kept features, repeated runs.

use crate::common::{graph, photos, prepared, recipe};
use marque_data::{Augment, ImageSize};
use marque_torch::{Network, NetworkOptions, Precision};
use marque_train::{
    Error, Event, Examples, FeatureConfig, Features, Observer, PredictRecipe, Prepared, Recipe, StopFlag,
    TrainedFrom, evaluate, fine_tune, predict,
};
use marque_weights::StateDict;
use std::path::{Path, PathBuf};

/// Trains the last layers of the tiny network: the second convolution of its only block, and the classifier.
fn last_layers(epochs: u32) -> Recipe {
    let mut recipe = recipe(epochs);
    recipe.model.trained_from = TrainedFrom::Nodes(vec!["layer1.0.conv2".to_owned()]);
    recipe.fit.views = Some(2);
    recipe.data.augment = Augment::subject();
    recipe
}

fn network(precision: Precision) -> Network {
    let options = NetworkOptions {
        seed: 9,
        precision,
        ..Default::default()
    };
    Network::new(graph(), options).unwrap()
}

fn in_folder(folder: &Path) -> FeatureConfig {
    FeatureConfig {
        folder: folder.to_owned(),
        views: 1,
        max_bytes: 100_000_000,
    }
}

fn quiet(_: &Event<'_>) -> Result<(), Error> {
    Ok(())
}

/// The weights and the losses of a run, these as bits.
fn run(
    data: &Prepared,
    recipe: &Recipe,
    precision: Precision,
    features: Option<&FeatureConfig>,
) -> (StateDict, Vec<[u64; 2]>) {
    let mut network = network(precision);
    let fitted = fine_tune(&mut network, data, recipe, features, &mut quiet).unwrap();
    let losses = fitted
        .history
        .epochs
        .iter()
        .map(|epoch| [epoch.train_loss, epoch.validation_loss.unwrap()].map(f64::to_bits));
    (network.state_dict().unwrap(), losses.collect())
}

fn feature_files(folder: &Path) -> Vec<PathBuf> {
    let sets = std::fs::read_dir(folder).unwrap().map(|set| set.unwrap().path());
    let files = sets.flat_map(|set| std::fs::read_dir(set).unwrap().map(|file| file.unwrap().path()));
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some()).collect();
    files.sort();
    files
}

#[test]
fn kept_features_change_no_bit_in_mixed_precision_and_little_in_single() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(4);
    let data = prepared(photos.path(), &recipe, 2);
    let config = in_folder(folder.path());
    assert_eq!(
        run(&data, &recipe, Precision::Mixed, Some(&config)),
        run(&data, &recipe, Precision::Mixed, None)
    );
    let (kept, kept_losses) = run(&data, &recipe, Precision::Single, Some(&config));
    let (fresh, fresh_losses) = run(&data, &recipe, Precision::Single, None);
    assert_ne!(kept_losses, fresh_losses, "nothing was rounded");
    for (name, tensor) in fresh.iter() {
        let (fresh, kept) = (tensor.to_f32().unwrap(), kept.f32_values(name).unwrap());
        // Eight steps of Adam at 1e-3 move a weight by at most 8e-3; features that are rounded to 11 bits turn around the
        // step of few.
        let difference = fresh.iter().zip(&kept[..]).map(|(a, b)| (a - b).abs());
        let mean = difference.sum::<f32>() / fresh.len() as f32;
        assert!(mean < 4e-4, "{name}: {mean}");
    }
}

#[test]
fn a_second_run_finds_the_features_and_gives_the_same_bits() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(3);
    let data = prepared(photos.path(), &recipe, 2);
    let config = in_folder(folder.path());
    let first = run(&data, &recipe, Precision::Single, Some(&config));
    let files = feature_files(folder.path());
    assert_eq!(
        files.len(),
        3,
        "two views for training, one for validation: {files:?}"
    );
    let written: Vec<_> = files
        .iter()
        .map(|file| file.metadata().unwrap().modified().unwrap())
        .collect();
    let second = run(&data, &recipe, Precision::Single, Some(&config));
    assert_eq!(first, second);
    assert_eq!(feature_files(folder.path()), files);
    for (file, time) in files.iter().zip(written) {
        assert_eq!(
            file.metadata().unwrap().modified().unwrap(),
            time,
            "{file:?} was written again"
        );
    }
}

#[test]
fn features_belong_to_weights_photos_and_settings() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(1);
    let config = FeatureConfig {
        views: 2,
        ..in_folder(folder.path())
    };
    let compute = |network: &Network, data: &Prepared| {
        Features::compute(network, &data.train, &config, &mut |_| Ok(()))
            .unwrap()
            .unwrap()
            .reused()
    };
    let frozen = |seed| {
        let options = NetworkOptions {
            seed,
            ..Default::default()
        };
        let mut network = Network::new(graph(), options).unwrap();
        network
            .train_from(recipe.model.trained_from.nodes().unwrap())
            .unwrap();
        network
    };
    let data = prepared(photos.path(), &recipe, 1);
    assert_eq!(compute(&frozen(1), &data), 0);
    assert_eq!(compute(&frozen(1), &data), 2);
    assert_eq!(compute(&frozen(2), &data), 0, "other weights");
    let mut head_only = frozen(1);
    head_only.train_from(&["fc"]).unwrap();
    assert_eq!(compute(&head_only, &data), 0, "another cut");
    let mut smaller = recipe.clone();
    smaller.data.image_size = ImageSize {
        height: 24,
        width: 32,
    };
    assert_eq!(
        compute(&frozen(1), &prepared(photos.path(), &smaller, 1)),
        0,
        "another size"
    );
    let mut plain = recipe.clone();
    plain.data.augment = Augment::none();
    assert_eq!(
        compute(&frozen(1), &prepared(photos.path(), &plain, 1)),
        0,
        "other changes"
    );
    assert_eq!(compute(&frozen(1), &data), 2, "the first are still there");
    let photo = &data.train.samples()[0].path;
    let bytes = std::fs::read(photo).unwrap();
    std::fs::write(photo, [bytes, vec![0]].concat()).unwrap();
    assert_eq!(compute(&frozen(1), &data), 0, "another photo");
}

#[test]
fn damaged_features_are_computed_again() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(2);
    let data = prepared(photos.path(), &recipe, 2);
    let config = in_folder(folder.path());
    let whole = run(&data, &recipe, Precision::Single, Some(&config));
    let files = feature_files(folder.path());
    let bytes = std::fs::read(&files[0]).unwrap();
    std::fs::write(&files[0], &bytes[..bytes.len() - 1]).unwrap();
    std::fs::write(&files[1], b"not features").unwrap();
    assert_eq!(run(&data, &recipe, Precision::Single, Some(&config)), whole);
    assert_eq!(std::fs::read(&files[0]).unwrap(), bytes);
}

#[test]
fn without_room_the_photos_themselves_are_used() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(2);
    let data = prepared(photos.path(), &recipe, 2);
    let none = FeatureConfig {
        max_bytes: 1000,
        ..in_folder(folder.path())
    };
    assert_eq!(
        run(&data, &recipe, Precision::Single, Some(&none)),
        run(&data, &recipe, Precision::Single, None)
    );
}

#[test]
fn frozen_layers_and_their_statistics_stay_as_they_are() {
    let photos = photos();
    let recipe = last_layers(2);
    let data = prepared(photos.path(), &recipe, 2);
    let before = network(Precision::Single).state_dict().unwrap();
    let (after, _) = run(&data, &recipe, Precision::Single, None);
    for (name, tensor) in before.iter() {
        let trained = ["layer1.0.conv2", "layer1.0.bn2", "fc"]
            .iter()
            .any(|start| name.starts_with(start));
        assert_eq!(after.get(name).unwrap() != tensor, trained, "{name}");
    }
}

#[test]
fn an_average_of_the_weights_takes_their_place() {
    let photos = photos();
    let plain = last_layers(3);
    let data = prepared(photos.path(), &plain, 2);
    let mut averaged = plain.clone();
    averaged.fit.averaging = Some(0.9);
    let (plain_weights, plain_losses) = run(&data, &plain, Precision::Single, None);
    let (weights, losses) = run(&data, &averaged, Precision::Single, None);
    assert_ne!(weights, plain_weights);
    for ([train, validation], [plain_train, plain_validation]) in losses.iter().zip(&plain_losses) {
        assert_eq!(
            train, plain_train,
            "the average must not change the steps themselves"
        );
        assert_ne!(validation, plain_validation);
    }
    // An average that keeps nothing of the past is the last weights.
    let mut last = plain;
    last.fit.averaging = Some(0.0);
    assert_eq!(run(&data, &last, Precision::Single, None).0, plain_weights);
}

#[test]
fn a_head_may_learn_faster() {
    let photos = photos();
    let recipe = last_layers(1);
    let before = network(Precision::Single).state_dict().unwrap();
    let change = |head_rate, name: &str| {
        let mut recipe = recipe.clone();
        recipe.fit.head_rate = head_rate;
        recipe.data.batch_size = 1000;
        let (after, _) = run(
            &prepared(photos.path(), &recipe, 2),
            &recipe,
            Precision::Single,
            None,
        );
        let (before, after) = (before.f32_values(name).unwrap(), after.f32_values(name).unwrap());
        before
            .iter()
            .zip(&after[..])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    // The first step of Adam has the length of the learning rate.
    let rate = recipe.fit.learning_rate as f32;
    assert!((change(1.0, "fc.weight") / rate - 1.0).abs() < 0.01);
    assert!((change(5.0, "fc.weight") / change(1.0, "fc.weight") - 5.0).abs() < 0.01);
    assert!((change(5.0, "layer1.0.conv2.weight") / change(1.0, "layer1.0.conv2.weight") - 1.0).abs() < 0.01);
}

#[test]
fn a_run_that_is_stopped_while_features_are_computed_says_so() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(2);
    let data = prepared(photos.path(), &recipe, 2);
    let features = in_folder(folder.path());
    let stop = StopFlag::default();
    let raised = stop.clone();
    let observer = move |event: &Event<'_>| {
        if let Event::Features(_) = event {
            raised.raise();
        }
        Ok(())
    };
    let observer: &mut dyn Observer = &mut (observer, stop);
    let outcome = fine_tune(
        &mut network(Precision::Single),
        &data,
        &recipe,
        Some(&features),
        observer,
    );
    assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
}

#[test]
fn features_are_measured_as_photos_are() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let recipe = last_layers(1);
    let data = prepared(photos.path(), &recipe, 2);
    let mut network = network(Precision::Mixed);
    network
        .train_from(recipe.model.trained_from.nodes().unwrap())
        .unwrap();
    let features = Features::compute(&network, &data.test, &in_folder(folder.path()), &mut |_| Ok(()));
    let features = Examples::from(features.unwrap().unwrap());
    assert_eq!(
        evaluate(&network, &features).unwrap(),
        evaluate(&network, &data.test).unwrap()
    );
    let names = &data.class_names;
    let (kept, _) = predict(&network, &features, names, &Default::default()).unwrap();
    let (fresh, _) = predict(&network, &data.test, names, &Default::default()).unwrap();
    assert_eq!(kept.probabilities, fresh.probabilities);
    assert_eq!(kept.paths, fresh.paths);

    let (mirrored, _) = predict(
        &network,
        &data.test,
        names,
        &PredictRecipe {
            mirrored: true,
            ..Default::default()
        },
    )
    .unwrap();
    assert_ne!(mirrored.probabilities, fresh.probabilities);
    for row in mirrored.probabilities.rows() {
        assert!((row.sum() - 1.0).abs() < 1e-5);
    }
}
