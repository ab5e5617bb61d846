use crate::{
    BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId, Op, Padding,
    WeightInit,
};

/// The residual network of the course project that marque goes beyond: ResNet-34 as written down for Keras, which
/// differs from the paper's in five ways.
///
/// - Both convolutions of a block are followed by batch norm *and* ReLU; only then the shortcut is added, and the sum gets
///   a batch norm and a ReLU of its own.
/// - Where a stage begins with stride 2, the shortcut is a 1×1 convolution without batch norm.
/// - All convolutions have a bias.
/// - Padding is Keras's `same`: at stride 2 the surplus lies below and on the right.
/// - Batch norms have Keras's constants, eps 1e-3 and momentum 0.99 in Keras's sense; weights begin as Keras's do.
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::SubjectResNet;
///
/// assert_eq!(SubjectResNet::default().graph()?.trained_parameter_count(), 21_811_944);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectResNet {
    /// Blocks in each of the four stages; 3, 4, 6 and 3 by default.
    pub blocks: [usize; 4],
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 by default.
    pub num_classes: usize,
}

impl Default for SubjectResNet {
    fn default() -> Self {
        Self {
            blocks: [3, 4, 6, 3],
            in_channels: 3,
            num_classes: 1000,
        }
    }
}

/// Channels in the four stages.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];

impl SubjectResNet {
    /// Sets the length of the logits.
    pub fn num_classes(self, num_classes: usize) -> Self {
        Self { num_classes, ..self }
    }

    /// Sets the channels of the image.
    pub fn in_channels(self, in_channels: usize) -> Self {
        Self { in_channels, ..self }
    }

    /// The network as a graph, called `resnet34-subject`.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0.
    pub fn graph(&self) -> Result<Graph, Error> {
        let mut builder = GraphBuilder::new("resnet34-subject", self.in_channels)?
            .batch_norm_defaults(BatchNormDefaults::KERAS);
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
                maps = block.add(&mut builder, maps)?;
                channels = width;
            }
        }
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let head = Linear::new(channels, self.num_classes)
            .init(WeightInit::GlorotUniform)
            .bias(BiasInit::Zeros);
        let logits = builder.linear("fc", features, head)?;
        builder.build(logits)
    }

    fn stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let maps = builder.conv2d("conv1", builder.input(), conv(self.in_channels, WIDTHS[0], 7, 2))?;
        let maps = builder.batch_norm2d("bn1", maps)?;
        let maps = builder.relu("relu", maps)?;
        builder.max_pool2d("maxpool", maps, MaxPool2d::new(3, 2).padded(Padding::Same))
    }
}

/// A convolution as Keras makes it: with a bias, `same` padding and Glorot's initial weights.
fn conv(in_channels: usize, out_channels: usize, kernel_size: usize, stride: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, kernel_size)
        .stride(stride)
        .padded(Padding::Same)
        .bias(BiasInit::Zeros)
        .init(WeightInit::GlorotUniform)
}

/// One block: y = relu(bn(F(x) + shortcut(x))), with a rectifier at the end of F.
struct Block {
    path: String,
    /// Channels that arrive.
    channels: usize,
    width: usize,
    stride: usize,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let (path, width) = (&self.path, self.width);
        let mut residual = input;
        for (number, conv) in [
            (1, conv(self.channels, width, 3, self.stride)),
            (2, conv(width, width, 3, 1)),
        ] {
            residual = builder.conv2d(format!("{path}.conv{number}"), residual, conv)?;
            residual = builder.batch_norm2d(format!("{path}.bn{number}"), residual)?;
            residual = builder.relu(format!("{path}.relu{number}"), residual)?;
        }
        let shortcut = if self.stride == 1 {
            input
        } else {
            let projection = conv(self.channels, width, 1, self.stride);
            builder.conv2d(format!("{path}.downsample"), input, projection)?
        };
        let sum = builder.sum(format!("{path}.add"), residual, shortcut)?;
        let sum = builder.batch_norm2d(format!("{path}.bn3"), sum)?;
        builder.relu(format!("{path}.relu3"), sum)
    }
}
