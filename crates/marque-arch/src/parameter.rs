use crate::{Node, NodeId, Op, WeightInit};

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

    /// Its number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
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
                let uniform = Init::Uniform {
                    bound: 1.0 / (conv.fan_in() as f32).sqrt(),
                };
                let init = match conv.init {
                    WeightInit::KaimingNormalFanOut => Init::Normal {
                        std: (2.0 / conv.fan_out() as f32).sqrt(),
                    },
                    WeightInit::PyTorchDefault => uniform,
                };
                let kernel = conv.kernel_size;
                let shape = vec![conv.out_channels, conv.in_channels / conv.groups, kernel, kernel];
                let weight = make(ParameterRole::Weight, shape, init);
                let bias = conv
                    .bias
                    .then(|| make(ParameterRole::Bias, vec![conv.out_channels], uniform));
                std::iter::once(weight).chain(bias).collect()
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
            Op::Linear(linear) => {
                let init = Init::Uniform {
                    bound: 1.0 / (linear.in_features as f32).sqrt(),
                };
                vec![
                    make(
                        ParameterRole::Weight,
                        vec![linear.out_features, linear.in_features],
                        init,
                    ),
                    make(ParameterRole::Bias, vec![linear.out_features], init),
                ]
            }
            _ => Vec::new(),
        }
    }
}
