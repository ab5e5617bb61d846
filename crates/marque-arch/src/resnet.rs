use crate::{Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId, Op};

/// Residual networks: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (2015,
/// arXiv:1512.03385), figure 3 and table 1.
///
/// Names, order and structure are torchvision's: the stride of a bottleneck sits on its 3×3 convolution
/// ("v1.5"), shortcuts are projections where the dimensions change and identities elsewhere (option B).
///
/// | | blocks | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- |
/// | [`resnet18`](Self::resnet18) | basic, 2-2-2-2 | 11,689,512 | 1.8 G |
/// | [`resnet34`](Self::resnet34) | basic, 3-4-6-3 | 21,797,672 | 3.7 G |
/// | [`resnet50`](Self::resnet50) | bottleneck, 3-4-6-3 | 25,557,032 | 4.1 G |
/// | [`resnet101`](Self::resnet101) | bottleneck, 3-4-23-3 | 44,549,160 | 7.8 G |
/// | [`resnet152`](Self::resnet152) | bottleneck, 3-8-36-3 | 60,192,808 | 11.5 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNet {
    /// The graph's name.
    pub name: String,
    /// What the stages are made of.
    pub block: ResidualBlock,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
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

    /// Any number of blocks per stage, for 1000 classes and RGB.
    pub fn new(name: impl Into<String>, block: ResidualBlock, blocks: [usize; 4]) -> Self {
        Self {
            name: name.into(),
            block,
            blocks,
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
                maps = block.add(&mut builder, self.block, maps)?;
                channels = width * self.block.expansion();
            }
        }
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let head = Linear {
            in_features: channels,
            out_features: self.num_classes,
        };
        let logits = builder.linear("fc", features, head)?;
        builder.build(logits)
    }

    /// 7×7/2 convolution and 3×3/2 max pooling: a quarter of the resolution, 64 channels.
    fn stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let conv = Conv2d::new(self.in_channels, WIDTHS[0], 7).stride(2).padding(3);
        let maps = builder.conv2d("conv1", builder.input(), conv)?;
        let maps = builder.batch_norm2d("bn1", maps)?;
        let maps = builder.relu("relu", maps)?;
        builder.max_pool2d(
            "maxpool",
            maps,
            MaxPool2d {
                kernel_size: 3,
                stride: 2,
                padding: 1,
            },
        )
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
    fn add(&self, builder: &mut GraphBuilder, kind: ResidualBlock, input: NodeId) -> Result<NodeId, Error> {
        let (channels, width, stride) = (self.channels, self.width, self.stride);
        let out_channels = width * kind.expansion();
        let convolutions = match kind {
            ResidualBlock::Basic => vec![
                Conv2d::new(channels, width, 3).stride(stride).padding(1),
                Conv2d::new(width, out_channels, 3).padding(1),
            ],
            ResidualBlock::Bottleneck => vec![
                Conv2d::new(channels, width, 1),
                Conv2d::new(width, width, 3).stride(stride).padding(1),
                Conv2d::new(width, out_channels, 1),
            ],
        };
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
        let shortcut = if stride != 1 || channels != out_channels {
            let projection = Conv2d::new(channels, out_channels, 1).stride(stride);
            let projected = builder.conv2d(format!("{path}.downsample.0"), input, projection)?;
            builder.batch_norm2d(format!("{path}.downsample.1"), projected)?
        } else {
            input
        };
        let sum = builder.sum(format!("{path}.add"), residual, shortcut)?;
        builder.relu(format!("{path}.relu"), sum)
    }
}
