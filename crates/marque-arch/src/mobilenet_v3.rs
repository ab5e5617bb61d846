use crate::efficientnet::multiple_of_eight;
use crate::inverted_residual::{InvertedResidual, conv_norm};
use crate::squeeze_excitation::SqueezeExcitation;
use crate::{BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, Op, WeightInit};

/// MobileNetV3: Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam, "Searching for MobileNetV3" (2019,
/// arXiv:1905.02244), tables 1 and 2. The inverted residual blocks of [`MobileNetV2`](crate::MobileNetV2), some with squeeze and
/// excitation, in numbers that a search found; in the deeper ones hard swish stands for the rectifier.
///
/// Names, order and structure are torchvision's.
///
/// | | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- |
/// | [`small`](Self::small) | 2,542,856 | 0.06 G |
/// | [`large`](Self::large) | 5,483,032 | 0.22 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::MobileNetV3;
///
/// let large = MobileNetV3::large().num_classes(7).graph()?;
/// assert_eq!(MobileNetV3::small().graph()?.trained_parameter_count(), 2_542_856);
/// assert_eq!(MobileNetV3::large().graph()?.trained_parameter_count(), 5_483_032);
/// assert_eq!(large.trained_parameter_count(), 4_210_999);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MobileNetV3 {
    /// Which of the two networks of the paper.
    pub size: MobileNetV3Size,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// The two networks of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MobileNetV3Size {
    /// Table 2.
    Small,
    /// Table 1.
    Large,
}

/// A row of the paper's tables.
struct Row {
    kernel: usize,
    /// Channels of the depthwise convolution.
    hidden: usize,
    channels: usize,
    has_excitation: bool,
    activation: Op,
    stride: usize,
}

const fn row(kernel: usize, [hidden, channels]: [usize; 2], activation: Op, stride: usize) -> Row {
    Row {
        kernel,
        hidden,
        channels,
        has_excitation: false,
        activation,
        stride,
    }
}

const fn excited(kernel: usize, channels: [usize; 2], activation: Op, stride: usize) -> Row {
    Row {
        has_excitation: true,
        ..row(kernel, channels, activation, stride)
    }
}

const SMALL: [Row; 11] = [
    excited(3, [16, 16], Op::Relu, 2),
    row(3, [72, 24], Op::Relu, 2),
    row(3, [88, 24], Op::Relu, 1),
    excited(5, [96, 40], Op::HardSwish, 2),
    excited(5, [240, 40], Op::HardSwish, 1),
    excited(5, [240, 40], Op::HardSwish, 1),
    excited(5, [120, 48], Op::HardSwish, 1),
    excited(5, [144, 48], Op::HardSwish, 1),
    excited(5, [288, 96], Op::HardSwish, 2),
    excited(5, [576, 96], Op::HardSwish, 1),
    excited(5, [576, 96], Op::HardSwish, 1),
];
const LARGE: [Row; 15] = [
    row(3, [16, 16], Op::Relu, 1),
    row(3, [64, 24], Op::Relu, 2),
    row(3, [72, 24], Op::Relu, 1),
    excited(5, [72, 40], Op::Relu, 2),
    excited(5, [120, 40], Op::Relu, 1),
    excited(5, [120, 40], Op::Relu, 1),
    row(3, [240, 80], Op::HardSwish, 2),
    row(3, [200, 80], Op::HardSwish, 1),
    row(3, [184, 80], Op::HardSwish, 1),
    row(3, [184, 80], Op::HardSwish, 1),
    excited(3, [480, 112], Op::HardSwish, 1),
    excited(3, [672, 112], Op::HardSwish, 1),
    excited(5, [672, 160], Op::HardSwish, 2),
    excited(5, [960, 160], Op::HardSwish, 1),
    excited(5, [960, 160], Op::HardSwish, 1),
];
const STEM_CHANNELS: usize = 16;
/// Channels of the last feature maps over those of the last block.
const LAST_EXPANSION: usize = 6;
/// Channels of a depthwise convolution over the vector that its excitation is squeezed into, before rounding.
const SQUEEZE: usize = 4;

impl MobileNetV3Size {
    fn name(self) -> &'static str {
        match self {
            MobileNetV3Size::Small => "mobilenet_v3_small",
            MobileNetV3Size::Large => "mobilenet_v3_large",
        }
    }

    fn rows(self) -> &'static [Row] {
        match self {
            MobileNetV3Size::Small => &SMALL,
            MobileNetV3Size::Large => &LARGE,
        }
    }

    /// Length of the vector between the two layers of the classifier.
    fn hidden_features(self) -> usize {
        match self {
            MobileNetV3Size::Small => 1024,
            MobileNetV3Size::Large => 1280,
        }
    }
}

impl MobileNetV3 {
    /// MobileNetV3-Small.
    pub fn small() -> Self {
        Self::new(MobileNetV3Size::Small)
    }

    /// MobileNetV3-Large.
    pub fn large() -> Self {
        Self::new(MobileNetV3Size::Large)
    }

    /// Either of them, for 1000 classes and RGB.
    pub fn new(size: MobileNetV3Size) -> Self {
        Self {
            size,
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
        let norms = BatchNormDefaults {
            eps: 1e-3,
            momentum: 0.01,
        };
        let mut builder = GraphBuilder::new(self.size.name(), self.in_channels)?.batch_norm_defaults(norms);
        let stem = Conv2d::new(self.in_channels, STEM_CHANNELS, 3)
            .stride(2)
            .padding(1);
        let image = builder.input();
        let mut maps = conv_norm(&mut builder, "features.0", stem, Some(Op::HardSwish), image)?;
        let mut channels = STEM_CHANNELS;
        let mut number = 1;
        for row in self.size.rows() {
            let path = format!("features.{number}");
            maps = row.block(channels).add(&mut builder, &path, maps)?;
            channels = row.channels;
            number += 1;
        }
        let last = Conv2d::new(channels, LAST_EXPANSION * channels, 1);
        let path = format!("features.{number}");
        maps = conv_norm(&mut builder, &path, last, Some(Op::HardSwish), maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let hidden = linear(LAST_EXPANSION * channels, self.size.hidden_features());
        let vector = builder.linear("classifier.0", vector, hidden)?;
        let vector = builder.add("classifier.1", Op::HardSwish, &[vector])?;
        let vector = builder.dropout("classifier.2", vector, 0.2)?;
        let classifier = linear(self.size.hidden_features(), self.num_classes);
        let logits = builder.linear("classifier.3", vector, classifier)?;
        builder.build(logits)
    }
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features)
        .init(WeightInit::Normal { std: 0.01 })
        .bias(BiasInit::Zeros)
}

impl Row {
    /// Its block, to which so many channels come.
    fn block(&self, channels: usize) -> InvertedResidual {
        let excitation = self.has_excitation.then(|| SqueezeExcitation {
            squeeze_channels: multiple_of_eight((self.hidden / SQUEEZE) as f64),
            activation: Op::Relu,
            gate: Op::HardSigmoid,
            bias: BiasInit::Zeros,
        });
        InvertedResidual {
            channels,
            hidden: self.hidden,
            out_channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            is_fused: false,
            excitation,
            activation: self.activation.clone(),
            stochastic_depth: None,
        }
    }
}
