//! Each node that evaluation needs becomes a layer; dropouts become nothing, and a batch norm becomes a product and a sum.

use crate::Error;
use crate::parameters::{AffineParameters, Weight};
use crate::program::{Before, Convolution, Kind, Layer, Program};
use marque_arch::{Conv2d, Graph, Linear, Op};
use marque_kernels::{Activation, Pooling};
use marque_weights::StateDict;
use std::sync::Arc;

pub(super) fn lower(graph: &Graph, weights: &StateDict) -> Result<Program, Error> {
    let needed = graph.ancestors([graph.output()]);
    let mut layers: Vec<Layer> = Vec::new();
    // The layer that stands for each node.
    let mut places: Vec<usize> = Vec::with_capacity(needed.len());
    for (index, node) in graph.nodes().iter().enumerate() {
        let inputs: Vec<usize> = node.inputs.iter().map(|input| places[input.index()]).collect();
        if !needed[index] {
            places.push(usize::MAX);
            continue;
        }
        let convolution = |attributes: Conv2d| {
            let weight = Weight::of_node(weights, &node.name, attributes.out_channels)?;
            Ok::<_, Error>(Kind::Convolution(Convolution {
                attributes,
                weight: Arc::new(weight),
                flattens: false,
                before: Before::Nothing,
                adds: false,
                activation: Activation::Identity,
            }))
        };
        let kind = match &node.op {
            Op::Input { .. } => Kind::Image,
            Op::Conv2d(attributes) => convolution(attributes.clone())?,
            Op::Linear(linear) => convolution(pointwise(linear))?,
            Op::BatchNorm2d(norm) => Kind::Affine {
                parameters: Arc::new(AffineParameters::of_norm(weights, &node.name, norm)?),
                activation: Activation::Identity,
            },
            Op::Relu => Kind::Activate(Activation::Relu),
            Op::Relu6 => Kind::Activate(Activation::Relu6),
            Op::Sigmoid => Kind::Activate(Activation::Sigmoid),
            Op::Silu => Kind::Activate(Activation::Silu),
            Op::HardSwish => Kind::Activate(Activation::HardSwish),
            Op::HardSigmoid => Kind::Activate(Activation::HardSigmoid),
            Op::Gelu => Kind::Activate(Activation::Gelu),
            Op::LayerNorm2d(norm) => Kind::LayerNorm {
                parameters: Arc::new(AffineParameters::of_layer_norm(weights, &node.name)?),
                eps: norm.eps,
            },
            Op::LayerScale(_) => Kind::Affine {
                parameters: Arc::new(AffineParameters::of_layer_scale(weights, &node.name)?),
                activation: Activation::Identity,
            },
            Op::Multiply => Kind::Multiply,
            Op::MaxPool2d(pool) => Kind::Pool {
                kind: Pooling::Max,
                window: pool.window(),
            },
            Op::AvgPool2d(pool) => Kind::Pool {
                kind: Pooling::Mean,
                window: pool.window(),
            },
            Op::GlobalAvgPool2d | Op::AdaptiveAvgPool2d(_) => Kind::AdaptiveMean,
            Op::Add => Kind::Add {
                activation: Activation::Identity,
            },
            Op::Concat => Kind::Concat,
            Op::Subsample { stride } => Kind::Subsample { stride: *stride },
            Op::PadChannels { .. } => Kind::PadChannels,
            Op::Flatten => Kind::Flatten,
            Op::Dropout { .. } | Op::StochasticDepth { .. } => {
                places.push(inputs[0]);
                continue;
            }
        };
        places.push(layers.len());
        layers.push(Layer {
            node: index,
            kind,
            inputs,
        });
    }
    Ok(Program {
        output: places[graph.output().index()],
        layers,
    })
}

/// A fully connected layer as a convolution: a vector is a map of one pixel.
fn pointwise(linear: &Linear) -> Conv2d {
    Conv2d::new(linear.in_features, linear.out_features, 1)
}
