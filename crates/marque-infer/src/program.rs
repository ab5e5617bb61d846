//! What a graph becomes before it is known for which images: layers that a kernel computes in one go.

use crate::parameters::{AffineParameters, Weight};
use marque_arch::{Conv2d, Window};
use marque_kernels::{Activation, Pooling};
use std::sync::Arc;

/// Layers in the order in which they run; each reads those before it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) layers: Vec<Layer>,
    /// The layer whose output is the network's.
    pub(crate) output: usize,
}

/// One layer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The node of the graph whose output it computes.
    pub(crate) node: usize,
    pub(crate) kind: Kind,
    /// The layers that it reads.
    pub(crate) inputs: Vec<usize>,
}

/// What a layer does.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// The images.
    Image,
    Convolution(Convolution),
    /// A number per channel that everything is multiplied by, and one that is added: a batch norm.
    Affine {
        parameters: Arc<AffineParameters>,
        activation: Activation,
    },
    Activate(Activation),
    /// Over the channels of each pixel, then a factor and a summand for each.
    LayerNorm {
        parameters: Arc<AffineParameters>,
        eps: f64,
    },
    /// Maps times a factor for each of their channels.
    Multiply,
    Pool {
        kind: Pooling,
        window: Window,
    },
    /// Means over a grid of as many cells as its output has pixels.
    AdaptiveMean,
    Add {
        activation: Activation,
    },
    Concat,
    Subsample {
        stride: usize,
    },
    /// Its input, and channels of zeros behind it.
    PadChannels,
    Flatten,
}

/// A convolution or a fully connected layer, with what is done in the same go.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    /// A fully connected layer is one of 1×1 over maps of one pixel.
    pub(crate) attributes: Conv2d,
    pub(crate) weight: Arc<Weight>,
    /// Whether it is a fully connected layer that reads maps as if they were flattened.
    pub(crate) flattens: bool,
    /// Before it.
    pub(crate) before: Before,
    /// Whether the last of its inputs is added to its output.
    pub(crate) adds: bool,
    /// What is done to its output, after the addition.
    pub(crate) activation: Activation,
}

/// What is done to the input of a convolution in the same go.
#[derive(Debug, Clone)]
pub(crate) enum Before {
    Nothing,
    /// Negative values count as 0: before a depthwise convolution.
    Rectify,
    Affine {
        parameters: Arc<AffineParameters>,
        activation: Activation,
    },
    /// A depthwise convolution, before one of 1×1.
    Depthwise(Box<Convolution>),
}

impl Convolution {
    /// Whether each filter sees one channel and each channel has one filter.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.attributes.is_depthwise() && self.attributes.in_channels == self.attributes.out_channels
    }
}

impl Program {
    /// For each layer, how many others read it; the network's output counts as read once more.
    pub(crate) fn reader_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.layers.len()];
        for input in self.layers.iter().flat_map(|layer| &layer.inputs) {
            counts[*input] += 1;
        }
        counts[self.output] += 1;
        counts
    }

    /// The same program without the layers that the output does not depend on.
    pub(crate) fn without_dead_layers(self) -> Self {
        let mut is_alive = vec![false; self.layers.len()];
        is_alive[self.output] = true;
        for index in (0..self.layers.len()).rev() {
            if is_alive[index] {
                for &input in &self.layers[index].inputs {
                    is_alive[input] = true;
                }
            }
        }
        let mut places = Vec::with_capacity(self.layers.len());
        let mut layers = Vec::new();
        for (layer, is_alive) in self.layers.into_iter().zip(is_alive) {
            places.push(layers.len());
            if is_alive {
                let inputs = layer.inputs.iter().map(|&input| places[input]).collect();
                layers.push(Layer { inputs, ..layer });
            }
        }
        Self {
            output: places[self.output],
            layers,
        }
    }
}
