mod full;

pub use full::{EfficientNet, EfficientNetStage};

use crate::{
    BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, NodeId, Op, Padding, WeightInit,
};

/// EfficientNet-Lite: the networks of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019,
/// arXiv:1905.11946), without squeeze and excitation and with ReLU6 for SiLU, as TensorFlow's repository for TPUs has them. Inverted
/// residual blocks (see [`MobileNetV2`](crate::MobileNetV2)); larger ones have more channels and more blocks in proportion.
///
/// Names, order and structure are timm's `tf_efficientnet_lite0` to `4`: TensorFlow's `same` padding where a convolution has a stride, batch
/// norms with eps 1e-3. timm's names without `tf_` are other networks, with symmetric borders.
///
/// | | width, depth | parameters (1000 classes) | multiply-adds, and at |
/// | --- | --- | --- | --- |
/// | [`lite0`](Self::lite0) | 1.0, 1.0 | 4,652,008 | 0.4 G at 224 |
/// | [`lite1`](Self::lite1) | 1.0, 1.1 | 5,416,680 | 0.6 G at 240 |
/// | [`lite2`](Self::lite2) | 1.1, 1.2 | 6,092,072 | 0.9 G at 260 |
/// | [`lite3`](Self::lite3) | 1.2, 1.4 | 8,197,096 | 1.6 G at 300 |
/// | [`lite4`](Self::lite4) | 1.4, 1.8 | 13,006,568 | 3.9 G at 380 |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::EfficientNetLite;
///
/// let graph = EfficientNetLite::lite0().num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count(), 3_379_975);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EfficientNetLite {
    /// The graph's name.
    pub name: String,
    /// What the channels of blocks are multiplied by, rounded to multiples of eight.
    pub width: f64,
    /// What the numbers of blocks are multiplied by, rounded up; the first and the last stage keep one.
    pub depth: f64,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Blocks of one width, before scaling; the same in all EfficientNets but V2.
struct Stage {
    blocks: usize,
    kernel: usize,
    /// Of the first block.
    stride: usize,
    expansion: usize,
    channels: usize,
}

const fn stage(blocks: usize, kernel: usize, stride: usize, expansion: usize, channels: usize) -> Stage {
    Stage {
        blocks,
        kernel,
        stride,
        expansion,
        channels,
    }
}

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];
/// Not scaled in the *Lite* networks.
const STEM_CHANNELS: usize = 32;
/// Of the last feature maps; not scaled.
const LAST_CHANNELS: usize = 1280;

/// Beyond any network that has been made, and small enough to count with.
const LARGEST_FACTOR: f64 = 100.0;

impl EfficientNetLite {
    /// The smallest.
    pub fn lite0() -> Self {
        Self::scaled("tf_efficientnet_lite0", 1.0, 1.0)
    }

    /// A tenth deeper.
    pub fn lite1() -> Self {
        Self::scaled("tf_efficientnet_lite1", 1.0, 1.1)
    }

    /// A tenth wider, a fifth deeper.
    pub fn lite2() -> Self {
        Self::scaled("tf_efficientnet_lite2", 1.1, 1.2)
    }

    /// A fifth wider, two fifths deeper.
    pub fn lite3() -> Self {
        Self::scaled("tf_efficientnet_lite3", 1.2, 1.4)
    }

    /// Two fifths wider, four fifths deeper.
    pub fn lite4() -> Self {
        Self::scaled("tf_efficientnet_lite4", 1.4, 1.8)
    }

    fn scaled(name: &str, width: f64, depth: f64) -> Self {
        Self {
            name: name.to_owned(),
            width,
            depth,
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
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0, [`Error::InvalidOption`] if `width` or `depth` is not a number
    /// above 0 and at most 100.
    pub fn graph(&self) -> Result<Graph, Error> {
        for (option, factor) in [("width", self.width), ("depth", self.depth)] {
            if !(factor > 0.0 && factor <= LARGEST_FACTOR) {
                return Err(Error::InvalidOption {
                    architecture: self.name.clone(),
                    option,
                    expected: "above 0, at most 100",
                    found: factor.to_string(),
                });
            }
        }
        let norms = BatchNormDefaults {
            eps: 1e-3,
            ..BatchNormDefaults::PYTORCH
        };
        let mut builder = GraphBuilder::new(&self.name, self.in_channels)?.batch_norm_defaults(norms);
        let stem = Conv2d::new(self.in_channels, STEM_CHANNELS, 3)
            .stride(2)
            .padded(Padding::Same);
        let image = builder.input();
        let mut maps = rectified(&mut builder, "conv_stem", "bn1", stem, image)?;
        let mut channels = STEM_CHANNELS;
        for (number, stage) in STAGES.iter().enumerate() {
            let is_scaled = number > 0 && number + 1 < STAGES.len();
            let depth = if is_scaled { self.depth } else { 1.0 };
            let out_channels = multiple_of_eight(stage.channels as f64 * self.width);
            for index in 0..(stage.blocks as f64 * depth).ceil() as usize {
                let block = Block {
                    path: format!("blocks.{number}.{index}"),
                    channels,
                    kernel: stage.kernel,
                    expansion: stage.expansion,
                    out_channels,
                    stride: if index == 0 { stage.stride } else { 1 },
                };
                maps = block.add(&mut builder, maps)?;
                channels = out_channels;
            }
        }
        let last = Conv2d::new(channels, LAST_CHANNELS, 1);
        maps = rectified(&mut builder, "conv_head", "bn2", last, maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("global_pool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let logits = builder.linear("classifier", vector, classifier(LAST_CHANNELS, self.num_classes))?;
        builder.build(logits)
    }
}

/// Its weights are drawn evenly, the more narrowly the more classes there are.
fn classifier(channels: usize, num_classes: usize) -> Linear {
    let bound = 1.0 / (num_classes.max(1) as f32).sqrt();
    Linear::new(channels, num_classes)
        .init(WeightInit::Uniform { bound })
        .bias(BiasInit::Zeros)
}

/// The nearest multiple of eight, but no more than a tenth less.
pub(crate) fn multiple_of_eight(channels: f64) -> usize {
    let nearest = ((channels + 4.0) as usize / 8 * 8).max(8);
    match (nearest as f64) < 0.9 * channels {
        true => nearest + 8,
        false => nearest,
    }
}

/// A convolution, its batch norm and a rectifier that is bounded by 6.
fn rectified(
    builder: &mut GraphBuilder,
    conv_name: &str,
    norm_name: &str,
    conv: Conv2d,
    input: NodeId,
) -> Result<NodeId, Error> {
    let maps = builder.conv2d(conv_name, input, conv)?;
    let maps = builder.batch_norm2d(norm_name, maps)?;
    builder.add(format!("{norm_name}.act"), Op::Relu6, &[maps])
}

/// An inverted residual block; with an expansion of 1, a depthwise separable convolution.
struct Block {
    path: String,
    channels: usize,
    kernel: usize,
    expansion: usize,
    out_channels: usize,
    stride: usize,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let path = |name: &str| format!("{}.{name}", self.path);
        let hidden = self.channels * self.expansion;
        let (mut maps, mut norm) = (input, 1);
        if self.expansion > 1 {
            let expand = Conv2d::new(self.channels, hidden, 1);
            maps = rectified(builder, &path("conv_pw"), &path("bn1"), expand, maps)?;
            norm += 1;
        }
        maps = rectified(
            builder,
            &path("conv_dw"),
            &path(&format!("bn{norm}")),
            self.depthwise(hidden),
            maps,
        )?;
        let project = Conv2d::new(hidden, self.out_channels, 1);
        let name = if self.expansion > 1 { "conv_pwl" } else { "conv_pw" };
        maps = builder.conv2d(path(name), maps, project)?;
        maps = builder.batch_norm2d(path(&format!("bn{}", norm + 1)), maps)?;
        match self.stride == 1 && self.channels == self.out_channels {
            true => builder.sum(path("add"), maps, input),
            false => Ok(maps),
        }
    }

    /// Its weights are drawn as if the groups were networks of their own, which is how TensorFlow's variance scaling counts outputs.
    fn depthwise(&self, channels: usize) -> Conv2d {
        let padding = match self.stride {
            1 => Padding::equal(self.kernel / 2),
            _ => Padding::Same,
        };
        Conv2d::depthwise(channels, self.kernel)
            .stride(self.stride)
            .padded(padding)
            .init(WeightInit::Normal {
                std: 2f32.sqrt() / self.kernel as f32,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_that_scale_nothing_are_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            for network in [
                EfficientNetLite {
                    width: factor,
                    ..EfficientNetLite::lite0()
                },
                EfficientNetLite {
                    depth: factor,
                    ..EfficientNetLite::lite0()
                },
            ] {
                assert!(
                    matches!(network.graph(), Err(Error::InvalidOption { .. })),
                    "{factor}"
                );
            }
        }
    }

    #[test]
    fn channels_are_rounded_as_in_tensorflow() {
        let rounded = [16.0, 17.6, 26.4, 44.0, 8.0, 3.0, 11.9].map(multiple_of_eight);
        assert_eq!(rounded, [16, 16, 24, 48, 8, 8, 16]);
    }
}
