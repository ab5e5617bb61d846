//! Gradients of depthwise convolutions, which are not LibTorch's own on a CPU.

use marque_arch::{BiasInit, Conv2d, Graph, GraphBuilder, Op, Padding};
use marque_torch::{Device, Gradients, Kind, Mode, Network, NetworkOptions, Precision, Tensor};

/// Depthwise convolutions of every window that networks have, behind a convolution whose gradient goes through all of them.
fn graph() -> Graph {
    let mut builder = GraphBuilder::new("depthwise", 3).unwrap();
    let mut maps = builder
        .conv2d("stem", builder.input(), Conv2d::new(3, 24, 3).padding(1))
        .unwrap();
    for (kernel, stride, is_same) in [
        (3, 1, false),
        (5, 1, true),
        (3, 2, true),
        (5, 2, false),
        (7, 1, false),
        (5, 2, true),
    ] {
        let conv = Conv2d {
            groups: 24,
            padding: if is_same {
                Padding::Same
            } else {
                Padding::equal(kernel / 2)
            },
            ..Conv2d::new(24, 24, kernel).stride(stride)
        };
        // One of them with a bias, as ConvNeXt has it.
        let conv = if kernel == 7 {
            conv.bias(BiasInit::Zeros)
        } else {
            conv
        };
        maps = builder
            .conv2d(format!("conv{kernel}_{stride}_{is_same}"), maps, conv)
            .unwrap();
    }
    let vector = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[vector]).unwrap();
    builder.build(vector).unwrap()
}

/// Gradients of the sum of squares, by name, as `f64`.
fn gradients(precision: Precision) -> Vec<(String, Tensor)> {
    let options = NetworkOptions {
        precision,
        seed: 9,
        ..Default::default()
    };
    let network = Network::new(graph(), options).unwrap();
    // An odd and an even side, so that TensorFlow's borders are of both kinds.
    let values: Vec<f32> = (0..5 * 3 * 37 * 42)
        .map(|index| (index * 31 % 97) as f32 / 48.0 - 1.0)
        .collect();
    let images = Tensor::from_slice(&values).reshape([5, 3, 37, 42]);
    let outputs = network.forward(&images, Mode::Training { step: 0 }).unwrap();
    let loss = outputs.square().sum(Kind::Double);
    let found: Gradients = network.gradients(&loss).unwrap();
    let parameters = network.graph().parameters().into_iter();
    parameters
        .map(|parameter| {
            let gradient = found.get(&parameter.name).unwrap();
            assert_eq!(gradient.device(), Device::Cpu);
            (parameter.name, gradient.to_kind(Kind::Double))
        })
        .collect()
}

#[test]
fn gradients_of_depthwise_convolutions_are_those_of_double_precision() {
    // In double precision they are LibTorch's.
    let expected = gradients(Precision::Double);
    // bfloat16 has 8 bits, and seven layers lie one behind the other.
    for (precision, bound) in [(Precision::Single, 1e-5), (Precision::Mixed, 0.05)] {
        for ((name, expected), (_, found)) in expected.iter().zip(gradients(precision)) {
            assert_eq!(found.size(), expected.size(), "{name}");
            let largest = expected.abs().max().double_value(&[]);
            let difference = (found - expected).abs().max().double_value(&[]) / largest;
            assert!(difference < bound, "{precision:?} {name}: {difference}");
        }
    }
}
