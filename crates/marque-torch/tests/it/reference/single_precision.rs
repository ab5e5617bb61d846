//! One training step in single precision, as users run it.
//!
//! Few networks have gradients that single precision can compute: see `golden/resnet/generate.py`, which prints
//! how far `f32` is from `f64`: 6e-5 at most.

use super::common::{golden, weights};
use marque_arch::{ResNet, ResidualBlock};
use marque_testkit::{Tolerance, assert_close, formula};
use marque_torch::{
    MemoryFormat, Mode, Network, NetworkOptions, Tensor, array_from_tensor, tensor_from_images,
};
use ndarray::{Array1, ArrayD};
use std::collections::BTreeMap;

const FORMATS: [MemoryFormat; 2] = [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous];

/// One bottleneck in each of the four stages.
fn bottlenecks() -> ResNet {
    ResNet::new("bottlenecks", ResidualBlock::Bottleneck, [1, 1, 1, 1])
}

fn network(resnet: &ResNet, format: MemoryFormat) -> Network {
    let graph = resnet.graph().unwrap();
    let golden = golden("resnet", &format!("{}_training", resnet.name));
    let parameters = graph.parameters().into_iter();
    let statistics = parameters
        .filter(|parameter| !parameter.is_trained())
        .map(|parameter| {
            let values = golden.f32(&parameter.name).unwrap();
            (parameter.name, values)
        });
    let weights = weights(&graph, &statistics.collect());
    let options = NetworkOptions {
        memory_format: Some(format),
        ..Default::default()
    };
    Network::with_weights(graph, &weights, options).unwrap()
}

/// What one forward and backward pass in training mode leaves behind, under the names of the golden file.
fn training_step(network: &Network, salt: &str, labels: &[i64]) -> BTreeMap<String, ArrayD<f32>> {
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
    for (name, gradient) in gradients.iter() {
        let gradient = array_from_tensor(gradient.unwrap()).unwrap();
        let squares: f64 = gradient.iter().map(|&value| f64::from(value).powi(2)).sum();
        norms.push(squares.sqrt() as f32);
        let sampled = formula::sample(gradient.view()).into_dyn();
        found.insert(format!("gradient/{name}"), sampled);
    }
    found.insert("gradient_norms".to_owned(), Array1::from(norms).into_dyn());
    let after = network.state_dict().unwrap();
    let parameters = network.graph().parameters().into_iter();
    for parameter in parameters.filter(|parameter| !parameter.is_trained()) {
        let values = Array1::from(after.f32_values(&parameter.name).unwrap().into_owned()).into_dyn();
        found.insert(
            format!("statistics/{}", parameter.name),
            formula::sample(values.view()).into_dyn(),
        );
    }
    found
}

/// Compares all that the golden file has but the optimiser's updates and what it starts from.
fn steps_agree(resnet: &ResNet, salt: &str) {
    let golden = golden("resnet", &format!("{}_training", resnet.name));
    let labels: Vec<i64> = golden.i64("labels").unwrap().into_iter().collect();
    let is_answer = |name: &&str| {
        ["loss", "logits", "gradient_norms"].contains(name)
            || name.starts_with("gradient/")
            || name.starts_with("statistics/")
    };
    let mut compared = 0;
    for format in FORMATS {
        let found = training_step(&network(resnet, format), salt, &labels);
        for name in golden.names().filter(is_answer) {
            let what = format!("{} {name}, {format:?}", resnet.name);
            let expected = golden.f32(name).unwrap();
            let tolerance = Tolerance::relative(1e-3);
            let deviation = assert_close(&what, found[name].view(), expected.view(), tolerance);
            println!("{what}: {deviation}");
            compared += 1;
        }
    }
    // Loss, logits, the norms of all gradients, 14 sampled gradients, 5 batch norms; in two memory formats.
    assert_eq!(compared, 2 * (3 + 14 + 5 * 2));
}

#[test]
fn a_training_step_of_resnet18_agrees() {
    steps_agree(&ResNet::resnet18(), "training/26");
}

#[test]
fn a_training_step_of_bottlenecks_agrees() {
    steps_agree(&bottlenecks(), "training/13");
}
