use crate::{Error, ImageSize, Shape};
use serde::{Deserialize, Serialize};

/// What a node does.
///
/// The enumeration is exhaustive on purpose: an engine that lacks an operation does not compile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Where the image enters, C×H×W.
    Input {
        /// C; 3 for RGB.
        channels: usize,
    },
    /// Two-dimensional convolution (cross-correlation, as every deep-learning library computes it).
    Conv2d(Conv2d),
    /// Batch normalisation over N, H and W (Ioffe & Szegedy 2015).
    BatchNorm2d(BatchNorm2d),
    /// max(x, 0).
    Relu,
    /// The largest value of each window.
    MaxPool2d(MaxPool2d),
    /// The mean over H and W: C×H×W → C×1×1.
    GlobalAvgPool2d,
    /// The sum of two or more inputs of one shape.
    Add,
    /// C×H×W → a vector of C·H·W, channels outermost.
    Flatten,
    /// A fully connected layer.
    Linear(Linear),
}

/// Attributes of a convolution. The weight is `out_channels × in_channels/groups × kernel_size × kernel_size`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: the number of filters.
    pub out_channels: usize,
    /// Height and width of a filter.
    pub kernel_size: usize,
    /// Step between windows, in both directions.
    pub stride: usize,
    /// Zeros added on each of the four sides.
    pub padding: usize,
    /// Distance between the taps of a filter; 1 is a dense filter.
    pub dilation: usize,
    /// Independent groups of channels; `in_channels` of them make the convolution depthwise.
    pub groups: usize,
    /// Whether a bias is added per output channel.
    pub bias: bool,
    /// Distribution of the initial weights.
    pub init: WeightInit,
}

impl Conv2d {
    /// Stride 1, no padding, dense, one group, no bias, [`WeightInit::KaimingNormalFanOut`]: what the residual
    /// networks are made of. Chain the other methods for the rest.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size,
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
            bias: false,
            init: WeightInit::KaimingNormalFanOut,
        }
    }

    /// Sets the step between windows.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Sets the zeros added on each side.
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Inputs that one output value depends on.
    pub(crate) fn fan_in(&self) -> usize {
        self.in_channels / self.groups * self.kernel_size * self.kernel_size
    }

    /// Outputs that one input value reaches, in PyTorch's count.
    pub(crate) fn fan_out(&self) -> usize {
        self.out_channels * self.kernel_size * self.kernel_size
    }
}

/// Attributes of a batch normalisation: y = weight · (x − mean) / √(variance + eps) + bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm2d {
    /// C.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Weight of the new batch in the running statistics, in PyTorch's sense (Keras's is one minus this).
    pub momentum: f64,
}

impl BatchNorm2d {
    /// PyTorch's defaults: eps 1e-5, momentum 0.1.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            eps: 1e-5,
            momentum: 0.1,
        }
    }
}

/// Attributes of a max pooling; padding counts as minus infinity, and an incomplete window is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel_size: usize,
    /// Step between windows.
    pub stride: usize,
    /// Border added on each side; at most half the window.
    pub padding: usize,
}

/// Attributes of a fully connected layer: y = W x + b with W `out_features × in_features`, bias included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Length of the input vector.
    pub in_features: usize,
    /// Length of the output vector.
    pub out_features: usize,
}

/// How the weights of a convolution are drawn at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightInit {
    /// Normal with variance 2 / fan_out (He et al. 2015, "Delving deep into rectifiers"): torchvision's ResNets.
    KaimingNormalFanOut,
    /// Uniform in ±1/√fan_in: what PyTorch does when nothing is asked for.
    PyTorchDefault,
}

/// A node's name and operation, for error messages.
pub(crate) struct Named<'a> {
    pub(crate) node: &'a str,
    pub(crate) op: &'a Op,
}

impl Op {
    /// The operation's name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "Input",
            Op::Conv2d(_) => "Conv2d",
            Op::BatchNorm2d(_) => "BatchNorm2d",
            Op::Relu => "ReLU",
            Op::MaxPool2d(_) => "MaxPool2d",
            Op::GlobalAvgPool2d => "GlobalAvgPool2d",
            Op::Add => "Add",
            Op::Flatten => "Flatten",
            Op::Linear(_) => "Linear",
        }
    }

    /// Multiplications, each with its addition, for one sample. Only convolutions and fully connected layers
    /// count, as is usual in papers: batch norm, activations and pooling are a percent of them.
    pub(crate) fn multiply_adds(&self, output: &Shape) -> Option<u64> {
        let per_output = match self {
            Op::Conv2d(conv) => conv.fan_in(),
            Op::Linear(linear) => linear.in_features,
            _ => 0,
        };
        (output.elements()? as u64).checked_mul(per_output as u64)
    }
}

impl Named<'_> {
    /// Shape of one output sample from those of the inputs; `input` is the size of the network's input, for
    /// the error message. Channel counts have been checked when the graph was built, except where they depend
    /// on the input size.
    pub(crate) fn infer(&self, shapes: &[Shape], input: ImageSize) -> Result<Shape, Error> {
        let first = shapes[0];
        match self.op {
            Op::Input { .. } => Ok(first),
            Op::BatchNorm2d(_) | Op::Relu => Ok(first),
            Op::Conv2d(conv) => {
                let (_, size) = self.map(first)?;
                let window = conv.dilation * (conv.kernel_size - 1) + 1;
                let size = self.slide(
                    size,
                    Window {
                        side: window,
                        stride: conv.stride,
                        padding: conv.padding,
                    },
                    input,
                )?;
                Ok(Shape::Map {
                    channels: conv.out_channels,
                    size,
                })
            }
            Op::MaxPool2d(pool) => {
                let (channels, size) = self.map(first)?;
                let window = Window {
                    side: pool.kernel_size,
                    stride: pool.stride,
                    padding: pool.padding,
                };
                Ok(Shape::Map {
                    channels,
                    size: self.slide(size, window, input)?,
                })
            }
            Op::GlobalAvgPool2d => {
                let (channels, _) = self.map(first)?;
                Ok(Shape::Map {
                    channels,
                    size: ImageSize::square(1),
                })
            }
            Op::Add => match shapes.iter().find(|&&other| other != first) {
                Some(&other) => Err(Error::ShapeMismatch {
                    node: self.node.to_owned(),
                    first,
                    other,
                }),
                None => Ok(first),
            },
            Op::Flatten => Ok(Shape::Vector {
                features: first.elements().ok_or_else(|| self.overflow())?,
            }),
            Op::Linear(linear) => match first {
                Shape::Vector { features } if features == linear.in_features => Ok(Shape::Vector {
                    features: linear.out_features,
                }),
                Shape::Vector { features } => Err(self.channel_mismatch(linear.in_features, features)),
                found => Err(self.wrong_rank("a vector", found)),
            },
        }
    }

    fn map(&self, shape: Shape) -> Result<(usize, ImageSize), Error> {
        match shape {
            Shape::Map { channels, size } => Ok((channels, size)),
            found => Err(self.wrong_rank("feature maps", found)),
        }
    }

    fn slide(&self, size: ImageSize, window: Window, input: ImageSize) -> Result<ImageSize, Error> {
        let padded = ImageSize {
            height: window.padded(size.height).ok_or_else(|| self.overflow())?,
            width: window.padded(size.width).ok_or_else(|| self.overflow())?,
        };
        if padded.height < window.side || padded.width < window.side || size.height == 0 || size.width == 0 {
            return Err(Error::InputTooSmall {
                node: self.node.to_owned(),
                op: self.op.name(),
                window: ImageSize::square(window.side),
                found: padded,
                input,
            });
        }
        Ok(ImageSize {
            height: window.count(padded.height),
            width: window.count(padded.width),
        })
    }

    pub(crate) fn channel_mismatch(&self, expected: usize, found: usize) -> Error {
        Error::ChannelMismatch {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        }
    }

    pub(crate) fn overflow(&self) -> Error {
        Error::Overflow {
            node: self.node.to_owned(),
        }
    }

    fn wrong_rank(&self, expected: &'static str, found: Shape) -> Error {
        Error::WrongRank {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        }
    }
}

#[derive(Clone, Copy)]
struct Window {
    side: usize,
    stride: usize,
    padding: usize,
}

impl Window {
    fn padded(self, extent: usize) -> Option<usize> {
        extent.checked_add(self.padding.checked_mul(2)?)
    }

    fn count(self, padded: usize) -> usize {
        (padded - self.side) / self.stride + 1
    }
}
