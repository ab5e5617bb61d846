//! Residual networks compute what torchvision's compute: logits in evaluation mode and one training step.
//!
//! Parameters come from `marque_testkit::formula`, batch-norm statistics and answers from
//! `golden/resnet/generate.py`, which prints how far `f32` is from `f64`: up to 1.2e-5 for logits in
//! evaluation mode; 8e-5 for the logits of ResNet-50 in training mode; 6e-5 for anything else.

use marque_arch::{Graph, ResNet, ResidualBlock};
use marque_testkit::{Golden, Tolerance, assert_apart, assert_close, formula};
use marque_torch::{
    MemoryFormat, Mode, Network, NetworkOptions, Tensor, array_from_tensor, tensor_from_images,
};
use marque_weights::StateDict;
use ndarray::{Array1, Axis};
use std::collections::BTreeMap;

const FORMATS: [MemoryFormat; 2] = [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous];

fn golden(file: &str) -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), &format!("resnet/{file}.safetensors")).unwrap()
}

/// One bottleneck in each of the four stages.
fn bottlenecks() -> ResNet {
    ResNet::new("bottlenecks", ResidualBlock::Bottleneck, [1, 1, 1, 1])
}

/// Every parameter by formula, every running statistic out of `statistics`.
fn weights(graph: &Graph, statistics: &Golden) -> StateDict {
    let mut weights = StateDict::default();
    let mut fitted = 0;
    for parameter in graph.parameters() {
        let values = if parameter.is_trained() {
            formula::parameter(&parameter.name, &parameter.shape)
        } else {
            fitted += 1;
            statistics.f32(&parameter.name).unwrap()
        };
        let (values, _) = values.into_raw_vec_and_offset();
        weights.insert(
            &parameter.name,
            marque_weights::Tensor::from_f32(&parameter.shape, &values).unwrap(),
        );
    }
    assert!(fitted > 0, "a network with batch norms");
    weights
}

fn network(resnet: &ResNet, statistics: &Golden, format: MemoryFormat) -> Network {
    let graph = resnet.graph().unwrap();
    let options = NetworkOptions {
        memory_format: Some(format),
        ..Default::default()
    };
    let weights = weights(&graph, statistics);
    Network::with_weights(graph, &weights, options).unwrap()
}

fn logits_agree_at_two_sizes(resnet: ResNet) {
    let golden = golden(&resnet.name);
    for format in FORMATS {
        let network = network(&resnet, &golden, format);
        for [height, width] in [[224, 224], [193, 225]] {
            let images = formula::images([2, 3, height, width], &format!("evaluation/{height}x{width}"));
            let found = network.predict(images.view()).unwrap().into_dyn();
            let expected = golden.f32(&format!("logits/{height}x{width}")).unwrap();
            let what = format!("{} at {height}×{width}, {format:?}", resnet.name);
            assert_apart(
                &what,
                expected.index_axis(Axis(0), 0),
                expected.index_axis(Axis(0), 1),
                0.1,
            );
            assert_apart(
                &what,
                found.index_axis(Axis(0), 0),
                found.index_axis(Axis(0), 1),
                0.1,
            );
            let deviation = assert_close(&what, found.view(), expected.view(), Tolerance::relative(1e-4));
            println!("{what}: {deviation}");
        }
    }
}

#[test]
fn logits_of_resnet18_agree() {
    logits_agree_at_two_sizes(ResNet::resnet18());
}

#[test]
fn logits_of_resnet34_agree() {
    logits_agree_at_two_sizes(ResNet::resnet34());
}

#[test]
fn logits_of_resnet50_agree() {
    logits_agree_at_two_sizes(ResNet::resnet50());
}

/// A golden case that cannot fail proves nothing: one shifted running mean deep inside must be seen.
#[test]
fn one_wrong_statistic_changes_the_logits() {
    let golden = golden("resnet34");
    let graph = ResNet::resnet34().graph().unwrap();
    let name = "layer3.2.bn1.running_mean";
    let mut weights = weights(&graph, &golden);
    let shifted = golden.f32(name).unwrap() + 0.1;
    let (values, _) = shifted.into_raw_vec_and_offset();
    weights.insert(name, marque_weights::Tensor::from_f32(&[256], &values).unwrap());
    let network = Network::with_weights(graph, &weights, NetworkOptions::default()).unwrap();
    let images = formula::images([2, 3, 193, 225], "evaluation/193x225");
    let found = network.predict(images.view()).unwrap().into_dyn();
    assert_apart(
        name,
        found.view(),
        golden.f32("logits/193x225").unwrap().view(),
        1e-3,
    );
}

/// What one forward and backward pass in training mode leaves behind, under the names of the golden file.
fn training_step(network: &Network, salt: &str, labels: &[i64]) -> BTreeMap<String, ndarray::ArrayD<f32>> {
    let images = formula::images([labels.len(), 3, 64, 64], salt);
    let images = tensor_from_images(images.view(), network.device()).unwrap();
    let logits = network.forward(&images, Mode::Training { step: 0 }).unwrap();
    let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(labels));
    let gradients = network.gradients(&loss).unwrap();
    let mut found = BTreeMap::from([
        ("loss".to_owned(), array_from_tensor(&loss).unwrap()),
        ("logits".to_owned(), array_from_tensor(&logits).unwrap()),
    ]);
    let mut norms = Vec::new();
    for parameter in network.trained_parameters() {
        let gradient = array_from_tensor(gradients.get(&parameter.name).unwrap()).unwrap();
        let squares: f64 = gradient.iter().map(|&value| f64::from(value).powi(2)).sum();
        norms.push(squares.sqrt() as f32);
        found.insert(
            format!("gradient/{}", parameter.name),
            formula::sample(gradient.view()).into_dyn(),
        );
    }
    found.insert("gradient_norms".to_owned(), Array1::from(norms).into_dyn());
    let after = network.state_dict().unwrap();
    for parameter in network
        .graph()
        .parameters()
        .iter()
        .filter(|parameter| !parameter.is_trained())
    {
        let values = Array1::from(after.f32_values(&parameter.name).unwrap()).into_dyn();
        found.insert(
            format!("statistics/{}", parameter.name),
            formula::sample(values.view()).into_dyn(),
        );
    }
    found
}

/// Compares all that `expected` has but the optimiser's updates, and returns how many tensors that were.
fn compare(resnet: &ResNet, statistics: &Golden, salt: &str) -> usize {
    let golden = golden(&format!("{}_training", resnet.name));
    let labels: Vec<i64> = golden.i64("labels").unwrap().into_iter().collect();
    let is_answer = |name: &&str| {
        ["loss", "logits", "gradient_norms"].contains(name)
            || name.starts_with("gradient/")
            || name.starts_with("statistics/")
    };
    let mut compared = 0;
    for format in FORMATS {
        let network = network(resnet, statistics, format);
        let found = training_step(&network, salt, &labels);
        for name in golden.names().filter(is_answer) {
            let what = format!("{} {name}, {format:?}", resnet.name);
            let expected = golden.f32(name).unwrap();
            let deviation = assert_close(
                &what,
                found[name].view(),
                expected.view(),
                Tolerance::relative(1e-3),
            );
            println!("{what}: {deviation}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn a_training_step_of_resnet18_agrees() {
    let compared = compare(&ResNet::resnet18(), &golden("resnet18"), "training/26");
    // Loss, logits, the norms of all gradients, 14 sampled gradients, 5 batch norms; in two memory formats.
    assert_eq!(compared, 2 * (3 + 14 + 5 * 2));
}

#[test]
fn a_training_step_of_bottlenecks_agrees() {
    let compared = compare(&bottlenecks(), &golden("bottlenecks_training"), "training/13");
    assert_eq!(compared, 2 * (3 + 14 + 5 * 2));
}

/// Rounding carries a few of its three million rectified values over zero, so that gradients in the depth are
/// not comparable (see `generate.py`).
#[test]
fn loss_and_statistics_of_a_training_step_of_resnet50_agree() {
    let compared = compare(&ResNet::resnet50(), &golden("resnet50"), "training/0");
    assert_eq!(compared, 2 * (2 + 1 + 5 * 2));
}
