//! How the weights of a file get into a network.

use super::{network, small};
use marque_arch::{Conv2d, Graph, GraphBuilder, Linear, Op};
use marque_torch::{MemoryFormat, Network, NetworkOptions};
use marque_weights::{MatchPolicy, StateDict, Tensor};
use ndarray::ArrayD;

/// Layers one after the other.
fn chain() -> Graph {
    let mut builder = GraphBuilder::new("chain", 3).unwrap();
    let maps = builder
        .conv2d("conv1", builder.input(), Conv2d::new(3, 4, 3))
        .unwrap();
    let maps = builder.batch_norm2d("bn1", maps).unwrap();
    let maps = builder.relu("relu1", maps).unwrap();
    let maps = builder.conv2d("conv2", maps, Conv2d::new(4, 6, 1)).unwrap();
    let maps = builder.batch_norm2d("bn2", maps).unwrap();
    let vector = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[vector]).unwrap();
    let logits = builder.linear("fc", vector, Linear::new(6, 5)).unwrap();
    builder.build(logits).unwrap()
}

/// The same numbers as Keras names and lays them out, in the graph's order, which is Keras's for a chain of layers.
fn as_keras(weights: &StateDict) -> StateDict {
    let named = weights.iter().map(|(name, tensor)| {
        let (layer, leaf) = name.rsplit_once('.').unwrap();
        let leaf = match (leaf, tensor.shape().len()) {
            ("weight", 1) => "gamma",
            ("weight", _) => "kernel",
            ("bias", _) if weights.get(&format!("{layer}.running_mean")).is_some() => "beta",
            ("running_mean", _) => "moving_mean",
            ("running_var", _) => "moving_variance",
            (leaf, _) => leaf,
        };
        (format!("{layer}/{leaf}"), reversed(tensor))
    });
    named.collect()
}

/// O×I×H×W → H×W×I×O, O×I → I×O.
fn reversed(tensor: &Tensor) -> Tensor {
    let values = ArrayD::from_shape_vec(tensor.shape(), tensor.to_f32().unwrap().to_vec()).unwrap();
    let reversed = match tensor.shape().len() {
        4 => values.permuted_axes(vec![2, 3, 1, 0]),
        _ => values.reversed_axes(),
    };
    let values: Vec<f32> = reversed.iter().copied().collect();
    Tensor::from_f32(reversed.shape(), &values).unwrap()
}

#[test]
fn weights_under_other_names_load_by_every_way() {
    let graph = chain();
    let first = Network::new(graph.clone(), NetworkOptions::default()).unwrap();
    let own = first.state_dict().unwrap();
    let mut wrapped: StateDict = own
        .iter()
        .map(|(name, tensor)| (format!("module.{name}"), tensor.clone()))
        .collect();
    wrapped.insert("criterion.weight", Tensor::from_f32(&[5], &[1.0; 5]).unwrap());
    for (file, weights) in [
        ("own", own.clone()),
        ("wrapped", wrapped),
        ("Keras", as_keras(&own)),
    ] {
        let options = NetworkOptions {
            seed: 5,
            ..Default::default()
        };
        let read = Network::with_weights(graph.clone(), &weights, options).unwrap();
        assert_eq!(read.state_dict().unwrap(), own, "{file}");
        let mut changed = Network::new(graph.clone(), options).unwrap();
        assert_ne!(changed.state_dict().unwrap(), own, "{file}");
        changed.load_state_dict(&weights).unwrap();
        assert_eq!(changed.state_dict().unwrap(), own, "{file}");
    }
}

#[test]
fn partial_weights_fill_the_rest_with_first_values() {
    let whole = network(MemoryFormat::ChannelsLast).state_dict().unwrap();
    let options = NetworkOptions {
        seed: 77,
        ..Default::default()
    };
    let fresh = Network::new(small(), options).unwrap().state_dict().unwrap();
    let given: StateDict = whole
        .iter()
        .filter(|(name, _)| !name.starts_with("fc"))
        .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
        .collect();
    let matched = given.matched_to(&small(), MatchPolicy::NewHead).unwrap();
    let mixed = Network::with_matched(small(), &matched, options)
        .unwrap()
        .state_dict()
        .unwrap();
    for (name, tensor) in mixed.iter() {
        let expected = given.get(name).or_else(|| fresh.get(name)).unwrap();
        assert_eq!(tensor, expected, "{name}");
    }

    let mut other = matched.clone();
    for (name, reason) in [
        ("bn1.bias", "wrong shape  bn1.bias"),
        ("bn9.bias", "unexpected   bn9.bias"),
    ] {
        other
            .weights
            .insert(name, Tensor::from_f32(&[3], &[0.0; 3]).unwrap());
        let error = Network::with_matched(small(), &other, options).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}
