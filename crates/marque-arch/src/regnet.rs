use crate::squeeze_excitation::SqueezeExcitation;
use crate::{BiasInit, Conv2d, Error, Graph, GraphBuilder, Linear, NodeId, Op, WeightInit};

/// RegNetY: Radosavovic, Kosaraju, Girshick, He, Dollár, "Designing Network Design Spaces" (2020, arXiv:2003.13678). Residual
/// bottlenecks that are as wide inside as outside, with groups of one width in their 3×3 convolutions and squeeze and excitation behind
/// these. All widths and depths of stages follow from four numbers: a straight line from block to block, rounded to few steps (section
/// 3.3).
///
/// Names, order and structure are torchvision's.
///
/// | | blocks | channels | parameters (1000 classes) | multiply-adds at 224×224 |
/// | --- | --- | --- | --- | --- |
/// | [`y_400mf`](Self::y_400mf) | 1-3-6-6 | 48 to 440 | 4,344,144 | 0.4 G |
/// | [`y_800mf`](Self::y_800mf) | 1-3-8-2 | 64 to 784 | 6,432,512 | 0.8 G |
/// | [`y_1_6gf`](Self::y_1_6gf) | 2-6-17-2 | 48 to 888 | 11,202,430 | 1.6 G |
/// | [`y_3_2gf`](Self::y_3_2gf) | 2-5-13-1 | 72 to 1512 | 19,436,338 | 3.2 G |
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 1 up.
///
/// ```
/// use marque_arch::RegNet;
///
/// let graph = RegNet::y_400mf().num_classes(7).graph()?;
/// assert_eq!(graph.trained_parameter_count(), 3_906_231);
/// let parameters = |network: RegNet| network.graph().map(|graph| graph.trained_parameter_count());
/// assert_eq!(parameters(RegNet::y_400mf())?, 4_344_144);
/// assert_eq!(parameters(RegNet::y_800mf())?, 6_432_512);
/// assert_eq!(parameters(RegNet::y_1_6gf())?, 11_202_430);
/// assert_eq!(parameters(RegNet::y_3_2gf())?, 19_436_338);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RegNet {
    /// The graph's name.
    pub name: String,
    /// Blocks in all stages together.
    pub depth: usize,
    /// Where the line of widths begins: w₀ of the paper, a multiple of eight.
    pub initial_width: usize,
    /// How much wider each block is than the one before, before rounding: wₐ.
    pub slope: f64,
    /// The ratio of neighbouring widths that the line is rounded to: wₘ, above 1.
    pub multiplier: f64,
    /// Channels of each group of the 3×3 convolutions. Widths of stages are rounded to multiples of it.
    pub group_width: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

/// Blocks of one width.
#[derive(Debug, PartialEq, Eq)]
struct Stage {
    blocks: usize,
    width: usize,
    groups: usize,
}

const STEM_CHANNELS: usize = 32;
/// Channels that a block's input has for each of its squeezed ones.
const SQUEEZE: f64 = 4.0;
/// Of the widths on the line.
const QUANTUM: usize = 8;

/// Beyond any network that has been made, and small enough to count with.
const MOST_BLOCKS: usize = 1000;
const LARGEST_WIDTH: usize = 1 << 16;

impl RegNet {
    /// 0.4 billion multiply-adds.
    pub fn y_400mf() -> Self {
        Self {
            group_width: 8,
            ..Self::line("regnet_y_400mf", 16, 48, [27.89, 2.09])
        }
    }

    /// 0.8 billion multiply-adds.
    pub fn y_800mf() -> Self {
        Self {
            group_width: 16,
            ..Self::line("regnet_y_800mf", 14, 56, [38.84, 2.4])
        }
    }

    /// 1.6 billion multiply-adds.
    pub fn y_1_6gf() -> Self {
        Self {
            group_width: 24,
            ..Self::line("regnet_y_1_6gf", 27, 48, [20.71, 2.65])
        }
    }

    /// 3.2 billion multiply-adds.
    pub fn y_3_2gf() -> Self {
        Self {
            group_width: 24,
            ..Self::line("regnet_y_3_2gf", 21, 80, [42.63, 2.66])
        }
    }

    fn line(name: &str, depth: usize, initial_width: usize, [slope, multiplier]: [f64; 2]) -> Self {
        Self {
            name: name.to_owned(),
            depth,
            initial_width,
            slope,
            multiplier,
            group_width: QUANTUM,
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
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0, [`Error::InvalidOption`] if the other numbers make no
    /// line of widths: `depth` from 1 to 1000, `initial_width` a multiple of eight and, as `slope` and `group_width`, at most 65536,
    /// `multiplier` above 1 and at most 100.
    pub fn graph(&self) -> Result<Graph, Error> {
        let mut builder = GraphBuilder::new(&self.name, self.in_channels)?;
        let stem = Conv2d::new(self.in_channels, STEM_CHANNELS, 3)
            .stride(2)
            .padding(1);
        let image = builder.input();
        let mut maps = rectified(&mut builder, "stem", stem, image)?;
        let mut channels = STEM_CHANNELS;
        for (number, stage) in (1..).zip(self.stages()?) {
            for index in 0..stage.blocks {
                let block = Block {
                    path: format!("trunk_output.block{number}.block{number}-{index}"),
                    channels,
                    width: stage.width,
                    groups: stage.groups,
                    stride: if index == 0 { 2 } else { 1 },
                };
                maps = block.add(&mut builder, maps)?;
                channels = stage.width;
            }
        }
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let classifier = Linear::new(channels, self.num_classes)
            .init(WeightInit::Normal { std: 0.01 })
            .bias(BiasInit::Zeros);
        let logits = builder.linear("fc", vector, classifier)?;
        builder.build(logits)
    }

    /// Equations 2 to 4 of the paper: neighbours on the line that are rounded to one width are a stage.
    fn stages(&self) -> Result<Vec<Stage>, Error> {
        self.check()?;
        let start = self.initial_width as f64;
        let widths: Vec<usize> = (0..self.depth)
            .map(|block| {
                let on_the_line = start + self.slope * block as f64;
                let steps = ((on_the_line / start).ln() / self.multiplier.ln()).round_ties_even();
                let rounded = start * self.multiplier.powf(steps);
                (rounded / QUANTUM as f64).round_ties_even() as usize * QUANTUM
            })
            .collect();
        let stages = widths.chunk_by(|first, second| first == second).map(|equal| {
            let group = self.group_width.min(equal[0]);
            let width = divisible(equal[0], group);
            Stage {
                blocks: equal.len(),
                width,
                groups: width / group,
            }
        });
        Ok(stages.collect())
    }

    fn check(&self) -> Result<(), Error> {
        let largest = LARGEST_WIDTH as f64;
        let refuse = |option, expected, found: String| {
            Err(Error::InvalidOption {
                architecture: self.name.clone(),
                option,
                expected,
                found,
            })
        };
        if !(1..=MOST_BLOCKS).contains(&self.depth) {
            return refuse("depth", "from 1 to 1000", self.depth.to_string());
        }
        let width = self.initial_width;
        if !(QUANTUM..=LARGEST_WIDTH).contains(&width) || !width.is_multiple_of(QUANTUM) {
            return refuse(
                "initial_width",
                "a multiple of 8, at most 65536",
                width.to_string(),
            );
        }
        if !(0.0..=largest).contains(&self.slope) {
            return refuse("slope", "at least 0, at most 65536", self.slope.to_string());
        }
        if !(self.multiplier > 1.0 && self.multiplier <= 100.0) {
            return refuse("multiplier", "above 1, at most 100", self.multiplier.to_string());
        }
        if !(1..=LARGEST_WIDTH).contains(&self.group_width) {
            return refuse("group_width", "from 1 to 65536", self.group_width.to_string());
        }
        Ok(())
    }
}

/// The nearest multiple of `group`, but no more than a tenth less.
fn divisible(width: usize, group: usize) -> usize {
    let nearest = ((width + group / 2) / group * group).max(group);
    match nearest * 10 < width * 9 {
        true => nearest + group,
        false => nearest,
    }
}

/// A convolution and its batch norm.
fn normed(builder: &mut GraphBuilder, path: &str, conv: Conv2d, input: NodeId) -> Result<NodeId, Error> {
    let maps = builder.conv2d(format!("{path}.0"), input, conv)?;
    builder.batch_norm2d(format!("{path}.1"), maps)
}

/// A convolution, its batch norm and a rectifier.
fn rectified(builder: &mut GraphBuilder, path: &str, conv: Conv2d, input: NodeId) -> Result<NodeId, Error> {
    let maps = normed(builder, path, conv, input)?;
    builder.relu(format!("{path}.2"), maps)
}

/// A residual bottleneck that narrows nothing: y = relu(shortcut(x) + F(x)).
struct Block {
    path: String,
    /// Channels that arrive.
    channels: usize,
    width: usize,
    groups: usize,
    stride: usize,
}

impl Block {
    fn add(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let (channels, width, stride) = (self.channels, self.width, self.stride);
        let path = |name: &str| format!("{}.{name}", self.path);
        // torchvision's state_dict has the projection before the branch.
        let shortcut = match stride == 1 && channels == width {
            true => input,
            false => {
                let projection = Conv2d::new(channels, width, 1).stride(stride);
                normed(builder, &path("proj"), projection, input)?
            }
        };
        let maps = rectified(builder, &path("f.a"), Conv2d::new(channels, width, 1), input)?;
        let grouped = Conv2d {
            groups: self.groups,
            ..Conv2d::new(width, width, 3).stride(stride).padding(1)
        };
        let maps = rectified(builder, &path("f.b"), grouped, maps)?;
        // Counted from what arrives at the block, not from what is squeezed.
        let squeezed = (channels as f64 / SQUEEZE).round_ties_even() as usize;
        let excitation = SqueezeExcitation {
            squeeze_channels: squeezed,
            activation: Op::Relu,
            gate: Op::Sigmoid,
            bias: BiasInit::PyTorchDefault,
        };
        let maps = excitation.add(builder, &path("f.se"), maps)?;
        let maps = normed(builder, &path("f.c"), Conv2d::new(width, width, 1), maps)?;
        let sum = builder.sum(path("add"), shortcut, maps)?;
        builder.relu(path("activation"), sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The four networks here, and torchvision's larger ones.
    #[test]
    fn stages_follow_from_the_line() {
        let larger = |line: RegNet, group_width| RegNet { group_width, ..line };
        for (network, blocks, widths) in [
            (RegNet::y_400mf(), [1, 3, 6, 6], [48, 104, 208, 440]),
            (RegNet::y_800mf(), [1, 3, 8, 2], [64, 144, 320, 784]),
            (RegNet::y_1_6gf(), [2, 6, 17, 2], [48, 120, 336, 888]),
            (RegNet::y_3_2gf(), [2, 5, 13, 1], [72, 216, 576, 1512]),
            (
                larger(RegNet::line("8gf", 17, 192, [76.82, 2.19]), 56),
                [2, 4, 10, 1],
                [224, 448, 896, 2016],
            ),
            (
                larger(RegNet::line("16gf", 18, 200, [106.23, 2.48]), 112),
                [2, 4, 11, 1],
                [224, 448, 1232, 3024],
            ),
            (
                larger(RegNet::line("32gf", 20, 232, [115.89, 2.53]), 232),
                [2, 5, 12, 1],
                [232, 696, 1392, 3712],
            ),
            (
                larger(RegNet::line("128gf", 27, 456, [160.83, 2.52]), 264),
                [2, 7, 17, 1],
                [528, 1056, 2904, 7392],
            ),
        ] {
            let stages = network.stages().unwrap();
            let found: Vec<(usize, usize)> = stages.iter().map(|stage| (stage.blocks, stage.width)).collect();
            let expected: Vec<(usize, usize)> = blocks.into_iter().zip(widths).collect();
            assert_eq!(found, expected, "{}", network.name);
            for stage in &stages {
                assert_eq!(
                    stage.groups * network.group_width,
                    stage.width,
                    "{}",
                    network.name
                );
            }
        }
    }

    #[test]
    fn groups_are_no_wider_than_their_stage() {
        let network = RegNet {
            group_width: 100,
            ..RegNet::y_400mf()
        };
        let stages = network.stages().unwrap();
        assert_eq!((stages[0].width, stages[0].groups), (48, 1));
        assert_eq!((stages[3].width, stages[3].groups), (400, 4));
        assert!(network.graph().is_ok());
    }

    #[test]
    fn numbers_that_make_no_line_are_refused() {
        let network = RegNet::y_400mf();
        let refused = |network: RegNet, expected: &str| match network.graph() {
            Err(Error::InvalidOption { option, .. }) => assert_eq!(option, expected),
            other => panic!("{expected}: {:?}", other.map(|graph| graph.nodes().len())),
        };
        for depth in [0, MOST_BLOCKS + 1, usize::MAX] {
            refused(
                RegNet {
                    depth,
                    ..network.clone()
                },
                "depth",
            );
        }
        for initial_width in [0, 50, LARGEST_WIDTH + 8, usize::MAX] {
            refused(
                RegNet {
                    initial_width,
                    ..network.clone()
                },
                "initial_width",
            );
        }
        for slope in [-1.0, f64::NAN, f64::INFINITY] {
            refused(
                RegNet {
                    slope,
                    ..network.clone()
                },
                "slope",
            );
        }
        for multiplier in [1.0, 0.0, f64::NAN, f64::INFINITY] {
            refused(
                RegNet {
                    multiplier,
                    ..network.clone()
                },
                "multiplier",
            );
        }
        for group_width in [0, usize::MAX] {
            refused(
                RegNet {
                    group_width,
                    ..network.clone()
                },
                "group_width",
            );
        }
    }

    #[test]
    fn the_largest_numbers_overflow_nothing() {
        let network = RegNet {
            depth: 3,
            initial_width: LARGEST_WIDTH,
            slope: LARGEST_WIDTH as f64,
            multiplier: 100.0,
            group_width: LARGEST_WIDTH,
            ..RegNet::y_400mf()
        };
        assert!(network.graph().is_ok());
        let steep = RegNet {
            depth: MOST_BLOCKS,
            multiplier: 1.0 + f64::EPSILON,
            ..network
        };
        // A stage for each block, and the last ones beyond what a node may have.
        assert!(matches!(steep.graph(), Err(Error::InvalidAttribute { .. })));
    }

    /// torchvision's RegNets draw all weights of convolutions anew, and leave biases of the excitation as PyTorch makes them.
    #[test]
    fn weights_and_biases_begin_as_in_torchvision() {
        let graph = RegNet::y_400mf().graph().unwrap();
        let mut excitations = 0;
        for node in graph.nodes() {
            if let Op::Conv2d(conv) = &node.op {
                assert_eq!(conv.init, WeightInit::KaimingNormalFanOut, "{}", node.name);
                let is_excitation = node.name.contains(".se.");
                let expected = is_excitation.then_some(BiasInit::PyTorchDefault);
                assert_eq!(conv.bias, expected, "{}", node.name);
                excitations += usize::from(is_excitation);
            }
        }
        assert_eq!(excitations, 2 * 16);
    }
}
