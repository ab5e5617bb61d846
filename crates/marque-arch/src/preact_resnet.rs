use crate::{Conv2d, Error, Graph, GraphBuilder, Linear, NodeId, Op};

/// Residual networks with pre-activations for small images: He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks" (2016,
/// arXiv:1603.05027), figure 4 (e), with the 6n + 2 layers of their networks for CIFAR (2015, arXiv:1512.03385, section 4.2). Batch norm
/// and rectifier stand before each convolution, so that nothing but additions stands on the way of the shortcuts from the first block to
/// the last.
///
/// - A 3×3 convolution with 16 channels at the full resolution, then n blocks of 16 channels, n of 32 and n of 64, of two 3×3 convolutions
///   each. The first block of the second and the third stage has stride 2.
/// - Shortcuts have no parameters: where channels grow, every second pixel is kept and channels of zeros are added (option A).
/// - The first block splits behind its first rectifier; one more batch norm and rectifier stand behind the last (appendix of
///   the paper).
///
/// | | n | parameters (10 classes) | multiply-adds at 32×32 |
/// | --- | --- | --- | --- |
/// | [`preact_resnet20`](Self::preact_resnet20) | 3 | 269,722 | 0.04 G |
/// | [`preact_resnet56`](Self::preact_resnet56) | 9 | 853,018 | 0.13 G |
/// | [`preact_resnet110`](Self::preact_resnet110) | 18 | 1,727,962 | 0.25 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up; at 224×224 the arithmetic is 49 times that at 32×32.
///
/// ```
/// use marque_arch::PreActResNet;
///
/// let parameters = |network: PreActResNet| {
///     let graph = network.num_classes(10).graph();
///     graph.map(|graph| graph.trained_parameter_count())
/// };
/// assert_eq!(parameters(PreActResNet::preact_resnet20())?, 269_722);
/// assert_eq!(parameters(PreActResNet::preact_resnet56())?, 853_018);
/// assert_eq!(parameters(PreActResNet::preact_resnet110())?, 1_727_962);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreActResNet {
    /// Convolutions and the linear layer: 6n + 2. The graph is called `preact_resnet` with this number.
    pub depth: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 by default, as everywhere, though CIFAR has 10 or 100 classes.
    pub num_classes: usize,
}

/// Channels in the three stages.
const WIDTHS: [usize; 3] = [16, 32, 64];
/// Of a block of each stage.
const LAYERS: usize = 2 * WIDTHS.len();
/// Beyond any network that has been made, and small enough to count with.
const MOST_BLOCKS: usize = 1000;

impl PreActResNet {
    /// 20 layers.
    pub fn preact_resnet20() -> Self {
        Self::new(20)
    }

    /// 56 layers.
    pub fn preact_resnet56() -> Self {
        Self::new(56)
    }

    /// 110 layers.
    pub fn preact_resnet110() -> Self {
        Self::new(110)
    }

    /// So many layers, for 1000 classes and RGB.
    pub fn new(depth: usize) -> Self {
        Self {
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
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0, [`Error::InvalidOption`] if `depth` is not 6n + 2 with n from 1
    /// to 1000.
    pub fn graph(&self) -> Result<Graph, Error> {
        let name = format!("preact_resnet{}", self.depth);
        let layers = self.depth.saturating_sub(2);
        let count = layers / LAYERS;
        if !layers.is_multiple_of(LAYERS) || !(1..=MOST_BLOCKS).contains(&count) {
            return Err(Error::InvalidOption {
                architecture: name,
                option: "depth",
                expected: "6n + 2 with n from 1 to 1000",
                found: self.depth.to_string(),
            });
        }
        let mut builder = GraphBuilder::new(name, self.in_channels)?;
        let stem = Conv2d::new(self.in_channels, WIDTHS[0], 3).padding(1);
        let mut maps = builder.conv2d("conv1", builder.input(), stem)?;
        let mut channels = WIDTHS[0];
        for (stage, width) in (1..).zip(WIDTHS) {
            for index in 0..count {
                let block = Block {
                    path: format!("layer{stage}.{index}"),
                    channels,
                    width,
                    is_first: stage == 1 && index == 0,
                };
                maps = block.add(&mut builder, maps)?;
                channels = width;
            }
        }
        let maps = builder.batch_norm2d("bn", maps)?;
        let maps = builder.relu("relu", maps)?;
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let logits = builder.linear("fc", vector, Linear::new(channels, self.num_classes))?;
        builder.build(logits)
    }
}

/// One residual block: y = shortcut(x) + F(x), and nothing behind the sum.
struct Block {
    path: String,
    /// Channels that arrive.
    channels: usize,
    width: usize,
    /// Of the network: what leads around it leaves behind its first rectifier.
    is_first: bool,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let (path, width) = (&self.path, self.width);
        let stride = if self.channels == width { 1 } else { 2 };
        let normed = builder.batch_norm2d(format!("{path}.bn1"), input)?;
        let activated = builder.relu(format!("{path}.relu1"), normed)?;
        let conv = Conv2d::new(self.channels, width, 3).stride(stride).padding(1);
        let maps = builder.conv2d(format!("{path}.conv1"), activated, conv)?;
        let maps = builder.batch_norm2d(format!("{path}.bn2"), maps)?;
        let maps = builder.relu(format!("{path}.relu2"), maps)?;
        let conv = Conv2d::new(width, width, 3).padding(1);
        let residual = builder.conv2d(format!("{path}.conv2"), maps, conv)?;
        let mut shortcut = if self.is_first { activated } else { input };
        if stride != 1 {
            shortcut = builder.add(format!("{path}.subsample"), Op::Subsample { stride }, &[shortcut])?;
            let zeros = Op::PadChannels {
                channels: width - self.channels,
            };
            shortcut = builder.add(format!("{path}.pad"), zeros, &[shortcut])?;
        }
        builder.sum(format!("{path}.add"), residual, shortcut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_layers_as_the_name_says() {
        for depth in [8, 20, 56, 110] {
            let graph = PreActResNet::new(depth).graph().unwrap();
            let is_layer = |op: &Op| matches!(op, Op::Conv2d(_) | Op::Linear(_));
            let layers = graph.nodes().iter().filter(|node| is_layer(&node.op)).count();
            assert_eq!(layers, depth);
        }
    }

    #[test]
    fn other_depths_are_refused() {
        for depth in [0, 1, 2, 7, 18, 21, 6 * MOST_BLOCKS + 8, usize::MAX] {
            let graph = PreActResNet::new(depth).graph();
            assert!(matches!(graph, Err(Error::InvalidOption { .. })), "{depth}");
        }
    }

    #[test]
    fn nothing_but_additions_stands_on_the_shortcuts_of_a_stage() {
        let graph = PreActResNet::preact_resnet56().graph().unwrap();
        let sum = |index: usize| graph.find(&format!("layer1.{index}.add")).unwrap();
        for index in 1..9 {
            let inputs = &graph.nodes()[sum(index).index()].inputs;
            assert_eq!(inputs[1], sum(index - 1));
        }
        let first = &graph.nodes()[sum(0).index()].inputs;
        assert_eq!(first[1], graph.find("layer1.0.relu1").unwrap());
    }
}
