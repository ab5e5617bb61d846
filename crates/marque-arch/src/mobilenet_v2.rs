use crate::inverted_residual::conv_norm;
use crate::{BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, NodeId, Op, WeightInit};

/// MobileNetV2: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018,
/// arXiv:1801.04381), table 2. A block goes from few channels to six times as many by a 1×1 convolution, filters each of them by itself
/// (depthwise), and comes back to few without a rectifier; where nothing changes its size, what came in is added.
///
/// Names, order and structure are torchvision's.
///
/// 3,504,872 trained parameters for 1000 classes and 0.30 G multiply-adds at 224×224.
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::MobileNetV2;
///
/// let graph = MobileNetV2::default().num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count(), 2_232_839);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MobileNetV2 {
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

impl Default for MobileNetV2 {
    fn default() -> Self {
        Self {
            in_channels: 3,
            num_classes: 1000,
        }
    }
}

/// Blocks of one width.
struct Stage {
    /// Channels of a block's depthwise convolution over those that arrive.
    expansion: usize,
    channels: usize,
    blocks: usize,
    /// Of the first block.
    stride: usize,
}

const fn stage(expansion: usize, channels: usize, blocks: usize, stride: usize) -> Stage {
    Stage {
        expansion,
        channels,
        blocks,
        stride,
    }
}

const STEM_CHANNELS: usize = 32;
const STAGES: [Stage; 7] = [
    stage(1, 16, 1, 1),
    stage(6, 24, 2, 2),
    stage(6, 32, 3, 2),
    stage(6, 64, 4, 2),
    stage(6, 96, 3, 1),
    stage(6, 160, 3, 2),
    stage(6, 320, 1, 1),
];
/// Of the last feature maps.
const LAST_CHANNELS: usize = 1280;

impl MobileNetV2 {
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
        let mut builder = GraphBuilder::new("mobilenet_v2", self.in_channels)?;
        let stem = Conv2d::new(self.in_channels, STEM_CHANNELS, 3)
            .stride(2)
            .padding(1);
        let image = builder.input();
        let mut maps = rectified(&mut builder, "features.0", stem, image)?;
        let mut channels = STEM_CHANNELS;
        let mut number = 1;
        for stage in &STAGES {
            for index in 0..stage.blocks {
                let block = Block {
                    path: format!("features.{number}"),
                    channels,
                    hidden: channels * stage.expansion,
                    out_channels: stage.channels,
                    stride: if index == 0 { stage.stride } else { 1 },
                };
                maps = block.add(&mut builder, maps)?;
                channels = stage.channels;
                number += 1;
            }
        }
        let last = Conv2d::new(channels, LAST_CHANNELS, 1);
        maps = rectified(&mut builder, &format!("features.{number}"), last, maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let vector = builder.dropout("classifier.0", vector, 0.2)?;
        let classifier = Linear::new(LAST_CHANNELS, self.num_classes)
            .init(WeightInit::Normal { std: 0.01 })
            .bias(BiasInit::Zeros);
        let logits = builder.linear("classifier.1", vector, classifier)?;
        builder.build(logits)
    }
}

/// A convolution, its batch norm and a rectifier that is bounded by 6.
fn rectified(builder: &mut GraphBuilder, path: &str, conv: Conv2d, input: NodeId) -> Result<NodeId, Error> {
    conv_norm(builder, path, conv, Some(Op::Relu6), input)
}

/// An inverted residual block.
struct Block {
    path: String,
    channels: usize,
    hidden: usize,
    out_channels: usize,
    stride: usize,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let path = &self.path;
        let mut maps = input;
        let mut number = 0;
        if self.hidden != self.channels {
            let expand = Conv2d::new(self.channels, self.hidden, 1);
            maps = rectified(builder, &format!("{path}.conv.0"), expand, maps)?;
            number += 1;
        }
        let depthwise = Conv2d::depthwise(self.hidden, 3).stride(self.stride).padding(1);
        maps = rectified(builder, &format!("{path}.conv.{number}"), depthwise, maps)?;
        let project = Conv2d::new(self.hidden, self.out_channels, 1);
        maps = builder.conv2d(format!("{path}.conv.{}", number + 1), maps, project)?;
        maps = builder.batch_norm2d(format!("{path}.conv.{}", number + 2), maps)?;
        match self.stride == 1 && self.channels == self.out_channels {
            true => builder.sum(format!("{path}.add"), input, maps),
            false => Ok(maps),
        }
    }
}
