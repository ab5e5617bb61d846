use crate::{
    BiasInit, Conv2d, Error, Graph, GraphBuilder, ImageSize, Linear, MaxPool2d, NodeId, Op, WeightInit,
};

/// VGG: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015,
/// arXiv:1409.1556), table 1. Nothing but 3×3 convolutions and 2×2 poolings, and three fully connected layers that hold
/// most of its parameters.
///
/// Names, order and structure are torchvision's: parameters are numbered by their position in a list of layers, so that
/// batch norms shift the numbers.
///
/// | | convolutions per stage | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- |
/// | [`vgg11`](Self::vgg11) | 1-1-2-2-2 | 132,863,336 | 7.6 G |
/// | [`vgg13`](Self::vgg13) | 2-2-2-2-2 | 133,047,848 | 11.3 G |
/// | [`vgg16`](Self::vgg16) | 2-2-3-3-3 | 138,357,544 | 15.5 G |
/// | [`vgg19`](Self::vgg19) | 2-2-4-4-4 | 143,667,240 | 19.6 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 32 up.
///
/// ```
/// use marque_arch::Vgg;
///
/// assert_eq!(Vgg::vgg16().graph()?.trained_parameter_count(), 138_357_544);
/// let graph = Vgg::vgg19().with_batch_norm().num_classes(7).graph()?;
/// assert_eq!(graph.name(), "vgg19_bn");
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vgg {
    /// The graph's name.
    pub name: String,
    /// Convolutions in each of the five stages.
    pub convolutions: [usize; 5],
    /// Whether a batch norm follows every convolution, as it does in the `_bn` versions.
    pub batch_norm: bool,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Channels in the five stages.
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];
const HIDDEN: usize = 4096;
const DROPOUT: f64 = 0.5;

impl Vgg {
    /// 11 layers: configuration A.
    pub fn vgg11() -> Self {
        Self::new("vgg11", [1, 1, 2, 2, 2])
    }

    /// 13 layers: configuration B.
    pub fn vgg13() -> Self {
        Self::new("vgg13", [2, 2, 2, 2, 2])
    }

    /// 16 layers: configuration D.
    pub fn vgg16() -> Self {
        Self::new("vgg16", [2, 2, 3, 3, 3])
    }

    /// 19 layers: configuration E.
    pub fn vgg19() -> Self {
        Self::new("vgg19", [2, 2, 4, 4, 4])
    }

    /// Any number of convolutions per stage, without batch norms, for 1000 classes and RGB.
    pub fn new(name: impl Into<String>, convolutions: [usize; 5]) -> Self {
        Self {
            name: name.into(),
            convolutions,
            batch_norm: false,
            in_channels: 3,
            num_classes: 1000,
        }
    }

    /// Puts a batch norm behind every convolution; the name gets `_bn` behind it.
    pub fn with_batch_norm(self) -> Self {
        Self {
            name: format!("{}_bn", self.name),
            batch_norm: true,
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
        let maps = self.add_stages(&mut builder)?;
        builder.mark_features(maps);
        let cells = ImageSize::square(7);
        let pooled = builder.add("avgpool", Op::AdaptiveAvgPool2d(cells), &[maps])?;
        let mut vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let widths = [
            (0, WIDTHS[4] * cells.height * cells.width, HIDDEN),
            (3, HIDDEN, HIDDEN),
        ];
        for (position, in_features, out_features) in widths {
            let path = |offset: usize| format!("classifier.{}", position + offset);
            vector = builder.linear(path(0), vector, linear(in_features, out_features))?;
            vector = builder.relu(path(1), vector)?;
            vector = builder.dropout(path(2), vector, DROPOUT)?;
        }
        let logits = builder.linear("classifier.6", vector, linear(HIDDEN, self.num_classes))?;
        builder.build(logits)
    }

    fn add_stages(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let (mut maps, mut channels, mut position) = (builder.input(), self.in_channels, 0);
        let mut next = || {
            position += 1;
            format!("features.{}", position - 1)
        };
        for (&width, &count) in WIDTHS.iter().zip(&self.convolutions) {
            for _ in 0..count {
                let conv = Conv2d::new(channels, width, 3).padding(1).bias(BiasInit::Zeros);
                maps = builder.conv2d(next(), maps, conv)?;
                if self.batch_norm {
                    maps = builder.batch_norm2d(next(), maps)?;
                }
                maps = builder.relu(next(), maps)?;
                channels = width;
            }
            maps = builder.max_pool2d(next(), maps, MaxPool2d::new(2, 2))?;
        }
        Ok(maps)
    }
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features)
        .init(WeightInit::Normal { std: 0.01 })
        .bias(BiasInit::Zeros)
}
