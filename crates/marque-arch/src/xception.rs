use crate::{
    BatchNormDefaults, BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId, Op, Padding,
    WeightInit,
};

/// Xception: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions" (2017, arXiv:1610.02357),
/// figure 5. An Inception module taken to its extreme: every channel has a spatial filter of its own, and a 1×1
/// convolution mixes the channels. Entry flow, middle flow of equal blocks, exit flow; shortcuts around all blocks.
///
/// Names and order are those of timm's `legacy_xception`. Two versions are in the world: timm's, with symmetric borders
/// ([`Xception::default`]), and Keras's, with `same` padding ([`Xception::keras`]). Where a map has an even height they
/// differ by a pixel in what a stride-2 pooling sees.
///
/// 22,855,952 trained parameters for 1000 classes and 8.4 G multiply-adds at 299×299.
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 7 up.
///
/// ```
/// use marque_arch::Xception;
///
/// let graph = Xception::keras().num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count(), 20_821_295);
/// let shorter = Xception::keras().middle_blocks(4).num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count() - shorter.trained_parameter_count(), 4 * 1_613_976);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Xception {
    /// The graph's name.
    pub name: String,
    /// Which of the two versions.
    pub version: XceptionVersion,
    /// Blocks in the middle flow; 8 by default.
    pub middle_blocks: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Which library's Xception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XceptionVersion {
    /// Symmetric borders; PyTorch's batch-norm constants.
    Timm,
    /// `same` padding; Keras's batch-norm constants (eps 1e-3) and initial weights.
    Keras,
}

impl Default for Xception {
    fn default() -> Self {
        Self {
            name: "xception".to_owned(),
            version: XceptionVersion::Timm,
            middle_blocks: 8,
            in_channels: 3,
            num_classes: 1000,
        }
    }
}

/// A block of separable convolutions with a shortcut around it.
struct Block {
    name: String,
    /// Channels that arrive, and those behind each separable convolution.
    channels: usize,
    widths: Vec<usize>,
    stride: usize,
    /// Whether a rectifier comes before the first convolution; the first block follows one already.
    starts_with_relu: bool,
}

impl Xception {
    /// Keras's version, called `xception-keras`.
    pub fn keras() -> Self {
        Self {
            name: "xception-keras".to_owned(),
            version: XceptionVersion::Keras,
            ..Self::default()
        }
    }

    /// Sets the blocks in the middle flow.
    pub fn middle_blocks(self, middle_blocks: usize) -> Self {
        Self {
            middle_blocks,
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
        let batch_norm = match self.version {
            XceptionVersion::Timm => BatchNormDefaults::PYTORCH,
            XceptionVersion::Keras => BatchNormDefaults::KERAS,
        };
        let mut builder = GraphBuilder::new(&self.name, self.in_channels)?.batch_norm_defaults(batch_norm);
        let mut maps = builder.input();
        for (number, conv) in [
            (1, self.conv(self.in_channels, 32, 3).stride(2)),
            (2, self.conv(32, 64, 3)),
        ] {
            maps = builder.conv2d(format!("conv{number}"), maps, conv)?;
            maps = builder.batch_norm2d(format!("bn{number}"), maps)?;
            maps = builder.relu(format!("act{number}"), maps)?;
        }
        for block in self.blocks() {
            maps = self.add_block(&mut builder, &block, maps)?;
        }
        for (number, channels, width) in [(3, 1024, 1536), (4, 1536, 2048)] {
            maps = self.add_separable(&mut builder, &format!("conv{number}"), (channels, width), maps)?;
            maps = builder.batch_norm2d(format!("bn{number}"), maps)?;
            maps = builder.relu(format!("act{number}"), maps)?;
        }
        builder.mark_features(maps);
        let pooled = builder.add("global_pool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let head = Linear::new(2048, self.num_classes);
        let head = match self.version {
            XceptionVersion::Timm => head,
            XceptionVersion::Keras => head.init(WeightInit::GlorotUniform).bias(BiasInit::Zeros),
        };
        let logits = builder.linear("fc", features, head)?;
        builder.build(logits)
    }

    /// Entry flow (three blocks), middle flow, and the block that the exit flow begins with.
    fn blocks(&self) -> Vec<Block> {
        let block = |number: usize, channels, widths: &[usize], stride| Block {
            name: format!("block{number}"),
            channels,
            widths: widths.to_vec(),
            stride,
            starts_with_relu: number > 1,
        };
        let mut blocks = vec![
            block(1, 64, &[128, 128], 2),
            block(2, 128, &[256, 256], 2),
            block(3, 256, &[728, 728], 2),
        ];
        blocks.extend((0..self.middle_blocks).map(|index| block(index + 4, 728, &[728; 3], 1)));
        blocks.push(block(self.middle_blocks + 4, 728, &[728, 1024], 2));
        blocks
    }

    fn add_block(&self, builder: &mut GraphBuilder, block: &Block, input: NodeId) -> Result<NodeId, Error> {
        let name = &block.name;
        let out_channels = block.widths.last().copied().unwrap_or(block.channels);
        let shortcut = if block.stride != 1 || block.channels != out_channels {
            let projection = self.conv(block.channels, out_channels, 1).stride(block.stride);
            let projected = builder.conv2d(format!("{name}.skip"), input, projection)?;
            builder.batch_norm2d(format!("{name}.skipbn"), projected)?
        } else {
            input
        };
        let (mut maps, mut channels, mut position) = (input, block.channels, 0);
        // Parameters are named after positions in a list of layers.
        let mut next = || {
            position += 1;
            format!("{name}.rep.{}", position - 1)
        };
        for (index, &width) in block.widths.iter().enumerate() {
            if index > 0 || block.starts_with_relu {
                maps = builder.relu(next(), maps)?;
            }
            maps = self.add_separable(builder, &next(), (channels, width), maps)?;
            maps = builder.batch_norm2d(next(), maps)?;
            channels = width;
        }
        if block.stride != 1 {
            let pool = MaxPool2d::new(3, block.stride).padded(self.padding());
            maps = builder.max_pool2d(next(), maps, pool)?;
        }
        builder.sum(format!("{name}.add"), maps, shortcut)
    }

    /// A 3×3 filter for each channel, then a 1×1 convolution over all of them.
    fn add_separable(
        &self,
        builder: &mut GraphBuilder,
        name: &str,
        (channels, width): (usize, usize),
        input: NodeId,
    ) -> Result<NodeId, Error> {
        let depthwise = Conv2d::depthwise(channels, 3)
            .padded(self.padding())
            .init(self.init());
        let maps = builder.conv2d(format!("{name}.conv1"), input, depthwise)?;
        builder.conv2d(format!("{name}.pointwise"), maps, self.conv(channels, width, 1))
    }

    fn conv(&self, in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
        Conv2d::new(in_channels, out_channels, kernel_size).init(self.init())
    }

    fn init(&self) -> WeightInit {
        match self.version {
            XceptionVersion::Timm => WeightInit::KaimingNormalFanOut,
            XceptionVersion::Keras => WeightInit::GlorotUniform,
        }
    }

    fn padding(&self) -> Padding {
        match self.version {
            XceptionVersion::Timm => Padding::equal(1),
            XceptionVersion::Keras => Padding::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_of_the_middle_flow_has_three_separable_convolutions() {
        let count = |blocks| {
            let graph = Xception::default().middle_blocks(blocks).graph().unwrap();
            graph.trained_parameter_count()
        };
        let separable = 728 * 9 + 728 * 728 + 2 * 728;
        assert_eq!(count(9) - count(8), 3 * separable);
        assert_eq!(count(8), 22_855_952);
        assert_eq!(count(8) - count(0), 8 * 3 * separable);
    }
}
