use crate::{BiasInit, Node, NodeId, Op, WeightInit};

/// A stored tensor of a network: its name, shape and first values.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// PyTorch's key, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// The node it belongs to.
    pub node: NodeId,
    /// Dimensions, outermost first; convolution weights are O×I×H×W, those of linear layers O×I.
    pub shape: Vec<usize>,
    /// Distribution of the first values.
    pub init: Init,
    /// What it is to its node.
    pub role: ParameterRole,
}

/// What a parameter is to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterRole {
    /// Weight of a convolution or a linear layer, or the scale of a batch norm.
    Weight,
    /// Bias of a convolution or a linear layer, or the shift of a batch norm.
    Bias,
    /// Running mean of a batch norm.
    RunningMean,
    /// Running variance of a batch norm, unbiased as PyTorch keeps it.
    RunningVariance,
}

/// How a parameter is filled before training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Every element is this number.
    Constant(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal {
        /// The standard deviation.
        std: f32,
    },
    /// Uniform between −bound and bound.
    Uniform {
        /// The largest value.
        bound: f32,
    },
}

impl Parameter {
    /// Whether training changes it by gradient descent; running statistics only follow the data.
    pub fn is_trained(&self) -> bool {
        matches!(self.role, ParameterRole::Weight | ParameterRole::Bias)
    }

    /// Its number of elements; saturates where a machine word does not hold it.
    pub fn count(&self) -> usize {
        let extents = self.shape.iter();
        extents.fold(1, |count: usize, &extent| count.saturating_mul(extent))
    }

    pub(crate) fn of_node(id: NodeId, node: &Node) -> Vec<Parameter> {
        let make = |role: ParameterRole, shape: Vec<usize>, init: Init| {
            let suffix = match role {
                ParameterRole::Weight => "weight",
                ParameterRole::Bias => "bias",
                ParameterRole::RunningMean => "running_mean",
                ParameterRole::RunningVariance => "running_var",
            };
            Parameter {
                name: format!("{}.{suffix}", node.name),
                node: id,
                shape,
                init,
                role,
            }
        };
        match &node.op {
            Op::Conv2d(conv) => {
                let fans = Fans {
                    fan_in: conv.fan_in(),
                    fan_out: conv.fan_out(),
                    keras: conv.keras_fans(),
                };
                let (height, width) = (conv.kernel_size.height, conv.kernel_size.width);
                let shape = vec![conv.out_channels, conv.in_channels / conv.groups, height, width];
                let weight = make(ParameterRole::Weight, shape, fans.weight(conv.init));
                let bias = |bias| make(ParameterRole::Bias, vec![conv.out_channels], fans.bias(bias));
                std::iter::once(weight).chain(conv.bias.map(bias)).collect()
            }
            Op::BatchNorm2d(norm) => vec![
                make(ParameterRole::Weight, vec![norm.channels], Init::Constant(1.0)),
                make(ParameterRole::Bias, vec![norm.channels], Init::Constant(0.0)),
                make(
                    ParameterRole::RunningMean,
                    vec![norm.channels],
                    Init::Constant(0.0),
                ),
                make(
                    ParameterRole::RunningVariance,
                    vec![norm.channels],
                    Init::Constant(1.0),
                ),
            ],
            Op::LayerNorm2d(norm) => vec![
                make(ParameterRole::Weight, vec![norm.channels], Init::Constant(1.0)),
                make(ParameterRole::Bias, vec![norm.channels], Init::Constant(0.0)),
            ],
            Op::LayerScale(scale) => vec![Parameter {
                name: node.name.clone(),
                ..make(
                    ParameterRole::Weight,
                    vec![scale.channels, 1, 1],
                    Init::Constant(scale.init),
                )
            }],
            Op::Linear(linear) => {
                let (fan_in, fan_out) = (linear.in_features, linear.out_features);
                let fans = Fans {
                    fan_in,
                    fan_out,
                    keras: (fan_in, fan_out),
                };
                let weight = make(
                    ParameterRole::Weight,
                    vec![fan_out, fan_in],
                    fans.weight(linear.init),
                );
                vec![
                    weight,
                    make(ParameterRole::Bias, vec![fan_out], fans.bias(linear.bias)),
                ]
            }
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
            | Op::Flatten => Vec::new(),
        }
    }
}

/// How many numbers meet in an output value and how many an input value reaches.
struct Fans {
    fan_in: usize,
    fan_out: usize,
    /// Both in Keras's count.
    keras: (usize, usize),
}

impl Fans {
    fn weight(&self, init: WeightInit) -> Init {
        match init {
            WeightInit::KaimingNormalFanOut => Init::Normal {
                std: (2.0 / self.fan_out as f32).sqrt(),
            },
            WeightInit::KaimingNormalFanIn => Init::Normal {
                std: (2.0 / self.fan_in as f32).sqrt(),
            },
            WeightInit::PyTorchDefault => Init::Uniform {
                bound: 1.0 / (self.fan_in as f32).sqrt(),
            },
            WeightInit::GlorotUniform => Init::Uniform {
                bound: (6.0 / (self.keras.0 + self.keras.1) as f32).sqrt(),
            },
            WeightInit::Uniform { bound } => Init::Uniform { bound },
            WeightInit::Normal { std } => Init::Normal { std },
        }
    }

    fn bias(&self, init: BiasInit) -> Init {
        match init {
            BiasInit::Zeros => Init::Constant(0.0),
            BiasInit::PyTorchDefault => self.weight(WeightInit::PyTorchDefault),
        }
    }
}
