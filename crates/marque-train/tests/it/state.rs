//! Trainings that go on from a state take the same steps, to the bit.

use crate::common::{photos, prepared, recipe};
use crate::training::network;
use marque_data::Augment;
use marque_torch::{Network, NetworkOptions, Precision};
use marque_train::{
    Error, Event, Examples, FeatureConfig, FitConfig, OptimizerConfig, Prepared, ProgressiveResizing, Recipe,
    Schedule, Sgd, StopFlag, StopReason, TrainedFrom, Training, TrainingState, fine_tuning,
};
use marque_weights::StateDict;

fn quiet(_: &Event<'_>) -> Result<(), Error> {
    Ok(())
}

/// Shuffled and shifted photos, eighteen in batches of eight: three steps an epoch.
fn changing() -> Recipe {
    let mut recipe = recipe(3);
    recipe.data.augment = Augment::subject();
    recipe.fit.schedule = Schedule::cosine(0.2);
    recipe
}

fn rules() -> [FitConfig; 5] {
    let base = changing().fit;
    let sgd = OptimizerConfig::Sgd(Sgd {
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.01,
    });
    [
        FitConfig {
            optimizer: OptimizerConfig::adam_w(0.05),
            ..base.clone()
        },
        FitConfig {
            optimizer: OptimizerConfig::adam_w(0.05),
            averaging: Some(0.9),
            ..base.clone()
        },
        FitConfig {
            optimizer: sgd,
            averaging: Some(0.9),
            views: Some(2),
            ..base.clone()
        },
        FitConfig {
            optimizer: OptimizerConfig::Sgd(Sgd::default()),
            patience: Some(1),
            ..base.clone()
        },
        FitConfig {
            resizing: Some(ProgressiveResizing::default()),
            ..base
        },
    ]
}

/// What decides what comes of a training, as far as it does not depend on the clock.
type Numbers = (StateDict, Vec<[u64; 4]>, Option<u32>);

fn numbers(training: Training<Network>) -> Numbers {
    let (network, history, best) = training.into_best().unwrap();
    let bits = history.epochs.iter().map(|epoch| {
        let validation = epoch.validation_loss.unwrap();
        [
            epoch.train_loss,
            epoch.train_accuracy,
            validation,
            epoch.learning_rate,
        ]
        .map(f64::to_bits)
    });
    (network.state_dict().unwrap(), bits.collect(), best)
}

/// The state as one finds it after the process has ended.
fn through_a_file(state: &TrainingState) -> TrainingState {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    state.write(&path).unwrap();
    // The file is mapped, so that it may be removed.
    TrainingState::read(&path).unwrap()
}

fn training(data: &Prepared, config: &FitConfig) -> Training<Network> {
    Training::new(network(), &data.train, data.validation(), config).unwrap()
}

/// Takes this many steps, ending epochs on the way.
fn steps(training: &mut Training<Network>, count: usize) {
    let flag = StopFlag::default();
    let (raised, mut taken) = (flag.clone(), 0);
    let counted = |event: &Event<'_>| {
        if let Event::Step(_) = event {
            taken += 1;
            if taken == count {
                raised.raise();
            }
        }
        Ok(())
    };
    if count > 0 {
        assert_eq!(
            training.run(&mut (counted, flag)).unwrap(),
            StopReason::Interrupted
        );
    }
}

#[test]
fn a_training_goes_on_to_the_same_bits_wherever_it_was_left() {
    let folder = photos();
    let recipe = changing();
    let data = prepared(folder.path(), &recipe, 2);
    for config in rules() {
        let mut whole = training(&data, &config);
        let reason = whole.run(&mut quiet).unwrap();
        let whole = numbers(whole);
        for left_after in [0, 1, 3, 4, 7] {
            let mut first = training(&data, &config);
            steps(&mut first, left_after);
            let state = through_a_file(&first.state().unwrap());
            drop(first);
            // Another number of workers changes nothing.
            let data = prepared(folder.path(), &recipe, 1);
            let mut second = training(&data, &config);
            assert_eq!(second.restore(&state).unwrap(), None);
            assert_eq!(second.run(&mut quiet).unwrap(), reason);
            assert!(numbers(second) == whole, "after {left_after} steps of {config:?}");
        }
    }
}

/// Every optimiser, loss and way of mixing, sampling, bounding and averaging, some of them together.
const METHODS: [&[&str]; 9] = [
    &[
        "fit.optimizer=nadam",
        "fit.schedule=plateau",
        "fit.schedule.patience=0",
    ],
    &[
        "fit.optimizer={\"rule\": \"rmsprop\", \"momentum\": 0.9, \"centered\": true}",
        "fit.clipping=norm",
        "fit.schedule=one_cycle",
    ],
    &["fit.optimizer=lamb", "fit.clipping=adaptive", "fit.schedule=step"],
    &[
        "fit.optimizer=lion",
        "fit.loss=focal",
        "fit.class_weights=balanced",
        "fit.layer_decay=0.5",
    ],
    &[
        "fit.optimizer=adan",
        "fit.loss=binary",
        "fit.clipping=value",
        "data.sampler=balanced",
    ],
    &[
        "fit.mixing={\"mixup\": 0.2, \"cutmix\": 1.0}",
        "fit.accumulation=2",
        "fit.averaging=0.9",
    ],
    &[
        "fit.sharpness={\"rho\": 0.1}",
        "fit.non_finite=skip",
        "fit.clipping=norm",
        "data.last_batch=drop",
        "data.sampler=weighted",
    ],
    &[
        "fit.patience=none",
        "fit.swa=0.3",
        "fit.mixing={\"mixup\": 0.2}",
        "fit.schedule=constant",
    ],
    &[
        "data.sampler={\"kind\": \"repeated\", \"times\": 2}",
        "data.last_batch=keep",
    ],
];

#[test]
fn every_method_goes_on_to_the_same_bits() {
    let folder = photos();
    let mut outcomes: Vec<StateDict> = Vec::new();
    for settings in METHODS {
        let mut recipe = changing();
        for setting in settings {
            recipe = recipe.with(setting).unwrap();
        }
        let data = prepared(folder.path(), &recipe, 2);
        let mut whole = training(&data, &recipe.fit);
        whole.run(&mut quiet).unwrap();
        let whole = numbers(whole);
        for left_after in [1, 3, 5] {
            let mut first = training(&data, &recipe.fit);
            steps(&mut first, left_after);
            let state = through_a_file(&first.state().unwrap());
            let mut second = training(&data, &recipe.fit);
            assert_eq!(second.restore(&state).unwrap(), None);
            second.run(&mut quiet).unwrap();
            assert!(
                numbers(second) == whole,
                "after {left_after} steps of {settings:?}"
            );
        }
        assert!(outcomes.iter().all(|other| *other != whole.0), "{settings:?}");
        outcomes.push(whole.0);
    }
}

#[test]
fn a_photo_that_is_left_out_is_left_out_once() {
    let folder = photos();
    let recipe = changing();
    let data = prepared(folder.path(), &recipe, 2);
    for sample in data.train.samples().iter().step_by(3) {
        std::fs::write(&sample.path, b"no photo any more").unwrap();
    }
    let config = &rules()[1];
    let counted = |training: &mut Training<Network>| {
        let mut skipped = Vec::new();
        let mut observer = |event: &Event<'_>| {
            if let Event::EpochEnd {
                skipped: left_out, ..
            } = event
            {
                skipped.push(*left_out);
            }
            Ok(())
        };
        training.run(&mut observer).unwrap();
        skipped
    };
    let mut whole = training(&data, config);
    let expected = counted(&mut whole);
    assert!(expected[0] >= 6, "{expected:?}");
    let whole = numbers(whole);
    for left_after in [1, 2, 3] {
        let mut first = training(&data, config);
        steps(&mut first, left_after);
        let mut second = training(&data, config);
        second.restore(&through_a_file(&first.state().unwrap())).unwrap();
        // An epoch whose last step was taken has been measured before.
        let seen = counted(&mut second);
        assert!(!seen.is_empty() && (left_after > 1 || seen.len() == expected.len()));
        assert_eq!(
            seen,
            expected[expected.len() - seen.len()..],
            "after {left_after} steps"
        );
        assert!(numbers(second) == whole, "after {left_after} steps");
    }
}

/// In mixed and in double precision, with dropout, from kept features of a frozen prefix.
#[test]
fn fine_tuning_goes_on_to_the_same_bits_in_every_precision() {
    let (folder, kept) = (photos(), tempfile::tempdir().unwrap());
    let mut recipe = changing();
    recipe.model.head = marque_arch::Head::Subject;
    recipe.model.trained_from = TrainedFrom::Nodes(vec!["layer1.0.conv2".to_owned()]);
    recipe.fit.views = Some(2);
    recipe.fit.averaging = Some(0.9);
    let data = prepared(folder.path(), &recipe, 2);
    for precision in [Precision::Single, Precision::Mixed, Precision::Double] {
        let features = FeatureConfig {
            folder: kept.path().to_owned(),
            views: 1,
            max_bytes: 100_000_000,
        };
        let begun = || {
            let graph = recipe.graph(&crate::common::graph(), 3).unwrap();
            let options = NetworkOptions {
                seed: 9,
                precision,
                ..Default::default()
            };
            let network = Network::new(graph, options).unwrap();
            fine_tuning(network, &data, &recipe, Some(&features), &mut quiet).unwrap()
        };
        let mut whole = begun();
        whole.run(&mut quiet).unwrap();
        let whole = numbers(whole);
        for left_after in [2, 5] {
            let mut first = begun();
            steps(&mut first, left_after);
            let mut second = begun();
            second.restore(&through_a_file(&first.state().unwrap())).unwrap();
            second.run(&mut quiet).unwrap();
            assert!(numbers(second) == whole, "{precision:?} after {left_after} steps");
        }
    }
}

#[test]
fn a_state_of_another_training_is_refused_with_what_differs() {
    let folder = photos();
    let recipe = changing();
    let data = prepared(folder.path(), &recipe, 2);
    let config = recipe.fit.clone();
    let mut first = training(&data, &config);
    steps(&mut first, 2);
    let state = first.state().unwrap();
    let refused = |data: &Prepared, config: &FitConfig, state: &TrainingState| {
        let mut other = training(data, config);
        other.restore(state).unwrap_err().to_string()
    };
    let slower = FitConfig {
        learning_rate: 1e-4,
        ..config.clone()
    };
    assert!(refused(&data, &slower, &state).contains("its way of training"));
    let mut smaller = recipe.clone();
    smaller.data.batch_size = 6;
    let smaller = prepared(folder.path(), &smaller, 2);
    assert!(refused(&smaller, &config, &state).contains("its list of training photos"));
    let mut other = Training::new(network(), &data.train, None, &config).unwrap();
    let error = other.restore(&state).unwrap_err().to_string();
    assert!(error.contains("its list of validation photos"), "{error}");
    let mut partly = network();
    partly.train_from(&["layer1.0.conv2"]).unwrap();
    let mut other = Training::new(partly, &data.train, data.validation(), &config).unwrap();
    let error = other.restore(&state).unwrap_err().to_string();
    assert!(error.contains("its network or its frozen part"), "{error}");

    let mut elsewhere = state.clone();
    elsewhere.identity.place.threads += 1;
    let mut other = training(&data, &config);
    let differs = other.restore(&elsewhere).unwrap().unwrap();
    assert!(differs.starts_with("threads"), "{differs}");

    let mut damaged = state;
    let mut tensors = StateDict::default();
    for (name, tensor) in damaged
        .tensors
        .iter()
        .filter(|(name, _)| *name != "optimizer.1/fc.weight")
    {
        tensors.insert(name, tensor.clone());
    }
    damaged.tensors = tensors;
    let error = refused(&data, &config, &damaged);
    assert!(
        error.contains("damaged") && error.contains("fc.weight"),
        "{error}"
    );

    // The photos' folder may lie elsewhere; what it holds may not be another.
    let moved = photos();
    let moved_data = prepared(moved.path(), &recipe, 2);
    training(&moved_data, &config)
        .restore(&first.state().unwrap())
        .unwrap();
    let photo = &moved_data.train.samples()[0].path;
    let bytes = [std::fs::read(photo).unwrap(), b"more".to_vec()].concat();
    std::fs::write(photo, bytes).unwrap();
    let error = refused(&moved_data, &config, &first.state().unwrap());
    assert!(error.contains("its list of training photos"), "{error}");
}

#[test]
fn examples_are_shared_by_their_clones() {
    let folder = photos();
    let data = prepared(folder.path(), &changing(), 2);
    let examples = Examples::from(&data.train);
    assert_eq!(examples.clone().loader().samples(), data.train.samples());
}
