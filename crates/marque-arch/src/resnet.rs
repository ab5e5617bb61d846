use crate::{Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId, Op, Padding};

/// Residual networks: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (2015,
/// arXiv:1512.03385), figure 3 and table 1; and the plain networks that they are compared with.
///
/// Names, order and structure are torchvision's. Two things are a choice: where a bottleneck has its stride
/// ([`BottleneckStride`]) and what its shortcuts are ([`Shortcut`]).
///
/// | | blocks | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- |
/// | [`resnet18`](Self::resnet18) | basic, 2-2-2-2 | 11,689,512 | 1.8 G |
/// | [`resnet34`](Self::resnet34) | basic, 3-4-6-3 | 21,797,672 | 3.7 G |
/// | [`resnet50`](Self::resnet50) | bottleneck, 3-4-6-3 | 25,557,032 | 4.1 G |
/// | [`resnet101`](Self::resnet101) | bottleneck, 3-4-23-3 | 44,549,160 | 7.8 G |
/// | [`resnet152`](Self::resnet152) | bottleneck, 3-8-36-3 | 60,192,808 | 11.5 G |
/// | [`resnext50_32x4d`](Self::resnext50_32x4d) | bottleneck in 32 groups, 3-4-6-3 | 25,028,904 | 4.2 G |
/// | [`wide_resnet50_2`](Self::wide_resnet50_2) | bottleneck of twice the width, 3-4-6-3 | 68,883,240 | 11.4 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::{ResNet, Shortcut};
///
/// let projected = ResNet::resnet34().num_classes(7).graph()?;
/// let padded = ResNet::resnet34().shortcut(Shortcut::ZeroPadding).num_classes(7).graph()?;
/// assert_eq!(projected.trained_parameter_count(), 21_288_263);
/// assert_eq!(padded.trained_parameter_count(), 21_114_439);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNet {
    /// The graph's name.
    pub name: String,
    /// What the stages are made of.
    pub block: ResidualBlock,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// What leads around a block.
    pub shortcut: Shortcut,
    /// Where a bottleneck has its stride.
    pub bottleneck_stride: BottleneckStride,
    /// Groups of the 3×3 convolution of a bottleneck (Xie et al. 2017, arXiv:1611.05431, its cardinality); 1 by default.
    pub groups: usize,
    /// Channels of each of these groups where the stage has 64 (Zagoruyko and Komodakis 2016, arXiv:1605.07146, make them more); 64 by
    /// default.
    pub width_per_group: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// The two blocks of the paper (figure 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResidualBlock {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1 to a quarter of the channels, 3×3, 1×1 back.
    Bottleneck,
}

/// What leads around a block, to be added to its output (section 3.3 and table 3 of the paper).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Nothing: the plain networks, whose training error grows with depth.
    None,
    /// Option A: the input itself; where the dimensions grow every second pixel of it, with channels of zeros added.
    ZeroPadding,
    /// Option B: a 1×1 convolution where the dimensions grow, the input itself elsewhere. What torchvision does.
    ProjectionWhereGrowing,
    /// Option C: a 1×1 convolution around every block.
    Projection,
}

/// Which convolution of the first block of a stage halves the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BottleneckStride {
    /// The 3×3 in the middle: torchvision, "v1.5". It sees every pixel.
    Middle,
    /// The 1×1 at the start: the paper. It is cheaper and skips three pixels of four.
    First,
}

impl ResidualBlock {
    /// Output channels of a block over the width of its stage.
    pub fn expansion(self) -> usize {
        match self {
            ResidualBlock::Basic => 1,
            ResidualBlock::Bottleneck => 4,
        }
    }
}

/// Channels of the 3×3 convolutions in the four stages.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];

impl ResNet {
    /// 18 layers, basic blocks.
    pub fn resnet18() -> Self {
        Self::new("resnet18", ResidualBlock::Basic, [2, 2, 2, 2])
    }

    /// 34 layers, basic blocks.
    pub fn resnet34() -> Self {
        Self::new("resnet34", ResidualBlock::Basic, [3, 4, 6, 3])
    }

    /// 50 layers, bottlenecks.
    pub fn resnet50() -> Self {
        Self::new("resnet50", ResidualBlock::Bottleneck, [3, 4, 6, 3])
    }

    /// 101 layers, bottlenecks.
    pub fn resnet101() -> Self {
        Self::new("resnet101", ResidualBlock::Bottleneck, [3, 4, 23, 3])
    }

    /// 152 layers, bottlenecks.
    pub fn resnet152() -> Self {
        Self::new("resnet152", ResidualBlock::Bottleneck, [3, 8, 36, 3])
    }

    /// ResNeXt (Xie et al. 2017): 50 layers, bottlenecks whose 3×3 convolutions have 32 groups of 4 channels and more.
    pub fn resnext50_32x4d() -> Self {
        Self {
            groups: 32,
            width_per_group: 4,
            ..Self::new("resnext50_32x4d", ResidualBlock::Bottleneck, [3, 4, 6, 3])
        }
    }

    /// A wide residual network (Zagoruyko and Komodakis 2016): 50 layers, bottlenecks whose 3×3 convolutions have twice the channels.
    pub fn wide_resnet50_2() -> Self {
        Self {
            width_per_group: 2 * WIDTHS[0],
            ..Self::new("wide_resnet50_2", ResidualBlock::Bottleneck, [3, 4, 6, 3])
        }
    }

    /// 18 layers without shortcuts.
    pub fn plain18() -> Self {
        Self::new("plain18", ResidualBlock::Basic, [2, 2, 2, 2]).shortcut(Shortcut::None)
    }

    /// 34 layers without shortcuts.
    pub fn plain34() -> Self {
        Self::new("plain34", ResidualBlock::Basic, [3, 4, 6, 3]).shortcut(Shortcut::None)
    }

    /// Any number of blocks per stage, for 1000 classes and RGB.
    pub fn new(name: impl Into<String>, block: ResidualBlock, blocks: [usize; 4]) -> Self {
        Self {
            name: name.into(),
            block,
            blocks,
            shortcut: Shortcut::ProjectionWhereGrowing,
            bottleneck_stride: BottleneckStride::Middle,
            groups: 1,
            width_per_group: WIDTHS[0],
            in_channels: 3,
            num_classes: 1000,
        }
    }

    /// Sets the graph's name.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// Sets what leads around a block.
    pub fn shortcut(self, shortcut: Shortcut) -> Self {
        Self { shortcut, ..self }
    }

    /// Sets where a bottleneck has its stride.
    pub fn bottleneck_stride(self, bottleneck_stride: BottleneckStride) -> Self {
        Self {
            bottleneck_stride,
            ..self
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
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0.
    pub fn graph(&self) -> Result<Graph, Error> {
        let mut builder = GraphBuilder::new(&self.name, self.in_channels)?;
        let mut maps = self.stem(&mut builder)?;
        let mut channels = WIDTHS[0];
        for (stage, (&width, &count)) in WIDTHS.iter().zip(&self.blocks).enumerate() {
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let block = Block {
                    path: format!("layer{}.{index}", stage + 1),
                    channels,
                    width,
                    stride,
                };
                maps = block.add(&mut builder, self, maps)?;
                channels = width * self.block.expansion();
            }
        }
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let head = Linear::new(channels, self.num_classes);
        let logits = builder.linear("fc", features, head)?;
        builder.build(logits)
    }

    /// 7×7/2 convolution and 3×3/2 max pooling: a quarter of the resolution, 64 channels.
    fn stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let conv = Conv2d::new(self.in_channels, WIDTHS[0], 7).stride(2).padding(3);
        let maps = builder.conv2d("conv1", builder.input(), conv)?;
        let maps = builder.batch_norm2d("bn1", maps)?;
        let maps = builder.relu("relu", maps)?;
        let pool = MaxPool2d::new(3, 2).padded(Padding::equal(1));
        builder.max_pool2d("maxpool", maps, pool)
    }
}

/// One residual block: y = relu(F(x) + shortcut(x)).
struct Block {
    path: String,
    /// Channels that arrive.
    channels: usize,
    width: usize,
    stride: usize,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, network: &ResNet, input: NodeId) -> Result<NodeId, Error> {
        let convolutions = self.convolutions(network);
        let path = &self.path;
        let last = convolutions.len();
        let mut residual = input;
        for (number, conv) in (1..).zip(convolutions) {
            residual = builder.conv2d(format!("{path}.conv{number}"), residual, conv)?;
            residual = builder.batch_norm2d(format!("{path}.bn{number}"), residual)?;
            if number < last {
                residual = builder.relu(format!("{path}.relu{number}"), residual)?;
            }
        }
        let sum = match self.add_shortcut(builder, network, input)? {
            Some(shortcut) => builder.sum(format!("{path}.add"), residual, shortcut)?,
            None => residual,
        };
        builder.relu(format!("{path}.relu"), sum)
    }

    fn convolutions(&self, network: &ResNet) -> Vec<Conv2d> {
        let (channels, width, stride) = (self.channels, self.width, self.stride);
        let (first, middle) = match network.bottleneck_stride {
            BottleneckStride::First => (stride, 1),
            BottleneckStride::Middle => (1, stride),
        };
        // Sizes that no memory holds are the builder's to refuse.
        let inner =
            (width.saturating_mul(network.width_per_group) / WIDTHS[0]).saturating_mul(network.groups);
        match network.block {
            ResidualBlock::Basic => vec![
                Conv2d::new(channels, width, 3).stride(stride).padding(1),
                Conv2d::new(width, width, 3).padding(1),
            ],
            ResidualBlock::Bottleneck => vec![
                Conv2d::new(channels, inner, 1).stride(first),
                Conv2d {
                    groups: network.groups,
                    ..Conv2d::new(inner, inner, 3).stride(middle).padding(1)
                },
                Conv2d::new(inner, width * network.block.expansion(), 1),
            ],
        }
    }

    fn add_shortcut(
        &self,
        builder: &mut GraphBuilder,
        network: &ResNet,
        input: NodeId,
    ) -> Result<Option<NodeId>, Error> {
        let (path, channels, stride) = (&self.path, self.channels, self.stride);
        let out_channels = self.width * network.block.expansion();
        let grows = stride != 1 || channels != out_channels;
        let project = match network.shortcut {
            Shortcut::None => return Ok(None),
            Shortcut::ZeroPadding => false,
            Shortcut::ProjectionWhereGrowing => grows,
            Shortcut::Projection => true,
        };
        if project {
            let projection = Conv2d::new(channels, out_channels, 1).stride(stride);
            let projected = builder.conv2d(format!("{path}.downsample.0"), input, projection)?;
            let projected = builder.batch_norm2d(format!("{path}.downsample.1"), projected)?;
            return Ok(Some(projected));
        }
        let mut shortcut = input;
        if stride != 1 {
            shortcut = builder.add(format!("{path}.subsample"), Op::Subsample { stride }, &[shortcut])?;
        }
        if channels != out_channels {
            let zeros = Op::PadChannels {
                channels: out_channels - channels,
            };
            shortcut = builder.add(format!("{path}.pad"), zeros, &[shortcut])?;
        }
        Ok(Some(shortcut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_widths_that_make_no_network_are_refused() {
        for (groups, width_per_group) in [(0, 64), (1, 0), (usize::MAX, 64), (32, usize::MAX)] {
            let network = ResNet {
                groups,
                width_per_group,
                ..ResNet::resnet50()
            };
            assert!(network.graph().is_err(), "{groups} groups of {width_per_group}");
        }
    }
}
