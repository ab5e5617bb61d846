//! What trainings do beside plain steps, against the same written out by hand.

use crate::common::{graph, photos, prepared, recipe};
use marque_arch::{ArchitectureOptions, BiasInit, Conv2d, Graph, GraphBuilder, Linear, Op, architecture};
use marque_data::{Batch, Loader};
use marque_torch::{
    Device, Kind, Mode, Network, NetworkOptions, Precision, Tensor, array_from_tensor, tensor_from_images,
};
use marque_train::{
    Error, Event, Examples, FeatureConfig, FitConfig, OptimizerConfig, Prepared, Recipe, Sgd, TrainedFrom,
    Training, fine_tuning,
};
use marque_weights::StateDict;

fn quiet(_: &Event<'_>) -> Result<(), Error> {
    Ok(())
}

fn options(precision: Precision) -> NetworkOptions {
    NetworkOptions {
        seed: 9,
        precision,
        ..Default::default()
    }
}

fn sgd() -> OptimizerConfig {
    OptimizerConfig::Sgd(Sgd::default())
}

/// A network without batch norms: what it makes of an image does not depend on the others.
fn plain() -> Graph {
    let mut builder = GraphBuilder::new("plain", 3).unwrap();
    let conv = Conv2d {
        bias: Some(BiasInit::PyTorchDefault),
        ..Conv2d::new(3, 8, 3)
    };
    let maps = builder.conv2d("conv", builder.input(), conv).unwrap();
    let maps = builder.relu("relu", maps).unwrap();
    let pooled = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let pooled = builder.add("flatten", Op::Flatten, &[pooled]).unwrap();
    let logits = builder.linear("fc", pooled, Linear::new(8, 3)).unwrap();
    builder.build(logits).unwrap()
}

fn batches(loader: &Loader, epoch: u64) -> Vec<Batch> {
    loader.epoch(epoch).collect::<Result<_, _>>().unwrap()
}

fn loss(network: &Network, batch: &Batch, step: u64) -> Tensor {
    let images = tensor_from_images(batch.images.view(), Device::Cpu).unwrap();
    let logits = network.forward(&images, Mode::Training { step }).unwrap();
    let labels = Tensor::from_slice(&batch.labels);
    // tch's shorter way goes through single precision.
    logits.cross_entropy_loss(&labels, None::<&Tensor>, tch::Reduction::Mean, -100, 0.0)
}

fn farthest(found: &StateDict, expected: &StateDict) -> f64 {
    let distances = expected.iter().map(|(name, expected)| {
        let pair = [found.get(name).unwrap(), expected].map(|tensor| tensor.to_f64());
        let differences = pair[0]
            .iter()
            .zip(&pair[1])
            .map(|(one, other)| (one - other).abs());
        differences.fold(0.0, f64::max)
    });
    distances.fold(0.0, f64::max)
}

#[test]
fn accumulated_gradients_are_those_of_one_batch_of_as_many_photos() {
    let folder = photos();
    let mut whole = recipe(2);
    whole.data.batch_size = 6;
    whole.fit.optimizer = sgd();
    let mut parts = whole.clone();
    parts.data.batch_size = 2;
    parts.fit.accumulation = 3;
    let [whole, parts] = [whole, parts].map(|recipe| {
        let data = prepared(folder.path(), &recipe, 2);
        let network = Network::new(plain(), options(Precision::Double)).unwrap();
        let mut training = Training::new(network, &data.train, None, &recipe.fit).unwrap();
        let mut steps = Vec::new();
        let mut observer = |event: &Event<'_>| {
            if let Event::Step(step) = event {
                steps.push((step.step, step.images));
            }
            Ok(())
        };
        training.run(&mut observer).unwrap();
        let loss = training.history().epochs[1].train_loss;
        (training.network().state_dict().unwrap(), loss, steps)
    });
    assert_eq!(parts.2, whole.2);
    assert_eq!(whole.2, [1, 2, 3, 4, 5, 6].map(|step| (step, 6)));
    assert!((parts.1 - whole.1).abs() < 1e-12);
    // Sums in another order: some roundings of numbers of about 1.
    let distance = farthest(&parts.0, &whole.0);
    assert!(distance < 1e-13, "{distance:e}");
    let start = Network::new(plain(), options(Precision::Double)).unwrap();
    assert!(farthest(&whole.0, &start.state_dict().unwrap()) > 1e-6);
}

#[test]
fn a_sharpness_aware_step_is_taken_along_the_gradient_near_the_weights() {
    let folder = photos();
    for (is_adaptive, rho) in [(false, 0.3), (true, 2.0)] {
        let mut recipe = recipe(1);
        recipe.data.batch_size = 18;
        recipe.fit.optimizer = sgd();
        recipe.fit.learning_rate = 0.1;
        let recipe = recipe
            .with(&format!(
                "fit.sharpness={{\"rho\": {rho}, \"adaptive\": {is_adaptive}}}"
            ))
            .unwrap();
        let data = prepared(folder.path(), &recipe, 2);
        let network = || Network::new(graph(), options(Precision::Double)).unwrap();
        let mut training = Training::new(network(), &data.train, None, &recipe.fit).unwrap();
        training.step().unwrap().unwrap();

        // The definition, on copies.
        let expected = network();
        let batch = &batches(&data.train, 1)[0];
        let first = expected.gradients(&loss(&expected, batch, 0)).unwrap();
        let statistics: Vec<Tensor> = expected.running_statistics().iter().map(Tensor::copy).collect();
        let parameters = expected.trained_parameters();
        let before: Vec<Tensor> = parameters
            .iter()
            .map(|parameter| parameter.tensor.detach().copy())
            .collect();
        let scale = |weights: &Tensor| {
            if is_adaptive {
                weights.abs()
            } else {
                weights.ones_like()
            }
        };
        let scaled = first
            .iter()
            .zip(&before)
            .map(|((_, gradient), weights)| gradient.unwrap() * scale(weights));
        let scaled: Vec<Tensor> = scaled.collect();
        let squares: f64 = scaled
            .iter()
            .map(|tensor| tensor.square().sum(Kind::Double).double_value(&[]))
            .sum();
        tch::no_grad(|| {
            for ((parameter, scaled), weights) in parameters.iter().zip(&scaled).zip(&before) {
                let mut tensor = parameter.tensor.shallow_clone();
                let _ = tensor.g_add_(&(scaled * scale(weights) * (rho / (squares.sqrt() + 1e-12))));
            }
        });
        let second = expected.gradients(&loss(&expected, batch, 0)).unwrap();
        tch::no_grad(|| {
            for ((parameter, (_, gradient)), weights) in parameters.iter().zip(second.iter()).zip(&before) {
                parameter
                    .tensor
                    .shallow_clone()
                    .copy_(&(weights - gradient.unwrap() * 0.1));
            }
            for (mut own, first) in expected.running_statistics().into_iter().zip(&statistics) {
                own.copy_(first);
            }
        });
        let found = training.network().state_dict().unwrap();
        let distance = farthest(&found, &expected.state_dict().unwrap());
        assert!(distance < 1e-12, "{distance:e}");
        // It is another step than the plain one.
        let mut plain = recipe.clone();
        plain.fit.sharpness = None;
        let mut training = Training::new(network(), &data.train, None, &plain.fit).unwrap();
        training.step().unwrap().unwrap();
        assert!(farthest(&found, &training.network().state_dict().unwrap()) > 1e-5);
    }
}

#[test]
fn stochastic_weight_averaging_ends_with_the_mean_of_the_last_epochs() {
    let folder = photos();
    let mut recipe = recipe(4);
    recipe.fit.optimizer = sgd();
    recipe.fit.learning_rate = 0.05;
    // Behind half of the epochs: the third and the fourth.
    recipe.fit.swa = Some(0.5);
    recipe.fit.patience = None;
    let data = prepared(folder.path(), &recipe, 2);
    let network = Network::new(graph(), options(Precision::Double)).unwrap();
    let mut training = Training::new(network, &data.train, data.validation(), &recipe.fit).unwrap();
    let mut ends = Vec::new();
    while training.epoch(&mut quiet).unwrap().is_none() {
        ends.push(training.network().state_dict().unwrap());
    }
    ends.push(training.network().state_dict().unwrap());
    let validated: Vec<f64> = training
        .history()
        .epochs
        .iter()
        .map(|epoch| epoch.validation_loss.unwrap())
        .collect();
    let (found, _, best) = training.into_best().unwrap();
    assert_eq!(best, Some(4));

    let expected = Network::new(graph(), options(Precision::Double)).unwrap();
    tch::no_grad(|| {
        for parameter in expected.trained_parameters() {
            let [third, fourth] = [2, 3].map(|end: usize| ends[end].get(&parameter.name).unwrap().to_f64());
            let means: Vec<f64> = third
                .iter()
                .zip(&fourth)
                .map(|(one, other)| (one + other) / 2.0)
                .collect();
            let mean = Tensor::from_slice(&means).reshape(parameter.tensor.size());
            parameter.tensor.shallow_clone().copy_(&mean);
        }
    });
    // The mean of the statistics of every batch: the change that a pass makes, over its momentum.
    let batches = batches(&data.train, 4);
    let mut means: Vec<Tensor> = expected
        .running_statistics()
        .iter()
        .map(Tensor::zeros_like)
        .collect();
    for batch in &batches {
        let zeroed = expected.running_statistics();
        for mut own in zeroed.iter().map(Tensor::shallow_clone) {
            let _ = own.zero_();
        }
        let _ = tch::no_grad(|| loss(&expected, batch, 0));
        for (mean, own) in means.iter_mut().zip(expected.running_statistics()) {
            let _ = mean.g_add_(&(own / 0.1 / batches.len() as f64));
        }
    }
    for (mut own, mean) in expected.running_statistics().into_iter().zip(&means) {
        own.copy_(mean);
    }
    let distance = farthest(&found.state_dict().unwrap(), &expected.state_dict().unwrap());
    assert!(distance < 1e-12, "{distance:e}");
    // What was recorded of the last epoch is the average's.
    let evaluation = marque_train::evaluate(&found, data.validation().unwrap()).unwrap();
    assert_eq!(evaluation.loss, validated[3]);
}

/// A training of the photos or of kept features that is given this configuration, after its epochs.
fn trained(data: &Prepared, recipe: &Recipe, features: Option<&FeatureConfig>) -> Training<Network> {
    let network = Network::new(graph(), options(Precision::Single)).unwrap();
    let mut training = fine_tuning(network, data, recipe, features, &mut quiet).unwrap();
    training.run(&mut quiet).unwrap();
    training
}

#[test]
fn kept_features_are_mixed_as_images_are() {
    let (folder, kept) = (photos(), tempfile::tempdir().unwrap());
    let mut recipe = recipe(2);
    recipe.model.trained_from = TrainedFrom::Nodes(vec!["layer1.0.conv2".to_owned()]);
    recipe.fit.views = Some(1);
    let features = FeatureConfig {
        folder: kept.path().to_owned(),
        views: 1,
        max_bytes: 100_000_000,
    };
    for mixing in ["{\"mixup\": 0.4}", "{\"cutmix\": 1.0}"] {
        let mixed = recipe.with(&format!("fit.mixing={mixing}")).unwrap();
        let data = prepared(folder.path(), &mixed, 2);
        let [plain, mixed] = [&recipe, &mixed].map(|recipe| {
            let training = trained(&data, recipe, Some(&features));
            training.network().state_dict().unwrap()
        });
        assert!(farthest(&mixed, &plain) > 1e-5);
        assert!(
            mixed
                .iter()
                .all(|(_, tensor)| tensor.to_f64().iter().all(|value| value.is_finite()))
        );
    }
}

#[test]
fn class_weights_of_another_number_of_classes_are_refused() {
    let folder = photos();
    let recipe = recipe(1).with("fit.class_weights=[1, 2]").unwrap();
    let data = prepared(folder.path(), &recipe, 2);
    let network = Network::new(graph(), options(Precision::Single)).unwrap();
    let error = Training::new(network, &data.train, None, &recipe.fit).unwrap_err();
    assert!(
        error.to_string().contains("3 numbers, one for each class"),
        "{error}"
    );
}

#[test]
fn ways_of_training_that_exclude_each_other_are_refused() {
    for (settings, expected) in [
        (
            &["fit.averaging=0.9", "fit.swa=0.5"][..],
            "fit.swa: expected none where",
        ),
        (&["fit.patience=3", "fit.swa=0.5"], "fit.swa: expected none where"),
        (&["fit.mixing={}"], "fit.mixing.mixup: expected above 0"),
        (
            &["fit.mixing={\"mixup\": 1e-9}"],
            "fit.mixing.mixup: expected 0, or from 0.001 to 1000",
        ),
        (&["fit.accumulation=0"], "fit.accumulation: expected at least 1"),
        (
            &["fit.clipping=norm", "fit.clipping.most=0"],
            "fit.clipping.most: expected positive",
        ),
        (&["fit.groups=[{\"rate\": 2}]"], "fit.groups.nodes: expected"),
        (
            &["fit.layer_decay=1.5"],
            "fit.layer_decay: expected above 0, at most 1",
        ),
        (
            &["data.sampler={\"kind\": \"repeated\", \"times\": 0}"],
            "data.sampler.times: expected",
        ),
        (&["model.dropout=1"], "model.dropout: expected"),
    ] {
        let outcome = settings
            .iter()
            .try_fold(Recipe::scratch(), |recipe, setting| recipe.with(setting));
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains(expected), "{settings:?}: {message}");
    }
}

#[test]
fn probabilities_of_the_recipe_are_those_of_the_network() {
    let named = |name: &str| architecture(name, ArchitectureOptions::default()).unwrap();
    let recipe = Recipe::scratch()
        .with("model.dropout=0.4")
        .and_then(|recipe| recipe.with("model.stochastic_depth=0.3"))
        .unwrap();
    let graph = recipe.graph(&named("efficientnet_b0"), 7).unwrap();
    let depths = graph.nodes().iter().filter_map(|node| match node.op {
        Op::StochasticDepth { p } => Some(p),
        _ => None,
    });
    let depths: Vec<f64> = depths.collect();
    assert_eq!((depths.first(), depths.last()), (Some(&0.0), Some(&0.3)));
    assert!(depths.is_sorted());
    assert!(graph.nodes().iter().any(|node| node.op == Op::Dropout { p: 0.4 }));
    let error = recipe.graph(&named("resnet18"), 7).unwrap_err().to_string();
    assert_eq!(
        error,
        "model.dropout: expected none, since resnet18 has not a dropout, found 0.4"
    );
}

#[test]
fn samplers_decide_which_photos_an_epoch_has() {
    let folder = photos();
    // One class is left with few photos.
    for number in 2..12 {
        std::fs::remove_file(folder.path().join("Red").join(format!("{number}.png"))).unwrap();
    }
    let labels = |setting: &str| {
        let recipe = recipe(1).with(setting).unwrap();
        let data = prepared(folder.path(), &recipe, 2);
        let examples = Examples::from(&data.train);
        let of = |epoch| {
            batches(examples.loader(), epoch)
                .into_iter()
                .flat_map(|batch| batch.labels)
        };
        of(1).collect::<Vec<_>>()
    };
    let count = |labels: &[i64], class: i64| labels.iter().filter(|&&label| label == class).count();
    let shuffled = labels("data.sampler=shuffled");
    let balanced = labels("data.sampler=balanced");
    assert_eq!(shuffled.len(), balanced.len());
    assert!(count(&shuffled, 2) == 1, "{shuffled:?}");
    assert!(
        count(&balanced, 2).abs_diff(count(&balanced, 0)) <= 1,
        "{balanced:?}"
    );
}

#[test]
fn repeated_photos_are_changed_otherwise_each_time() {
    let folder = photos();
    let mut recipe = recipe(1)
        .with("data.sampler={\"kind\": \"repeated\", \"times\": 2}")
        .unwrap();
    recipe.data.augment = marque_data::Augment::subject();
    let data = prepared(folder.path(), &recipe, 2);
    let batch = &batches(&data.train, 1)[0];
    assert_eq!(batch.indices[0], batch.indices[1]);
    let images = tensor_from_images(batch.images.view(), Device::Cpu).unwrap();
    let [first, second] = [0, 1].map(|image| array_from_tensor(&images.get(image)).unwrap());
    assert_ne!(first, second);
}

#[test]
fn a_training_on_a_plateau_is_slowed_down() {
    let folder = photos();
    let mut recipe = recipe(6)
        .with("fit.schedule={\"kind\": \"plateau\", \"patience\": 0, \"threshold\": 0.5, \"factor\": 0.5}")
        .unwrap();
    recipe.fit.patience = None;
    let data = prepared(folder.path(), &recipe, 2);
    let network = Network::new(graph(), options(Precision::Single)).unwrap();
    let mut training = Training::new(network, &data.train, data.validation(), &recipe.fit).unwrap();
    training.run(&mut quiet).unwrap();
    let records = &training.history().epochs;
    let (mut lowest, mut rate) = (f64::INFINITY, FitConfig::default().learning_rate);
    for record in records {
        assert!((record.learning_rate - rate).abs() < 1e-15, "{records:?}");
        let loss = record.validation_loss.unwrap();
        if loss < lowest * 0.5 {
            lowest = loss;
        } else {
            rate *= 0.5;
        }
    }
    assert!(rate < 1e-3);
}

#[test]
fn a_range_test_goes_through_its_rates_and_leaves_the_network_as_it_was() {
    let folder = photos();
    let mut recipe = recipe(40);
    recipe.fit.averaging = Some(0.9);
    let data = prepared(folder.path(), &recipe, 2);
    let mut network = Network::new(graph(), options(Precision::Single)).unwrap();
    let before = network.state_dict().unwrap();
    let test = marque_train::RangeTest {
        from: 1e-5,
        to: 10.0,
        steps: 40,
    };
    let rates = marque_train::range_test(&mut network, &data.train, &recipe.fit, test, &mut quiet).unwrap();
    assert!(network.state_dict().unwrap() == before);
    let points = &rates.points;
    assert!(points.len() > 20 && points[0].learning_rate == 1e-5, "{points:?}");
    for pair in points.windows(2) {
        let factor = pair[1].learning_rate / pair[0].learning_rate;
        assert!((factor - 1e6_f64.powf(1.0 / 39.0)).abs() < 1e-9, "{factor}");
    }
    let suggestion = rates.suggestion().unwrap();
    assert!((1e-5..1.0).contains(&suggestion), "{suggestion}");
}
