//! What is to be known of each operation beside its attributes.
//!
//! Every fact is a match without a `_` arm: an operation that is added does not compile before each has an answer. The facts
//! that live elsewhere, because they are more than a word, are such matches, too: parameters in `parameter.rs`, attributes and
//! channels in `check.rs`, shapes in `infer.rs`, texts in `dot.rs`.

use crate::{ImageSize, Op, Padding, Shape, Window};

/// What the output of an operation for one and the same input depends on in the course of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variation {
    /// Nothing: it is always the same.
    Never,
    /// The node's own parameters and statistics: it changes where these are trained.
    WithParameters,
    /// Chance: it is another one in every step.
    AtRandom,
}

/// How many inputs an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputCount {
    None,
    One,
    Two,
    TwoOrMore,
}

/// What a value of the output sees of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// What the values at the same place see, of all inputs together; of an input of one pixel, that one.
    SamePlace,
    /// What the values within a window see.
    Window(Window),
    /// All.
    Everything,
}

/// What an operation is in a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// A layer in which most of a network's parameters could be.
    Weights,
    /// A layer without.
    Plain,
    /// A sum.
    Add,
    /// A product.
    Product,
    /// Branches put one behind the other.
    Concat,
    /// It changes values one by one, and is told in the line of a layer.
    Modifier,
    /// It changes nothing but the view, and is not told.
    View,
}

impl Op {
    /// The operation's name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "Input",
            Op::Conv2d(_) => "Conv2d",
            Op::BatchNorm2d(_) => "BatchNorm2d",
            Op::LayerNorm2d(_) => "LayerNorm2d",
            Op::LayerScale(_) => "LayerScale",
            Op::Relu => "ReLU",
            Op::Relu6 => "ReLU6",
            Op::Sigmoid => "Sigmoid",
            Op::Silu => "SiLU",
            Op::HardSwish => "Hardswish",
            Op::HardSigmoid => "Hardsigmoid",
            Op::Gelu => "GELU",
            Op::MaxPool2d(_) => "MaxPool2d",
            Op::AvgPool2d(_) => "AvgPool2d",
            Op::GlobalAvgPool2d => "GlobalAvgPool2d",
            Op::AdaptiveAvgPool2d(_) => "AdaptiveAvgPool2d",
            Op::Add => "Add",
            Op::Multiply => "Multiply",
            Op::Concat => "Concat",
            Op::Subsample { .. } => "Subsample",
            Op::PadChannels { .. } => "PadChannels",
            Op::Dropout { .. } => "Dropout",
            Op::StochasticDepth { .. } => "StochasticDepth",
            Op::Flatten => "Flatten",
            Op::Linear(_) => "Linear",
        }
    }

    /// How a convolution or a pooling slides over its input; `None` for every other operation.
    pub fn window(&self) -> Option<Window> {
        match self {
            Op::Conv2d(conv) => Some(conv.window()),
            Op::MaxPool2d(pool) => Some(pool.window()),
            Op::AvgPool2d(pool) => Some(pool.window()),
            Op::Input { .. }
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten
            | Op::Linear(_) => None,
        }
    }

    /// What its output for the same input depends on in the course of a training.
    pub fn variation(&self) -> Variation {
        match self {
            Op::Conv2d(_) | Op::BatchNorm2d(_) | Op::LayerNorm2d(_) | Op::LayerScale(_) | Op::Linear(_) => {
                Variation::WithParameters
            }
            Op::Dropout { p } | Op::StochasticDepth { p } if *p > 0.0 => Variation::AtRandom,
            Op::Input { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten => Variation::Never,
        }
    }

    pub(crate) fn input_count(&self) -> InputCount {
        match self {
            Op::Input { .. } => InputCount::None,
            Op::Multiply => InputCount::Two,
            Op::Add | Op::Concat => InputCount::TwoOrMore,
            Op::Conv2d(_)
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten
            | Op::Linear(_) => InputCount::One,
        }
    }

    /// What a value sees; of the input node, which has no inputs, its own pixel.
    pub(crate) fn sees(&self) -> Sees {
        match self {
            Op::Conv2d(conv) => Sees::Window(conv.window()),
            Op::MaxPool2d(pool) => Sees::Window(pool.window()),
            Op::AvgPool2d(pool) => Sees::Window(pool.window()),
            Op::Subsample { stride } => Sees::Window(Window {
                extent: ImageSize::square(1),
                stride: *stride,
                padding: Padding::NONE,
                ceil_mode: false,
            }),
            Op::GlobalAvgPool2d | Op::AdaptiveAvgPool2d(_) | Op::Flatten => Sees::Everything,
            Op::Input { .. }
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Linear(_) => Sees::SamePlace,
        }
    }

    pub(crate) fn drawn(&self) -> Drawn {
        match self {
            Op::Conv2d(_) | Op::Linear(_) => Drawn::Weights,
            Op::Add => Drawn::Add,
            Op::Multiply => Drawn::Product,
            Op::Concat => Drawn::Concat,
            Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. } => Drawn::Modifier,
            Op::Flatten => Drawn::View,
            Op::Input { .. }
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Subsample { .. }
            | Op::PadChannels { .. } => Drawn::Plain,
        }
    }

    /// Height times width of the maps that it yields, where that is the same for every input.
    pub(crate) fn fixed_cells(&self) -> Option<usize> {
        match self {
            Op::GlobalAvgPool2d => Some(1),
            Op::AdaptiveAvgPool2d(size) => size.height.checked_mul(size.width),
            Op::Input { .. }
            | Op::Conv2d(_)
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten
            | Op::Linear(_) => None,
        }
    }

    /// Multiplications, each with its addition, for one sample. Only convolutions and fully connected layers
    /// count, as is usual in papers: batch norm, activations and pooling are a percent of them.
    pub(crate) fn multiply_adds(&self, output: &Shape) -> Option<u64> {
        let per_output = match self {
            Op::Conv2d(conv) => conv.fan_in(),
            Op::Linear(linear) => linear.in_features,
            Op::Input { .. }
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten => 0,
        };
        (output.elements()? as u64).checked_mul(per_output as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, Parameter, architecture, architecture_names};

    #[test]
    fn what_has_parameters_varies_with_them_and_nothing_else_does() {
        let mut count = 0;
        for name in architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            for (index, node) in graph.nodes().iter().enumerate() {
                let has_parameters = !Parameter::of_node(graph.id(index).unwrap(), node).is_empty();
                let varies = node.op.variation() == Variation::WithParameters;
                assert_eq!(varies, has_parameters, "{name}: {}", node.name);
                count += 1;
            }
        }
        assert!(count > 0);
        assert_eq!(Op::Dropout { p: 0.1 }.variation(), Variation::AtRandom);
        assert_eq!(Op::Dropout { p: 0.0 }.variation(), Variation::Never);
    }
}
