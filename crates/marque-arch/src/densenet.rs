use crate::{
    AvgPool2d, BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId,
    Op, Padding, WeightInit,
};

/// Densely connected networks: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks"
/// (2017, arXiv:1608.06993), figure 2 and table 1. Every layer of a block reads the outputs of all layers before it, one
/// behind the other; shortcuts by concatenation instead of addition.
///
/// Names, order and structure are torchvision's.
///
/// | | growth rate | layers per block | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- | --- |
/// | [`densenet121`](Self::densenet121) | 32 | 6-12-24-16 | 7,978,856 | 2.8 G |
/// | [`densenet161`](Self::densenet161) | 48 | 6-12-36-24 | 28,681,000 | 7.7 G |
/// | [`densenet169`](Self::densenet169) | 32 | 6-12-32-32 | 14,149,480 | 3.4 G |
/// | [`densenet201`](Self::densenet201) | 32 | 6-12-48-32 | 20,013,928 | 4.3 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 29 up with the stem for ImageNet.
///
/// ```
/// use marque_arch::DenseNet;
///
/// assert_eq!(DenseNet::densenet121().num_classes(7).graph()?.trained_parameter_count(), 6_961_031);
/// // A narrow one of three short blocks.
/// let small = DenseNet::new("densenet-small", 12, vec![4, 4, 4]).num_classes(7).graph()?;
/// assert!(small.trained_parameter_count() < 200_000);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DenseNet {
    /// The graph's name.
    pub name: String,
    /// Channels that every layer adds: the paper's k.
    pub growth_rate: usize,
    /// Layers in each dense block.
    pub layers: Vec<usize>,
    /// Channels behind the stem; twice the growth rate in the paper.
    pub stem_channels: usize,
    /// What comes before the first block.
    pub stem: DenseNetStem,
    /// Channels of a layer's 1×1 convolution over the growth rate; 4 by default.
    pub bottleneck_size: usize,
    /// Share of the channels that a transition keeps, above 0 up to 1: the paper's θ, 0.5 by default.
    pub compression: f64,
    /// Dropout behind every layer; 0 by default, for none.
    pub dropout: f64,
    /// Constants of the batch norms.
    pub batch_norm: BatchNormDefaults,
    /// Distribution of the convolutions' initial weights.
    pub init: WeightInit,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// What comes before the first dense block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseNetStem {
    /// 7×7/2 convolution, batch norm, ReLU, 3×3/2 max pooling: a quarter of the resolution.
    ImageNet,
    /// One 3×3 convolution, for images of 32 pixels.
    SmallImages,
}

impl DenseNet {
    /// 121 layers, growth rate 32.
    pub fn densenet121() -> Self {
        Self::new("densenet121", 32, vec![6, 12, 24, 16])
    }

    /// 161 layers, growth rate 48.
    pub fn densenet161() -> Self {
        Self::new("densenet161", 48, vec![6, 12, 36, 24])
    }

    /// 169 layers, growth rate 32.
    pub fn densenet169() -> Self {
        Self::new("densenet169", 32, vec![6, 12, 32, 32])
    }

    /// 201 layers, growth rate 32.
    pub fn densenet201() -> Self {
        Self::new("densenet201", 32, vec![6, 12, 48, 32])
    }

    /// Any growth rate and layers per block, for 1000 classes and RGB.
    pub fn new(name: impl Into<String>, growth_rate: usize, layers: Vec<usize>) -> Self {
        Self {
            name: name.into(),
            growth_rate,
            layers,
            stem_channels: growth_rate.saturating_mul(2),
            stem: DenseNetStem::ImageNet,
            bottleneck_size: 4,
            compression: 0.5,
            dropout: 0.0,
            batch_norm: BatchNormDefaults::PYTORCH,
            init: WeightInit::KaimingNormalFanIn,
            in_channels: 3,
            num_classes: 1000,
        }
    }

    /// As `keras.applications` has it: eps 1.001e-5, momentum 0.99 in Keras's sense and Glorot's initial weights; the name
    /// gets `-keras` behind it.
    pub fn keras(self) -> Self {
        let batch_norm = BatchNormDefaults {
            eps: 1.001e-5,
            momentum: 0.01,
        };
        Self {
            name: format!("{}-keras", self.name),
            batch_norm,
            init: WeightInit::GlorotUniform,
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
    /// [`Error::InvalidOption`] if there are no blocks or `compression` is out of its range,
    /// [`Error::InvalidAttribute`] if a number of channels comes to 0.
    pub fn graph(&self) -> Result<Graph, Error> {
        self.check()?;
        let mut builder =
            GraphBuilder::new(&self.name, self.in_channels)?.batch_norm_defaults(self.batch_norm);
        let mut maps = self.add_stem(&mut builder)?;
        let mut channels = self.stem_channels;
        for (number, &layers) in (1..).zip(&self.layers) {
            for layer in 1..=layers {
                let path = format!("features.denseblock{number}.denselayer{layer}");
                maps = self.add_layer(&mut builder, &path, channels, maps)?;
                channels += self.growth_rate;
            }
            if number < self.layers.len() {
                let kept = (channels as f64 * self.compression) as usize;
                let path = format!("features.transition{number}");
                maps = self.add_transition(&mut builder, &path, (channels, kept), maps)?;
                channels = kept;
            }
        }
        let maps = builder.batch_norm2d("features.norm5", maps)?;
        let maps = builder.relu("relu", maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let head = Linear::new(channels, self.num_classes).bias(BiasInit::Zeros);
        let head = match self.init {
            WeightInit::GlorotUniform => head.init(WeightInit::GlorotUniform),
            _ => head,
        };
        let logits = builder.linear("classifier", features, head)?;
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
        if self.layers.is_empty() {
            return refuse("layers", "at least one block", "none".to_owned());
        }
        if !(self.compression > 0.0 && self.compression <= 1.0) {
            return refuse("compression", "above 0 and up to 1", self.compression.to_string());
        }
        Ok(())
    }

    fn add_stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let image = builder.input();
        if self.stem == DenseNetStem::SmallImages {
            let conv = self.conv(self.in_channels, self.stem_channels, 3).padding(1);
            return builder.conv2d("features.conv0", image, conv);
        }
        let conv = self
            .conv(self.in_channels, self.stem_channels, 7)
            .stride(2)
            .padding(3);
        let maps = builder.conv2d("features.conv0", image, conv)?;
        let maps = builder.batch_norm2d("features.norm0", maps)?;
        let maps = builder.relu("features.relu0", maps)?;
        let pool = MaxPool2d::new(3, 2).padded(Padding::equal(1));
        builder.max_pool2d("features.pool0", maps, pool)
    }

    /// Batch norm, ReLU, 1×1 convolution, batch norm, ReLU, 3×3 convolution; the result is put behind the input.
    fn add_layer(
        &self,
        builder: &mut GraphBuilder,
        path: &str,
        channels: usize,
        input: NodeId,
    ) -> Result<NodeId, Error> {
        let width = self.bottleneck_size.saturating_mul(self.growth_rate);
        let maps = builder.batch_norm2d(format!("{path}.norm1"), input)?;
        let maps = builder.relu(format!("{path}.relu1"), maps)?;
        let maps = builder.conv2d(format!("{path}.conv1"), maps, self.conv(channels, width, 1))?;
        let maps = builder.batch_norm2d(format!("{path}.norm2"), maps)?;
        let maps = builder.relu(format!("{path}.relu2"), maps)?;
        let conv = self.conv(width, self.growth_rate, 3).padding(1);
        let mut maps = builder.conv2d(format!("{path}.conv2"), maps, conv)?;
        if self.dropout > 0.0 {
            maps = builder.dropout(format!("{path}.dropout"), maps, self.dropout)?;
        }
        builder.concat(format!("{path}.concat"), &[input, maps])
    }

    /// Batch norm, ReLU, 1×1 convolution to fewer channels, 2×2 average pooling.
    fn add_transition(
        &self,
        builder: &mut GraphBuilder,
        path: &str,
        (channels, kept): (usize, usize),
        input: NodeId,
    ) -> Result<NodeId, Error> {
        let maps = builder.batch_norm2d(format!("{path}.norm"), input)?;
        let maps = builder.relu(format!("{path}.relu"), maps)?;
        let maps = builder.conv2d(format!("{path}.conv"), maps, self.conv(channels, kept, 1))?;
        let pool = AvgPool2d {
            kernel_size: 2,
            stride: 2,
            padding: 0,
        };
        builder.avg_pool2d(format!("{path}.pool"), maps, pool)
    }

    fn conv(&self, in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
        Conv2d::new(in_channels, out_channels, kernel_size).init(self.init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageSize;

    /// DenseNet-BC of 100 layers with growth rate 12 for CIFAR-10; the paper's table 2 has 0.8 M parameters for it.
    fn for_small_images() -> DenseNet {
        DenseNet {
            stem: DenseNetStem::SmallImages,
            ..DenseNet::new("densenet-bc", 12, vec![16; 3]).num_classes(10)
        }
    }

    #[test]
    fn the_stem_for_small_images_keeps_the_resolution() {
        let graph = for_small_images().graph().unwrap();
        assert_eq!(graph.trained_parameter_count(), 769_162);
        let shapes = graph.shapes(ImageSize::square(32)).unwrap();
        assert_eq!(shapes[graph.features().unwrap().index()].to_string(), "342×8×8");
    }

    #[test]
    fn dropout_follows_every_layer_where_it_is_asked_for() {
        let count = |dropout| {
            let network = DenseNet {
                dropout,
                ..for_small_images()
            };
            let graph = network.graph().unwrap();
            let dropouts = graph
                .nodes()
                .iter()
                .filter(|node| matches!(node.op, Op::Dropout { .. }));
            dropouts.count()
        };
        assert_eq!((count(0.0), count(0.2)), (0, 48));
    }

    #[test]
    fn compression_out_of_range_is_refused() {
        for compression in [0.0, -0.5, 1.5, f64::NAN] {
            let network = DenseNet {
                compression,
                ..for_small_images()
            };
            let error = network.graph().unwrap_err().to_string();
            assert!(
                error.contains("compression must be above 0 and up to 1"),
                "{error}"
            );
        }
        let network = DenseNet {
            compression: 1.0,
            ..for_small_images()
        };
        assert!(network.graph().is_ok());
    }
}
