//! The blocks of torchvision's mobile networks after MobileNetV2.

use crate::squeeze_excitation::SqueezeExcitation;
use crate::{Conv2d, Error, GraphBuilder, NodeId, Op};

/// A convolution `{path}.0`, its batch norm `{path}.1` and, if there is one, the activation `{path}.2`.
pub(crate) fn conv_norm(
    builder: &mut GraphBuilder,
    path: &str,
    conv: Conv2d,
    activation: Option<Op>,
    input: NodeId,
) -> Result<NodeId, Error> {
    let maps = builder.conv2d(format!("{path}.0"), input, conv)?;
    let maps = builder.batch_norm2d(format!("{path}.1"), maps)?;
    match activation {
        Some(activation) => builder.add(format!("{path}.2"), activation, &[maps]),
        None => Ok(maps),
    }
}

/// An inverted residual block (Sandler et al. 2018, arXiv:1801.04381) with what came to it since.
pub(crate) struct InvertedResidual {
    /// Channels that arrive.
    pub(crate) channels: usize,
    /// Channels in its middle; where these are as many, nothing widens.
    pub(crate) hidden: usize,
    pub(crate) out_channels: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Whether one dense convolution both widens and filters (Tan and Le 2021, arXiv:2104.00298, figure 2), and is all there is where
    /// nothing is widened; else a depthwise one filters between two of 1×1.
    pub(crate) is_fused: bool,
    /// Behind what filters.
    pub(crate) excitation: Option<SqueezeExcitation>,
    /// Behind every convolution but the last.
    pub(crate) activation: Op,
    /// How likely training leaves the branch out, in networks that have stochastic depth.
    pub(crate) stochastic_depth: Option<f64>,
}

enum Layer {
    Conv(Conv2d, Option<Op>),
    Excitation(SqueezeExcitation),
}

impl InvertedResidual {
    /// Adds the block: its layers are `{path}.block.0` and so on.
    pub(crate) fn add(self, builder: &mut GraphBuilder, path: &str, input: NodeId) -> Result<NodeId, Error> {
        let is_residual = self.stride == 1 && self.channels == self.out_channels;
        let stochastic_depth = self.stochastic_depth;
        let mut maps = input;
        for (number, layer) in self.layers().into_iter().enumerate() {
            let path = format!("{path}.block.{number}");
            maps = match layer {
                Layer::Conv(conv, activation) => conv_norm(builder, &path, conv, activation, maps)?,
                Layer::Excitation(excitation) => excitation.add(builder, &path, maps)?,
            };
        }
        if !is_residual {
            return Ok(maps);
        }
        if let Some(p) = stochastic_depth {
            maps = builder.add(
                format!("{path}.stochastic_depth"),
                Op::StochasticDepth { p },
                &[maps],
            )?;
        }
        builder.sum(format!("{path}.add"), maps, input)
    }

    fn layers(self) -> Vec<Layer> {
        let (channels, hidden) = (self.channels, self.hidden);
        let widens = hidden != channels;
        let projects = widens || !self.is_fused;
        let windowed = |conv: Conv2d| conv.stride(self.stride).padding(self.kernel / 2);
        let activated = |conv: Conv2d| Layer::Conv(conv, Some(self.activation.clone()));
        let mut layers = Vec::new();
        if self.is_fused {
            let filtered = if projects { hidden } else { self.out_channels };
            layers.push(activated(windowed(Conv2d::new(channels, filtered, self.kernel))));
        } else {
            layers.extend(widens.then(|| activated(Conv2d::new(channels, hidden, 1))));
            layers.push(activated(windowed(Conv2d::depthwise(hidden, self.kernel))));
        }
        layers.extend(self.excitation.map(Layer::Excitation));
        layers.extend(projects.then(|| Layer::Conv(Conv2d::new(hidden, self.out_channels, 1), None)));
        layers
    }
}
