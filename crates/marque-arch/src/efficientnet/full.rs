//! The networks that squeeze and excite: the first EfficientNets, and their successors.

use super::{STAGES, multiple_of_eight};
use crate::inverted_residual::{InvertedResidual, conv_norm};
use crate::squeeze_excitation::SqueezeExcitation;
use crate::{BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Op};

/// EfficientNets: Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019, arXiv:1905.11946), table 1,
/// and "EfficientNetV2: Smaller Models and Faster Training" (2021, arXiv:2104.00298), table 4. Inverted residual blocks (see
/// [`MobileNetV2`](crate::MobileNetV2)) with SiLU, squeeze and excitation, and stochastic depth. The first ones are one network, made
/// deeper and wider; V2 has dense convolutions in place of depthwise ones where maps are large.
///
/// Names, order and structure are torchvision's. [`EfficientNetLite`](crate::EfficientNetLite) goes without excitation.
///
/// | | width, depth | parameters (1000 classes) | multiply-adds, and at |
/// | --- | --- | --- | --- |
/// | [`b0`](Self::b0) | 1.0, 1.0 | 5,288,548 | 0.4 G at 224 |
/// | [`b1`](Self::b1) | 1.0, 1.1 | 7,794,184 | 0.7 G at 240 |
/// | [`b2`](Self::b2) | 1.1, 1.2 | 9,109,994 | 1.1 G at 288 |
/// | [`b3`](Self::b3) | 1.2, 1.4 | 12,233,232 | 1.8 G at 300 |
/// | [`b4`](Self::b4) | 1.4, 1.8 | 19,341,616 | 4.4 G at 380 |
/// | [`v2_s`](Self::v2_s) | | 21,458,488 | 8.4 G at 384 |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::EfficientNet;
///
/// let parameters = |network: EfficientNet| network.graph().map(|graph| graph.trained_parameter_count());
/// assert_eq!(parameters(EfficientNet::b0())?, 5_288_548);
/// assert_eq!(parameters(EfficientNet::b1())?, 7_794_184);
/// assert_eq!(parameters(EfficientNet::b2())?, 9_109_994);
/// assert_eq!(parameters(EfficientNet::b3())?, 12_233_232);
/// assert_eq!(parameters(EfficientNet::b4())?, 19_341_616);
/// assert_eq!(parameters(EfficientNet::v2_s())?, 21_458_488);
/// assert_eq!(parameters(EfficientNet::b0().num_classes(7))?, 4_016_515);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EfficientNet {
    /// The graph's name.
    pub name: String,
    /// Channels of the first convolution.
    pub stem_channels: usize,
    /// What stands between the first convolution and the last.
    pub stages: Vec<EfficientNetStage>,
    /// Channels of the last feature maps.
    pub last_channels: usize,
    /// eps and momentum of the batch norms.
    pub batch_norm: BatchNormDefaults,
    /// The probability of the dropout before the classifier.
    pub dropout: f64,
    /// What the probability that training leaves out a block's branch grows to, from 0 for the first block on.
    pub stochastic_depth: f64,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Blocks of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EfficientNetStage {
    /// Whether one dense convolution stands for the 1×1 that widens, the depthwise one and the excitation (*Fused-MBConv*).
    pub is_fused: bool,
    /// Channels in a block's middle over those that arrive, rounded to multiples of eight.
    pub expansion: usize,
    /// Side of the filters; odd.
    pub kernel: usize,
    /// Of the first block.
    pub stride: usize,
    /// Channels that a block yields.
    pub channels: usize,
    /// How many there are.
    pub blocks: usize,
}

/// Beyond any network that has been made, and few enough to build.
const MOST_BLOCKS: usize = 1000;
/// Channels that come to a block over the vector that its excitation is squeezed into.
const SQUEEZE: usize = 4;
/// Channels of the last feature maps over those of the last stage, in the first EfficientNets.
const LAST_EXPANSION: usize = 4;

const fn stage(expansion: usize, stride: usize, channels: usize, blocks: usize) -> EfficientNetStage {
    EfficientNetStage {
        is_fused: false,
        expansion,
        kernel: 3,
        stride,
        channels,
        blocks,
    }
}

const fn fused(expansion: usize, stride: usize, channels: usize, blocks: usize) -> EfficientNetStage {
    EfficientNetStage {
        is_fused: true,
        ..stage(expansion, stride, channels, blocks)
    }
}

const V2_S: [EfficientNetStage; 6] = [
    fused(1, 1, 24, 2),
    fused(4, 2, 48, 4),
    fused(4, 2, 64, 4),
    stage(4, 2, 128, 6),
    stage(6, 1, 160, 9),
    stage(6, 2, 256, 15),
];

impl EfficientNet {
    /// The smallest.
    pub fn b0() -> Self {
        Self::scaled("efficientnet_b0", [1.0, 1.0], 0.2)
    }

    /// A tenth deeper.
    pub fn b1() -> Self {
        Self::scaled("efficientnet_b1", [1.0, 1.1], 0.2)
    }

    /// A tenth wider, a fifth deeper.
    pub fn b2() -> Self {
        Self::scaled("efficientnet_b2", [1.1, 1.2], 0.3)
    }

    /// A fifth wider, two fifths deeper.
    pub fn b3() -> Self {
        Self::scaled("efficientnet_b3", [1.2, 1.4], 0.3)
    }

    /// Two fifths wider, four fifths deeper.
    pub fn b4() -> Self {
        Self::scaled("efficientnet_b4", [1.4, 1.8], 0.4)
    }

    /// EfficientNetV2-S.
    pub fn v2_s() -> Self {
        Self {
            name: "efficientnet_v2_s".to_owned(),
            stem_channels: V2_S[0].channels,
            stages: V2_S.to_vec(),
            last_channels: 1280,
            batch_norm: BatchNormDefaults {
                eps: 1e-3,
                ..BatchNormDefaults::PYTORCH
            },
            ..Self::b0()
        }
    }

    /// Other than in [`EfficientNetLite`](crate::EfficientNetLite) everything is scaled, the first and the last stage included.
    fn scaled(name: &str, [width, depth]: [f64; 2], dropout: f64) -> Self {
        let wide = |channels: usize| multiple_of_eight(channels as f64 * width);
        let stages: Vec<EfficientNetStage> = STAGES
            .iter()
            .map(|stage| EfficientNetStage {
                is_fused: false,
                expansion: stage.expansion,
                kernel: stage.kernel,
                stride: stage.stride,
                channels: wide(stage.channels),
                blocks: (stage.blocks as f64 * depth).ceil() as usize,
            })
            .collect();
        Self {
            name: name.to_owned(),
            stem_channels: wide(super::STEM_CHANNELS),
            last_channels: stages.last().map_or(0, |stage| LAST_EXPANSION * stage.channels),
            stages,
            batch_norm: BatchNormDefaults::PYTORCH,
            dropout,
            stochastic_depth: 0.2,
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
    /// [`Error::InvalidAttribute`] if a number of channels, a stride, an expansion or `num_classes` is 0, or a probability is not from 0
    /// to below 1; [`Error::InvalidOption`] if a kernel is even or the stages have more than 1000 blocks.
    pub fn graph(&self) -> Result<Graph, Error> {
        let blocks = self.check()?;
        let mut builder =
            GraphBuilder::new(&self.name, self.in_channels)?.batch_norm_defaults(self.batch_norm);
        let stem = Conv2d::new(self.in_channels, self.stem_channels, 3)
            .stride(2)
            .padding(1);
        let image = builder.input();
        let mut maps = conv_norm(&mut builder, "features.0", stem, Some(Op::Silu), image)?;
        let mut channels = self.stem_channels;
        let mut before = 0;
        for (number, stage) in (1..).zip(&self.stages) {
            for index in 0..stage.blocks {
                let block = InvertedResidual {
                    stride: if index == 0 { stage.stride } else { 1 },
                    stochastic_depth: Some(self.stochastic_depth * before as f64 / blocks as f64),
                    ..stage.block(channels)
                };
                maps = block.add(&mut builder, &format!("features.{number}.{index}"), maps)?;
                channels = stage.channels;
                before += 1;
            }
        }
        let last = Conv2d::new(channels, self.last_channels, 1);
        let path = format!("features.{}", self.stages.len() + 1);
        maps = conv_norm(&mut builder, &path, last, Some(Op::Silu), maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let vector = builder.dropout("classifier.0", vector, self.dropout)?;
        let classifier = super::classifier(self.last_channels, self.num_classes);
        let logits = builder.linear("classifier.1", vector, classifier)?;
        builder.build(logits)
    }

    /// The number of blocks, if the builder can be left with the rest of the options.
    fn check(&self) -> Result<usize, Error> {
        let refused = |option, expected, found: usize| Error::InvalidOption {
            architecture: self.name.clone(),
            option,
            expected,
            found: found.to_string(),
        };
        // An even filter would make the branch of a block a pixel larger than its shortcut.
        if let Some(stage) = self.stages.iter().find(|stage| stage.kernel % 2 == 0) {
            return Err(refused("kernel", "odd", stage.kernel));
        }
        let counts = self.stages.iter().map(|stage| stage.blocks);
        match counts.fold(0, usize::saturating_add) {
            blocks @ ..=MOST_BLOCKS => Ok(blocks),
            blocks => Err(refused("blocks", "at most 1000 in all stages", blocks)),
        }
    }
}

impl EfficientNetStage {
    /// A block to which so many channels come, for the network to set its stride and stochastic depth.
    fn block(&self, channels: usize) -> InvertedResidual {
        let excitation = SqueezeExcitation {
            squeeze_channels: (channels / SQUEEZE).max(1),
            activation: Op::Silu,
            gate: Op::Sigmoid,
            bias: BiasInit::Zeros,
        };
        InvertedResidual {
            channels,
            // Sizes that no memory holds are the builder's to refuse.
            hidden: match channels.saturating_mul(self.expansion) {
                0 => 0,
                hidden => multiple_of_eight(hidden as f64),
            },
            out_channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            is_fused: self.is_fused,
            excitation: (!self.is_fused).then_some(excitation),
            activation: Op::Silu,
            stochastic_depth: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_stage(stage: EfficientNetStage) -> EfficientNet {
        EfficientNet {
            stages: vec![stage],
            ..EfficientNet::v2_s()
        }
    }

    #[test]
    fn stages_that_make_no_network_are_refused() {
        for stage in [V2_S[0], V2_S[1], V2_S[3]] {
            assert!(with_stage(stage).graph().is_ok());
            let refused = |change: fn(&mut EfficientNetStage)| {
                let mut changed = stage;
                change(&mut changed);
                assert!(with_stage(changed).graph().is_err(), "{changed:?}");
            };
            refused(|stage| stage.expansion = 0);
            refused(|stage| stage.expansion = usize::MAX);
            refused(|stage| stage.kernel = 0);
            refused(|stage| stage.kernel = 4);
            refused(|stage| stage.kernel = usize::MAX);
            refused(|stage| stage.stride = 0);
            refused(|stage| stage.channels = 0);
            refused(|stage| stage.channels = usize::MAX);
            refused(|stage| stage.blocks = usize::MAX);
        }
    }

    #[test]
    fn probabilities_that_are_none_are_refused() {
        for p in [-0.1, 1.0, f64::NAN] {
            let network = EfficientNet {
                dropout: p,
                ..EfficientNet::b0()
            };
            assert!(
                matches!(network.graph(), Err(Error::InvalidAttribute { .. })),
                "{p}"
            );
        }
        for p in [-0.1, 2.0, f64::NAN] {
            let network = EfficientNet {
                stochastic_depth: p,
                ..EfficientNet::b0()
            };
            assert!(
                matches!(network.graph(), Err(Error::InvalidAttribute { .. })),
                "{p}"
            );
        }
    }

    #[test]
    fn branches_are_left_out_the_likelier_the_deeper_they_are() {
        let probabilities = |network: EfficientNet| -> Vec<f64> {
            let graph = network.graph().unwrap();
            let found = graph.nodes().iter().filter_map(|node| match node.op {
                Op::StochasticDepth { p } => Some(p),
                _ => None,
            });
            found.collect()
        };
        // Of 16 blocks, nine have a shortcut.
        let blocks = [2.0, 4.0, 6.0, 7.0, 9.0, 10.0, 12.0, 13.0, 14.0];
        assert_eq!(
            probabilities(EfficientNet::b0()),
            blocks.map(|block| 0.2 * block / 16.0)
        );
        let v2_s = probabilities(EfficientNet::v2_s());
        assert_eq!((v2_s.len(), v2_s[0], v2_s[34]), (35, 0.0, 0.2 * 39.0 / 40.0));
    }
}
