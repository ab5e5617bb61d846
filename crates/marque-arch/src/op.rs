mod facts;

pub use facts::Variation;
pub(crate) use facts::{Drawn, InputCount, Sees};

use crate::{ImageSize, Padding, Window};
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
    /// Layer normalisation over the channels of each pixel (Ba et al. 2016), as ConvNeXt has it.
    LayerNorm2d(LayerNorm2d),
    /// A factor per channel that is learnt (Touvron et al. 2021, "Going deeper with image transformers").
    LayerScale(LayerScale),
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6) (Krizhevsky 2010).
    Relu6,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ) (Ramachandran et al. 2017, "Searching for activation functions", where it is called Swish).
    Silu,
    /// x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// x · Φ(x) with the normal distribution's Φ, not its approximation by tanh (Hendrycks & Gimpel 2016).
    Gelu,
    /// The largest value of each window.
    MaxPool2d(MaxPool2d),
    /// The mean of each window.
    AvgPool2d(AvgPool2d),
    /// The mean over H and W: C×H×W → C×1×1.
    GlobalAvgPool2d,
    /// The means over a grid of `height`×`width` cells that cover the map, whatever its size: C×H×W →
    /// C×`height`×`width`. Cells of a map that they do not divide overlap by a row or a column, as PyTorch's do.
    AdaptiveAvgPool2d(ImageSize),
    /// The sum of two or more inputs of one shape.
    Add,
    /// Maps times a factor for each of their channels, C×H×W and C×1×1: the excitation of Hu et al. 2018, "Squeeze-and-excitation networks".
    Multiply,
    /// Two or more maps of one height and width, their channels one after the other.
    Concat,
    /// Every `stride`-th row and column, beginning with the first.
    Subsample {
        /// Step between the rows, and the columns, that are kept.
        stride: usize,
    },
    /// Channels of zeros behind those that arrive.
    PadChannels {
        /// How many are added.
        channels: usize,
    },
    /// In training each value is 0 with this probability and divided by its complement otherwise (Srivastava et al.
    /// 2014); nothing in evaluation.
    Dropout {
        /// The probability, from 0 to below 1.
        p: f64,
    },
    /// In training all values of a sample are 0 with this probability and divided by its complement otherwise: the branch of a
    /// residual block is left out (Huang et al. 2016, "Deep networks with stochastic depth"); nothing in evaluation.
    StochasticDepth {
        /// The probability, from 0 to below 1.
        p: f64,
    },
    /// C×H×W → a vector of C·H·W, channels outermost.
    Flatten,
    /// A fully connected layer; of maps, for each pixel by itself.
    Linear(Linear),
}

/// Attributes of a convolution. The weight is `out_channels × in_channels/groups × height × width` of the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: the number of filters.
    pub out_channels: usize,
    /// Height and width of a filter.
    pub kernel_size: ImageSize,
    /// Step between windows, in both directions.
    pub stride: usize,
    /// Zeros added around the map.
    pub padding: Padding,
    /// Distance between the taps of a filter; 1 is a dense filter.
    pub dilation: usize,
    /// Independent groups of channels; `in_channels` of them make the convolution depthwise.
    pub groups: usize,
    /// How the bias per output channel begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<BiasInit>,
    /// Distribution of the initial weights.
    pub init: WeightInit,
}

impl Conv2d {
    /// A square filter with stride 1, no padding, dense, one group, no bias, [`WeightInit::KaimingNormalFanOut`]: what
    /// the residual networks are made of. Chain the other methods for the rest.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size: ImageSize::square(kernel_size),
            stride: 1,
            padding: Padding::NONE,
            dilation: 1,
            groups: 1,
            bias: None,
            init: WeightInit::KaimingNormalFanOut,
        }
    }

    /// One filter per channel (Chollet 2017: the first half of a separable convolution).
    pub fn depthwise(channels: usize, kernel_size: usize) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, channels, kernel_size)
        }
    }

    /// Sets a filter that is not square.
    pub fn kernel_size(self, height: usize, width: usize) -> Self {
        Self {
            kernel_size: ImageSize { height, width },
            ..self
        }
    }

    /// Sets the step between windows.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Sets as many zeros on each of the four sides.
    pub fn padding(self, amount: usize) -> Self {
        self.padded(Padding::equal(amount))
    }

    /// Sets the zeros around the map.
    pub fn padded(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Sets that a bias is added per output channel, and how it begins.
    pub fn bias(self, bias: BiasInit) -> Self {
        Self {
            bias: Some(bias),
            ..self
        }
    }

    /// Sets the distribution of the initial weights.
    pub fn init(self, init: WeightInit) -> Self {
        Self { init, ..self }
    }

    /// Whether each filter sees one channel alone: PyTorch's and Keras's depthwise convolution, with as many filters for a channel
    /// as there are output channels for an input channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels
    }

    /// Whether it mixes the channels of single pixels: a 1×1 filter over all of them, with any stride.
    pub fn is_pointwise(&self) -> bool {
        self.groups == 1 && self.kernel_size == ImageSize::square(1)
    }

    /// How it slides over a map.
    pub fn window(&self) -> Window {
        let reach = |taps: usize| self.dilation * taps.saturating_sub(1) + 1;
        Window {
            extent: ImageSize {
                height: reach(self.kernel_size.height),
                width: reach(self.kernel_size.width),
            },
            stride: self.stride,
            padding: self.padding,
            ceil_mode: false,
        }
    }

    fn taps(&self) -> usize {
        self.kernel_size.height * self.kernel_size.width
    }

    /// Inputs that one output value depends on.
    pub(crate) fn fan_in(&self) -> usize {
        self.in_channels / self.groups * self.taps()
    }

    /// Outputs that one input value reaches, in PyTorch's count.
    pub(crate) fn fan_out(&self) -> usize {
        self.out_channels * self.taps()
    }

    /// Inputs and outputs in Keras's count, whose depthwise kernels are H×W×I×1.
    pub(crate) fn keras_fans(&self) -> (usize, usize) {
        (
            self.in_channels * self.taps(),
            self.out_channels / self.groups * self.taps(),
        )
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

/// Attributes of a layer normalisation: y = weight · (x − mean) / √(variance + eps) + bias, mean and variance over the channels of a
/// pixel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm2d {
    /// C.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// Attributes of a layer scale. Its parameter, C×1×1, has the node's own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerScale {
    /// C.
    pub channels: usize,
    /// What each factor begins with.
    pub init: f32,
}

/// What all batch norms of a network have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDefaults {
    /// Added to the variance.
    pub eps: f64,
    /// Weight of the new batch in the running statistics.
    pub momentum: f64,
}

impl BatchNormDefaults {
    /// PyTorch's.
    pub const PYTORCH: Self = Self {
        eps: 1e-5,
        momentum: 0.1,
    };
    /// Keras's: eps 1e-3, momentum 0.99 in its own sense.
    pub const KERAS: Self = Self {
        eps: 1e-3,
        momentum: 0.01,
    };
}

/// Attributes of a max pooling; what is added around the map counts as minus infinity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel_size: usize,
    /// Step between windows.
    pub stride: usize,
    /// Border around the map; at most half the window on a side.
    pub padding: Padding,
    /// Whether a last, incomplete window counts; it is left out by default.
    #[serde(default)]
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// No border, and an incomplete window is left out.
    pub fn new(kernel_size: usize, stride: usize) -> Self {
        Self {
            kernel_size,
            stride,
            padding: Padding::NONE,
            ceil_mode: false,
        }
    }

    /// Sets the border around the map.
    pub fn padded(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Sets that a last, incomplete window counts.
    pub fn ceil_mode(self) -> Self {
        Self {
            ceil_mode: true,
            ..self
        }
    }

    /// How it slides over a map.
    pub fn window(&self) -> Window {
        Window {
            extent: ImageSize::square(self.kernel_size),
            stride: self.stride,
            padding: self.padding,
            ceil_mode: self.ceil_mode,
        }
    }
}

/// Attributes of an average pooling; the zeros around the map count in the mean, as in PyTorch (Keras's `same` leaves
/// them out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool2d {
    /// Height and width of the window.
    pub kernel_size: usize,
    /// Step between windows.
    pub stride: usize,
    /// Zeros added on each side; at most half the window.
    pub padding: usize,
}

impl AvgPool2d {
    /// How it slides over a map.
    pub fn window(&self) -> Window {
        Window {
            extent: ImageSize::square(self.kernel_size),
            stride: self.stride,
            padding: Padding::equal(self.padding),
            ceil_mode: false,
        }
    }
}

/// Attributes of a fully connected layer: y = W x + b with W `out_features × in_features`, bias included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Length of the input vector, or channels of the maps.
    pub in_features: usize,
    /// Length of the output vector, or channels of the maps.
    pub out_features: usize,
    /// Distribution of the initial weights.
    pub init: WeightInit,
    /// How the bias begins.
    pub bias: BiasInit,
}

impl Linear {
    /// A layer that begins as PyTorch's do.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self {
            in_features,
            out_features,
            init: WeightInit::PyTorchDefault,
            bias: BiasInit::PyTorchDefault,
        }
    }

    /// Sets the distribution of the initial weights.
    pub fn init(self, init: WeightInit) -> Self {
        Self { init, ..self }
    }

    /// Sets how the bias begins.
    pub fn bias(self, bias: BiasInit) -> Self {
        Self { bias, ..self }
    }
}

/// How the bias of a convolution or a linear layer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiasInit {
    /// At 0: Keras's default, and torchvision's in VGGs and DenseNets.
    Zeros,
    /// Uniform in ±1/√fan_in of the weights: what PyTorch does when nothing is asked for.
    PyTorchDefault,
}

/// How the weights of a convolution or a linear layer are drawn at first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightInit {
    /// Normal with variance 2 / fan_out (He et al. 2015, "Delving deep into rectifiers"): torchvision's ResNets.
    KaimingNormalFanOut,
    /// Normal with variance 2 / fan_in: torchvision's DenseNets.
    KaimingNormalFanIn,
    /// Uniform in ±1/√fan_in: what PyTorch does when nothing is asked for.
    PyTorchDefault,
    /// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010): Keras's default.
    GlorotUniform,
    /// Uniform in ±`bound`: the classifiers of timm's EfficientNets.
    Uniform {
        /// The largest weight.
        bound: f32,
    },
    /// Normal with this standard deviation: torchvision's Inceptions and the classifiers of its VGGs.
    Normal {
        /// The standard deviation.
        std: f32,
    },
}
