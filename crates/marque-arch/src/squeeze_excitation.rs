//! Squeeze and excitation: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks" (2018, arXiv:1709.01507), figure 3.

use crate::{BiasInit, Conv2d, Error, GraphBuilder, NodeId, Op};

/// Weighs the channels of maps by what their means over all places say: two layers make a factor for each channel out of them.
pub(crate) struct SqueezeExcitation {
    /// Length of the vector between the two layers.
    pub(crate) squeeze_channels: usize,
    /// Behind the first layer.
    pub(crate) activation: Op,
    /// Behind the second; it makes the factors.
    pub(crate) gate: Op,
    /// How the biases of both layers begin.
    pub(crate) bias: BiasInit,
}

impl SqueezeExcitation {
    /// Adds it behind `input`, C×H×W → C×H×W, with torchvision's names: the layers are 1×1 convolutions `{path}.fc1` and `{path}.fc2`.
    pub(crate) fn add(self, builder: &mut GraphBuilder, path: &str, input: NodeId) -> Result<NodeId, Error> {
        // An input without a certain number of channels is refused by the first layer, which cannot have 0.
        let channels = builder.channels(input).unwrap_or(0);
        let squeeze = Conv2d::new(channels, self.squeeze_channels, 1).bias(self.bias);
        let excite = Conv2d::new(self.squeeze_channels, channels, 1).bias(self.bias);
        let means = builder.add(format!("{path}.avgpool"), Op::GlobalAvgPool2d, &[input])?;
        let hidden = builder.conv2d(format!("{path}.fc1"), means, squeeze)?;
        let hidden = builder.add(format!("{path}.activation"), self.activation, &[hidden])?;
        let factors = builder.conv2d(format!("{path}.fc2"), hidden, excite)?;
        let factors = builder.add(format!("{path}.scale_activation"), self.gate, &[factors])?;
        builder.add(format!("{path}.mul"), Op::Multiply, &[input, factors])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, ImageSize};

    fn excited(squeeze_channels: usize) -> Result<crate::Graph, Error> {
        let mut builder = GraphBuilder::new("excited", 3)?;
        let image = builder.input();
        let maps = builder.conv2d("conv", image, Conv2d::new(3, 8, 1))?;
        let excitation = SqueezeExcitation {
            squeeze_channels,
            activation: Op::Relu,
            gate: Op::Sigmoid,
            bias: BiasInit::Zeros,
        };
        let maps = excitation.add(&mut builder, "se", maps)?;
        builder.build(maps)
    }

    #[test]
    fn shapes_stay_and_both_layers_have_biases() {
        let graph = excited(2).unwrap();
        let shapes = graph.shapes(ImageSize { height: 5, width: 4 });
        assert_eq!(shapes.unwrap()[graph.output().index()].to_string(), "8×5×4");
        let names: Vec<String> = graph.parameters().into_iter().map(|entry| entry.name).collect();
        let expected = [
            "conv.weight",
            "se.fc1.weight",
            "se.fc1.bias",
            "se.fc2.weight",
            "se.fc2.bias",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_vector_of_nothing_is_refused() {
        assert!(matches!(excited(0), Err(Error::InvalidAttribute { .. })));
    }
}
