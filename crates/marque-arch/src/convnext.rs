use crate::{
    BiasInit, Conv2d, Error, Graph, GraphBuilder, LayerNorm2d, LayerScale, Linear, NodeId, Op, WeightInit,
};

/// ConvNeXt: Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s" (2022, arXiv:2201.03545). A residual network with
/// what vision transformers have besides attention: patches for a stem, layer norms, one activation to a block, wide insides. A block
/// filters each channel by itself in a window of 7×7, and mixes channels pixel by pixel.
///
/// Names, order and structure are torchvision's. What a block adds is multiplied by a factor per channel that begins near zero, and left
/// out at random in training, the later the block the more often.
///
/// | | blocks | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- |
/// | [`tiny`](Self::tiny) | 3-3-9-3 | 28,589,128 | 4.5 G |
/// | [`small`](Self::small) | 3-3-27-3 | 50,223,688 | 8.7 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 32 up.
///
/// ```
/// use marque_arch::ConvNeXt;
///
/// let graph = ConvNeXt::tiny().num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count(), 27_825_511);
/// assert_eq!(ConvNeXt::tiny().graph()?.trained_parameter_count(), 28_589_128);
/// assert_eq!(ConvNeXt::small().graph()?.trained_parameter_count(), 50_223_688);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNeXt {
    /// The graph's name.
    pub name: String,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// Channels in each of the four stages.
    pub widths: [usize; 4],
    /// The probability with which the last block is left out in training; those before it are in proportion to their place, the first
    /// never (Huang et al. 2016, arXiv:1603.09382).
    pub stochastic_depth: f64,
    /// What the factors that blocks are multiplied by begin with (Touvron et al. 2021, arXiv:2103.17239); 1e-6 by default.
    pub layer_scale: f32,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Of all layer norms.
const EPS: f64 = 1e-6;
/// Channels inside of a block over those outside.
const EXPANSION: usize = 4;
/// Beyond any network that has been made, and small enough to count with.
const MOST_BLOCKS: usize = 1000;

impl ConvNeXt {
    /// About the arithmetic of ResNet-50.
    pub fn tiny() -> Self {
        Self::new("convnext_tiny", [3, 3, 9, 3], 0.1)
    }

    /// About the arithmetic of ResNet-101.
    pub fn small() -> Self {
        Self::new("convnext_small", [3, 3, 27, 3], 0.4)
    }

    fn new(name: &str, blocks: [usize; 4], stochastic_depth: f64) -> Self {
        Self {
            name: name.to_owned(),
            blocks,
            widths: [96, 192, 384, 768],
            stochastic_depth,
            layer_scale: 1e-6,
            in_channels: 3,
            num_classes: 1000,
        }
    }

    /// Sets the length of the logits.
    pub fn num_classes(self, num_classes: usize) -> Self {
        Self { num_classes, ..self }
    }

    /// Sets the channels of the image.
    pub fn in_channels(self, in_channels: usize) -> Self {
        Self { in_channels, ..self }
    }

    /// The network as a graph.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] if `in_channels`, `num_classes` or a width is 0, [`Error::InvalidOption`] if a stage has more than 1000
    /// blocks, `stochastic_depth` is not at least 0 and below 1, or `layer_scale` is not finite.
    pub fn graph(&self) -> Result<Graph, Error> {
        self.check()?;
        let mut builder = GraphBuilder::new(&self.name, self.in_channels)?;
        let mut channels = self.widths[0];
        let patches = drawn(Conv2d::new(self.in_channels, channels, 4).stride(4));
        let maps = builder.conv2d("features.0.0", builder.input(), patches)?;
        let mut maps = layer_norm(&mut builder, "features.0.1", maps)?;
        let last = self.blocks.iter().sum::<usize>().saturating_sub(1).max(1);
        let mut number = 0;
        for (stage, (&width, &count)) in self.widths.iter().zip(&self.blocks).enumerate() {
            if stage > 0 {
                let path = format!("features.{}", 2 * stage);
                let normed = layer_norm(&mut builder, &format!("{path}.0"), maps)?;
                let halved = drawn(Conv2d::new(channels, width, 2).stride(2));
                maps = builder.conv2d(format!("{path}.1"), normed, halved)?;
                channels = width;
            }
            for index in 0..count {
                let block = Block {
                    path: format!("features.{}.{index}", 2 * stage + 1),
                    channels,
                    layer_scale: self.layer_scale,
                    left_out: self.stochastic_depth * number as f64 / last as f64,
                };
                maps = block.add(&mut builder, maps)?;
                number += 1;
            }
        }
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let normed = layer_norm(&mut builder, "classifier.0", pooled)?;
        let vector = builder.add("classifier.1", Op::Flatten, &[normed])?;
        let logits = builder.linear("classifier.2", vector, linear(channels, self.num_classes))?;
        builder.build(logits)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |option, expected, found: String| {
            Err(Error::InvalidOption {
                architecture: self.name.clone(),
                option,
                expected,
                found,
            })
        };
        if let Some(count) = self.blocks.iter().find(|&&count| count > MOST_BLOCKS) {
            return refuse("blocks", "at most 1000 in a stage", count.to_string());
        }
        if !(0.0..1.0).contains(&self.stochastic_depth) {
            let found = self.stochastic_depth.to_string();
            return refuse("stochastic_depth", "at least 0, below 1", found);
        }
        match self.layer_scale.is_finite() {
            true => Ok(()),
            false => refuse("layer_scale", "finite", self.layer_scale.to_string()),
        }
    }
}

/// How all weights begin. torchvision cuts the distribution off at a hundred deviations, where nothing is.
const INIT: WeightInit = WeightInit::Normal { std: 0.02 };

fn drawn(conv: Conv2d) -> Conv2d {
    conv.init(INIT).bias(BiasInit::Zeros)
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features)
        .init(INIT)
        .bias(BiasInit::Zeros)
}

/// A layer normalisation over the channels that arrive.
fn layer_norm(builder: &mut GraphBuilder, name: &str, input: NodeId) -> Result<NodeId, Error> {
    let norm = LayerNorm2d {
        channels: builder.channels(input).unwrap_or(0),
        eps: EPS,
    };
    builder.add(name, Op::LayerNorm2d(norm), &[input])
}

/// y = x + factor · F(x).
struct Block {
    path: String,
    channels: usize,
    layer_scale: f32,
    /// The probability with which F(x) is left out in training.
    left_out: f64,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let (path, channels) = (&self.path, self.channels);
        // Sizes that no memory holds are the builder's to refuse.
        let hidden = channels.saturating_mul(EXPANSION);
        // In torchvision's sequence 1 and 6 turn the order of dimensions, which marque's linear layers on maps do not ask for.
        let filters = drawn(Conv2d::depthwise(channels, 7).padding(3));
        let maps = builder.conv2d(format!("{path}.block.0"), input, filters)?;
        let maps = layer_norm(builder, &format!("{path}.block.2"), maps)?;
        let maps = builder.linear(format!("{path}.block.3"), maps, linear(channels, hidden))?;
        let maps = builder.add(format!("{path}.block.4"), Op::Gelu, &[maps])?;
        let maps = builder.linear(format!("{path}.block.5"), maps, linear(hidden, channels))?;
        let scale = LayerScale {
            channels,
            init: self.layer_scale,
        };
        let maps = builder.add(format!("{path}.layer_scale"), Op::LayerScale(scale), &[maps])?;
        let left_out = Op::StochasticDepth { p: self.left_out };
        let maps = builder.add(format!("{path}.stochastic_depth"), left_out, &[maps])?;
        builder.sum(format!("{path}.add"), input, maps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_left_out_the_more_often_the_later_they_are() {
        let graph = ConvNeXt::small().graph().unwrap();
        let found: Vec<f64> = graph
            .nodes()
            .iter()
            .filter_map(|node| match node.op {
                Op::StochasticDepth { p } => Some(p),
                _ => None,
            })
            .collect();
        assert_eq!(found.len(), 36);
        assert_eq!((found[0], found[35]), (0.0, 0.4));
        assert!((found[7] - 0.08).abs() < 1e-12, "{}", found[7]);
    }

    #[test]
    fn a_single_block_is_never_left_out() {
        let network = ConvNeXt {
            blocks: [1, 0, 0, 0],
            ..ConvNeXt::tiny()
        };
        let graph = network.graph().unwrap();
        let depth = graph.find("features.1.0.stochastic_depth").unwrap();
        assert_eq!(graph.nodes()[depth.index()].op, Op::StochasticDepth { p: 0.0 });
    }

    #[test]
    fn options_that_make_no_network_are_refused() {
        let refused = |network: ConvNeXt, expected: &str| match network.graph() {
            Err(Error::InvalidOption { option, .. }) => assert_eq!(option, expected),
            other => panic!("{expected}: {:?}", other.map(|graph| graph.nodes().len())),
        };
        for count in [MOST_BLOCKS + 1, usize::MAX] {
            let blocks = [3, count, count, 3];
            refused(
                ConvNeXt {
                    blocks,
                    ..ConvNeXt::tiny()
                },
                "blocks",
            );
        }
        for stochastic_depth in [-0.1, 1.0, f64::NAN] {
            refused(
                ConvNeXt {
                    stochastic_depth,
                    ..ConvNeXt::tiny()
                },
                "stochastic_depth",
            );
        }
        for layer_scale in [f32::NAN, f32::INFINITY] {
            refused(
                ConvNeXt {
                    layer_scale,
                    ..ConvNeXt::tiny()
                },
                "layer_scale",
            );
        }
        for widths in [[0, 192, 384, 768], [96, 192, 384, usize::MAX]] {
            let network = ConvNeXt {
                widths,
                ..ConvNeXt::tiny()
            };
            assert!(network.graph().is_err(), "{widths:?}");
        }
    }
}
