//! One forward and backward pass in training mode, in double precision.
//!
//! PyTorch's own two memory formats differ by 6e-12 at most (`golden/steps/generate.py`). The bound of 1e-9 leaves room
//! for another order of summation and is still a thousand times closer than one rectifier on the wrong side of
//! its kink would be.

use super::common::{fitted_statistics, golden, has, weights};
use marque_arch::{ArchitectureOptions, Graph, Op, Rewrite, architecture};
use marque_testkit::{Tolerance, assert_close, formula};
use marque_torch::{Kind, MemoryFormat, Network, NetworkOptions, Precision, Tensor, tensor_from_images};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;
use tch::Reduction;

const SIDE: usize = 96;
const TOLERANCE: f64 = 1e-9;

/// The same network with dropouts that drop nothing and branches that stay: whose numbers are random cannot be compared.
fn without_chance(graph: &Graph) -> Graph {
    let calm = graph.rewrite(|_, node| match node.op {
        Op::Dropout { .. } => Rewrite::Change(Op::Dropout { p: 0.0 }),
        Op::StochasticDepth { .. } => Rewrite::Change(Op::StochasticDepth { p: 0.0 }),
        _ => Rewrite::Keep,
    });
    calm.unwrap().finish().unwrap()
}

fn array(tensor: &Tensor) -> ArrayD<f64> {
    let tensor = tensor.detach();
    assert_eq!(tensor.kind(), Kind::Double);
    let shape: Vec<usize> = tensor.size().iter().map(|&extent| extent as usize).collect();
    let mut values = vec![0.0_f64; shape.iter().product()];
    let count = values.len();
    tensor.contiguous().copy_data(&mut values, count);
    ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap()
}

fn network(name: &str, format: MemoryFormat) -> Network {
    let graph = architecture(name, ArchitectureOptions::default()).unwrap();
    let graph = without_chance(&graph);
    let weights = weights(&graph, &fitted_statistics(name, &graph));
    let options = NetworkOptions {
        precision: Precision::Double,
        memory_format: Some(format),
        ..Default::default()
    };
    Network::with_weights(graph, &weights, options).unwrap()
}

/// What the pass leaves behind, under the names of the golden file; gradients only where `wanted`.
fn step(network: &Network, labels: &[i64], wanted: impl Fn(&str) -> bool) -> BTreeMap<String, ArrayD<f64>> {
    let images = formula::images([labels.len(), 3, SIDE, SIDE], "step");
    let images = tensor_from_images(images.view(), network.device()).unwrap();
    let outputs = network.forward_training(&images, 0).unwrap();
    let labels = Tensor::from_slice(labels);
    // Not `cross_entropy_for_logits`, which computes in single precision whatever it is given.
    let cross_entropy =
        |logits: &Tensor| logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Mean, -100, 0.0);
    let mut loss = cross_entropy(&outputs.logits);
    for (logits, weight) in &outputs.auxiliary {
        loss += cross_entropy(logits) * *weight;
    }
    let gradients = network.gradients(&loss).unwrap();
    let sampled = |tensor: &Tensor| formula::sample(array(tensor).view()).into_dyn();
    let mut found = BTreeMap::from([
        ("loss".to_owned(), array(&loss)),
        ("logits".to_owned(), sampled(&outputs.logits)),
    ]);
    let mut norms = Vec::new();
    for (name, gradient) in gradients.iter() {
        let gradient = gradient.unwrap();
        norms.push(gradient.norm());
        let key = format!("gradient/{name}");
        if wanted(&key) {
            found.insert(key, sampled(gradient));
        }
    }
    found.insert("gradient_norms".to_owned(), array(&Tensor::stack(&norms, 0)));
    for (name, tensor) in network.var_store().variables() {
        let key = format!("statistics/{name}");
        if wanted(&key) {
            found.insert(key, sampled(&tensor));
        }
    }
    found
}

fn steps_agree(name: &str, format: MemoryFormat) {
    let golden = golden("steps", name);
    let labels: Vec<i64> = golden.i64("labels").unwrap().into_iter().collect();
    let network = network(name, format);
    let found = step(&network, &labels, |key| has(&golden, key));
    let mut worst = (0.0, "");
    let mut compared = 0;
    for key in golden.names().filter(|key| *key != "labels") {
        let what = format!("{name} {key}, {format:?}");
        let expected = golden.f64(key).unwrap();
        let deviation = assert_close(
            &what,
            found[key].view(),
            expected.view(),
            Tolerance::relative(TOLERANCE),
        );
        if deviation.relative() >= worst.0 {
            worst = (deviation.relative(), key);
        }
        compared += 1;
    }
    println!("{name}, {format:?}: {:.1e} in {}", worst.0, worst.1);
    let is_batch_norm = |op: &Op| matches!(op, Op::BatchNorm2d(_));
    let has_batch_norms = network.graph().nodes().iter().any(|node| is_batch_norm(&node.op));
    // Loss, logits, the norms of all gradients, 8 sampled gradients, 3 batch norms.
    assert_eq!(compared, 3 + 8 + if has_batch_norms { 3 * 2 } else { 0 });
}

#[test]
fn of_residual_networks() {
    steps_agree("resnet34", MemoryFormat::ChannelsLast);
    steps_agree("resnet50", MemoryFormat::ChannelsLast);
    steps_agree("resnext50_32x4d", MemoryFormat::ChannelsLast);
}

#[test]
fn of_densely_connected_networks() {
    steps_agree("densenet121", MemoryFormat::ChannelsLast);
}

#[test]
fn of_xception() {
    steps_agree("xception", MemoryFormat::ChannelsLast);
}

#[test]
fn of_googlenet_with_and_without_auxiliary_heads() {
    steps_agree("googlenet", MemoryFormat::ChannelsLast);
    steps_agree("googlenet-aux", MemoryFormat::ChannelsLast);
}

#[test]
fn of_inception_v3() {
    steps_agree("inception_v3", MemoryFormat::ChannelsLast);
}

#[test]
fn of_networks_of_inverted_residual_blocks() {
    steps_agree("mobilenet_v2", MemoryFormat::ChannelsLast);
    steps_agree("tf_efficientnet_lite0", MemoryFormat::ChannelsLast);
}

#[test]
fn of_networks_with_squeeze_and_excitation() {
    steps_agree("mobilenet_v3_large", MemoryFormat::ChannelsLast);
    steps_agree("efficientnet_b0", MemoryFormat::ChannelsLast);
    steps_agree("efficientnet_v2_s", MemoryFormat::ChannelsLast);
}

#[test]
fn of_regnet() {
    steps_agree("regnet_y_400mf", MemoryFormat::ChannelsLast);
}

#[test]
fn of_convnext() {
    steps_agree("convnext_tiny", MemoryFormat::ChannelsLast);
}

#[test]
fn of_residual_networks_with_preactivations() {
    steps_agree("preact_resnet20", MemoryFormat::ChannelsLast);
}

#[test]
fn in_contiguous_memory() {
    steps_agree("resnet34", MemoryFormat::Contiguous);
    steps_agree("googlenet-aux", MemoryFormat::Contiguous);
}
