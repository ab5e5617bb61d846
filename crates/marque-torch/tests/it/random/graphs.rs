//! Random graphs, put together of small blocks: what a block cannot do where it comes is left out, so that every description is a
//! graph, and a smaller description a smaller graph.

use marque_arch::{
    AvgPool2d, BatchNorm2d, BatchNormDefaults, BiasInit, Conv2d, Graph, GraphBuilder, ImageSize, LayerNorm2d,
    LayerScale, Linear, MaxPool2d, NodeId, Op, Padding, Shape,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Most numbers behind a node for one image; what would make more is left out.
const MOST_ELEMENTS: usize = 20_000;

/// A network, and the images that it is to see.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub(super) batch: usize,
    channels: usize,
    pub(super) size: ImageSize,
    maps: Vec<Block>,
    /// What comes behind a flattening, if there is one.
    vectors: Option<Vec<VectorBlock>>,
    /// Whether Winograd's method computes all that it can, which small maps are else too small for.
    pub(super) prefers_winograd: bool,
}

/// A step of a network of maps.
#[derive(Debug, Clone)]
enum Block {
    Convolution(Convolution),
    Norm,
    Relu,
    /// One of [`ACTIVATIONS`].
    Activation(usize),
    LayerNorm,
    LayerScale,
    /// Squeeze and excitation through so many channels.
    Excite(usize),
    StochasticDepth,
    /// A linear layer of each pixel.
    Mix(usize),
    MaxPool {
        pool: Pool,
        ceil_mode: bool,
    },
    AvgPool(Pool),
    GlobalMean,
    AdaptiveMean(ImageSize),
    /// The map, a convolution of it that keeps its shape, and perhaps an earlier map of that shape.
    Sum {
        kernel: usize,
        is_first: bool,
        third: Option<usize>,
    },
    Twice,
    Concat(Vec<Part>),
    Subsample(usize),
    PadChannels(usize),
    Dropout,
    /// A convolution that nothing reads.
    Unread(usize),
    /// Goes on from an earlier map.
    GoBack(usize),
}

/// A part of a concatenation.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// An earlier map of the size, the newest being 0.
    Earlier(usize),
    /// A convolution of the map.
    Convolution {
        channels: usize,
        kernel: usize,
    },
    Pool,
}

#[derive(Debug, Clone)]
struct Convolution {
    channels: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: Padding,
    dilation: usize,
    groups: Groups,
    has_bias: bool,
    norm_before: bool,
    relu_before: bool,
    norm_behind: bool,
    relu_behind: bool,
}

#[derive(Debug, Clone, Copy)]
enum Groups {
    One,
    /// One of the divisors of the channels that arrive.
    Some(usize),
    /// So many filters for each channel.
    Depthwise(usize),
}

#[derive(Debug, Clone, Copy)]
struct Pool {
    kernel: usize,
    stride: usize,
    padding: Padding,
}

/// A step of a network of vectors.
#[derive(Debug, Clone, Copy)]
enum VectorBlock {
    Linear(usize),
    Norm,
    Relu,
    Activation(usize),
    LayerNorm,
    LayerScale,
    Dropout,
    /// The vector and a linear layer of it.
    Sum,
    Twice,
    Flatten,
}

const ACTIVATIONS: [Op; 6] = [
    Op::Relu6,
    Op::Sigmoid,
    Op::Silu,
    Op::HardSwish,
    Op::HardSigmoid,
    Op::Gelu,
];

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![
        2 => Just(Padding::NONE),
        2 => (1usize..4).prop_map(Padding::equal),
        1 => (0usize..4, 0usize..4).prop_map(|(height, width)| Padding::Symmetric { height, width }),
        2 => Just(Padding::Same),
    ]
}

fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1usize..20, 2 => Just(16), 1 => Just(32), 1 => 20usize..50]
}

fn kernel() -> impl Strategy<Value = [usize; 2]> {
    prop_oneof![
        3 => Just([1, 1]),
        5 => Just([3, 3]),
        1 => (1usize..8).prop_map(|width| [1, width]),
        1 => (1usize..8).prop_map(|height| [height, 1]),
        2 => (1usize..6, 1usize..6).prop_map(|(height, width)| [height, width]),
    ]
}

fn groups() -> impl Strategy<Value = Groups> {
    prop_oneof![
        5 => Just(Groups::One),
        1 => (0usize..8).prop_map(Groups::Some),
        2 => Just(Groups::Depthwise(1)),
        1 => (2usize..4).prop_map(Groups::Depthwise),
    ]
}

fn convolution() -> impl Strategy<Value = Convolution> {
    let stride = prop_oneof![4 => Just(1usize), 2 => Just(2), 1 => Just(3)];
    let dilation = prop_oneof![5 => Just(1usize), 1 => 2usize..4];
    let window = (kernel(), stride, padding(), dilation);
    (channels(), window, groups(), any::<[bool; 5]>()).prop_map(
        |(channels, (kernel, stride, padding, dilation), groups, flags)| {
            let [has_bias, norm_before, relu_before, norm_behind, relu_behind] = flags;
            Convolution {
                channels,
                kernel,
                stride,
                padding,
                dilation,
                groups,
                has_bias,
                norm_before,
                relu_before,
                norm_behind,
                relu_behind,
            }
        },
    )
}

fn pool() -> impl Strategy<Value = Pool> {
    (1usize..5, 1usize..4, padding()).prop_map(|(kernel, stride, padding)| Pool {
        kernel,
        stride,
        padding,
    })
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => (0usize..4).prop_map(Part::Earlier),
        3 => (channels(), prop_oneof![Just(1usize), Just(3)])
            .prop_map(|(channels, kernel)| Part::Convolution { channels, kernel }),
        1 => Just(Part::Pool),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    let sum = (
        prop_oneof![Just(1usize), Just(3)],
        any::<bool>(),
        proptest::option::of(0usize..4),
    );
    let cells = (1usize..6, 1usize..6).prop_map(|(height, width)| ImageSize { height, width });
    prop_oneof![
        12 => convolution().prop_map(Block::Convolution),
        2 => Just(Block::Norm),
        3 => Just(Block::Relu),
        8 => (0..ACTIVATIONS.len()).prop_map(Block::Activation),
        1 => Just(Block::LayerNorm),
        1 => Just(Block::LayerScale),
        3 => (1usize..20).prop_map(Block::Excite),
        1 => Just(Block::StochasticDepth),
        2 => (1usize..40).prop_map(Block::Mix),
        2 => (pool(), any::<bool>()).prop_map(|(pool, ceil_mode)| Block::MaxPool { pool, ceil_mode }),
        2 => pool().prop_map(Block::AvgPool),
        2 => Just(Block::GlobalMean),
        2 => cells.prop_map(Block::AdaptiveMean),
        4 => sum.prop_map(|(kernel, is_first, third)| Block::Sum { kernel, is_first, third }),
        1 => Just(Block::Twice),
        5 => vec(part(), 2..5).prop_map(Block::Concat),
        2 => (1usize..4).prop_map(Block::Subsample),
        2 => (1usize..20).prop_map(Block::PadChannels),
        1 => Just(Block::Dropout),
        1 => channels().prop_map(Block::Unread),
        1 => (1usize..6).prop_map(Block::GoBack),
    ]
}

fn vector_block() -> impl Strategy<Value = VectorBlock> {
    prop_oneof![
        4 => (1usize..40).prop_map(VectorBlock::Linear),
        1 => Just(VectorBlock::Norm),
        1 => Just(VectorBlock::Relu),
        2 => (0..ACTIVATIONS.len()).prop_map(VectorBlock::Activation),
        1 => Just(VectorBlock::LayerNorm),
        1 => Just(VectorBlock::LayerScale),
        1 => Just(VectorBlock::Dropout),
        1 => Just(VectorBlock::Sum),
        1 => Just(VectorBlock::Twice),
        1 => Just(VectorBlock::Flatten),
    ]
}

pub(super) fn description() -> impl Strategy<Value = Description> {
    let size = (1usize..24, 1usize..24).prop_map(|(height, width)| ImageSize { height, width });
    let vectors = prop_oneof![1 => Just(None), 3 => vec(vector_block(), 0..4).prop_map(Some)];
    let channels = prop_oneof![Just(3usize), Just(1), Just(12)];
    (
        1usize..4,
        channels,
        size,
        vec(block(), 0..8),
        vectors,
        any::<bool>(),
    )
        .prop_map(
            |(batch, channels, size, maps, vectors, prefers_winograd)| Description {
                batch,
                channels,
                size,
                maps,
                vectors,
                prefers_winograd,
            },
        )
}

impl Description {
    /// The graph.
    pub(super) fn graph(&self) -> Graph {
        let mut draft = Draft::new(self.channels, self.size);
        for block in &self.maps {
            draft.add_block(block);
        }
        if let Some(vectors) = &self.vectors {
            draft.add(Op::Flatten, &[draft.current]);
            for block in vectors {
                draft.add_vector_block(*block);
            }
        }
        // A branch that nothing reads may be the newest node.
        let output = draft.current;
        draft.builder().build(output).unwrap()
    }

    /// N, C, H and W of the images.
    pub(super) fn images(&self) -> [usize; 4] {
        [self.batch, self.channels, self.size.height, self.size.width]
    }
}

/// A graph as far as it has come: what is added is its output.
struct Draft {
    size: ImageSize,
    graph: Graph,
    shapes: Vec<Shape>,
    current: NodeId,
}

impl Draft {
    fn new(channels: usize, size: ImageSize) -> Self {
        let builder = GraphBuilder::new("random", channels).unwrap();
        let current = builder.input();
        Self {
            size,
            graph: builder.build(current).unwrap(),
            shapes: vec![Shape::Map { channels, size }],
            current,
        }
    }

    /// The same nodes, to be gone on with.
    fn builder(&self) -> GraphBuilder {
        let mut builder = GraphBuilder::new("random", self.graph.input_channels()).unwrap();
        for node in &self.graph.nodes()[1..] {
            builder.add(&node.name, node.op.clone(), &node.inputs).unwrap();
        }
        builder
    }

    /// Adds a node and goes on from it; where it does not suit what it reads, nothing is added, and nothing else happens.
    fn add(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        let mut builder = self.builder();
        let name = format!("{}_{}", self.shapes.len(), op.name().to_lowercase());
        let Ok(added) = builder.add(name, op, inputs) else {
            return self.current;
        };
        let graph = builder.build(added).unwrap();
        let Ok(shapes) = graph.shapes(self.size) else {
            return self.current;
        };
        let elements = shapes[added.index()].elements();
        if elements.is_some_and(|elements| elements <= MOST_ELEMENTS) {
            self.graph = graph;
            self.shapes = shapes;
            self.current = added;
        }
        self.current
    }

    /// Channels of the maps, or the length of the vector, that things are added to.
    fn features(&self) -> usize {
        match self.shapes[self.current.index()] {
            Shape::Map { channels, .. } => channels,
            Shape::Vector { features } => features,
        }
    }

    /// One of the nodes that `fits` chooses, counted from the newest one on; they always have the current one among them.
    fn earlier(&self, back: usize, fits: impl Fn(Shape) -> bool) -> NodeId {
        let fitting: Vec<usize> = (0..self.shapes.len())
            .rev()
            .filter(|&index| fits(self.shapes[index]))
            .collect();
        self.graph.id(fitting[back % fitting.len()]).unwrap()
    }

    fn norm(&mut self) {
        let BatchNormDefaults { eps, momentum } = BatchNormDefaults::PYTORCH;
        let norm = BatchNorm2d {
            channels: self.features(),
            eps,
            momentum,
        };
        self.add(Op::BatchNorm2d(norm), &[self.current]);
    }

    fn relu(&mut self) {
        self.add(Op::Relu, &[self.current]);
    }

    fn activation(&mut self, index: usize) {
        self.add(ACTIVATIONS[index].clone(), &[self.current]);
    }

    fn layer_norm(&mut self) {
        let norm = LayerNorm2d {
            channels: self.features(),
            // A small one would multiply the roundings of channels that are nearly equal.
            eps: 0.1,
        };
        self.add(Op::LayerNorm2d(norm), &[self.current]);
    }

    fn layer_scale(&mut self) {
        let scale = LayerScale {
            channels: self.features(),
            init: 0.5,
        };
        self.add(Op::LayerScale(scale), &[self.current]);
    }

    fn excite(&mut self, squeezed: usize) {
        let (maps, channels) = (self.current, self.features());
        self.add(Op::GlobalAvgPool2d, &[maps]);
        self.add(Op::Conv2d(Conv2d::new(channels, squeezed, 1)), &[self.current]);
        self.relu();
        self.add(Op::Conv2d(Conv2d::new(squeezed, channels, 1)), &[self.current]);
        self.add(Op::Sigmoid, &[self.current]);
        self.add(Op::Multiply, &[maps, self.current]);
    }

    fn dropout(&mut self) {
        self.add(Op::Dropout { p: 0.5 }, &[self.current]);
    }

    /// A convolution of the current map that keeps its size. Goes back to where it was.
    fn branch(&mut self, channels: usize, kernel: usize) -> NodeId {
        let start = self.current;
        let conv = Conv2d::new(self.features(), channels, kernel).padding(kernel / 2);
        let end = self.add(Op::Conv2d(conv), &[start]);
        self.current = start;
        end
    }

    fn convolution(&mut self, block: &Convolution) {
        if block.norm_before {
            self.norm();
        }
        if block.relu_before {
            self.relu();
        }
        let channels = self.features();
        let (groups, out_channels) = match block.groups {
            Groups::One => (1, block.channels),
            Groups::Some(index) => {
                let divisors: Vec<usize> = (1..=channels)
                    .filter(|&count| channels.is_multiple_of(count))
                    .collect();
                let groups = divisors[index % divisors.len()];
                (groups, block.channels.next_multiple_of(groups))
            }
            Groups::Depthwise(filters) => (channels, channels * filters),
        };
        let conv = Conv2d {
            groups,
            stride: block.stride,
            padding: block.padding,
            dilation: block.dilation,
            bias: block.has_bias.then_some(BiasInit::Zeros),
            ..Conv2d::new(channels, out_channels, 1).kernel_size(block.kernel[0], block.kernel[1])
        };
        self.add(Op::Conv2d(conv), &[self.current]);
        if block.norm_behind {
            self.norm();
        }
        if block.relu_behind {
            self.relu();
        }
    }

    fn add_block(&mut self, block: &Block) {
        let current = self.current;
        let shape = self.shapes[current.index()];
        let size_of = |shape| match shape {
            Shape::Map { size, .. } => Some(size),
            Shape::Vector { .. } => None,
        };
        match block {
            Block::Convolution(convolution) => self.convolution(convolution),
            Block::Norm => self.norm(),
            Block::Relu => self.relu(),
            Block::Activation(index) => self.activation(*index),
            Block::LayerNorm => self.layer_norm(),
            Block::LayerScale => self.layer_scale(),
            Block::Excite(squeezed) => self.excite(*squeezed),
            Block::StochasticDepth => {
                self.add(Op::StochasticDepth { p: 0.5 }, &[current]);
            }
            Block::Mix(outputs) => {
                self.add(Op::Linear(Linear::new(self.features(), *outputs)), &[current]);
            }
            Block::MaxPool { pool, ceil_mode } => {
                let pool = MaxPool2d {
                    kernel_size: pool.kernel,
                    stride: pool.stride,
                    padding: pool.padding,
                    ceil_mode: *ceil_mode,
                };
                self.add(Op::MaxPool2d(pool), &[current]);
            }
            Block::AvgPool(pool) => {
                let padding = match pool.padding {
                    Padding::Symmetric { height, .. } => height.min(pool.kernel / 2),
                    Padding::Same => 0,
                };
                let pool = AvgPool2d {
                    kernel_size: pool.kernel,
                    stride: pool.stride,
                    padding,
                };
                self.add(Op::AvgPool2d(pool), &[current]);
            }
            Block::GlobalMean => {
                self.add(Op::GlobalAvgPool2d, &[current]);
            }
            Block::AdaptiveMean(size) => {
                self.add(Op::AdaptiveAvgPool2d(*size), &[current]);
            }
            Block::Sum {
                kernel,
                is_first,
                third,
            } => {
                let branch = self.branch(self.features(), *kernel);
                let mut inputs = match is_first {
                    true => vec![branch, current],
                    false => vec![current, branch],
                };
                inputs.extend(third.map(|back| self.earlier(back, |other| other == shape)));
                self.add(Op::Add, &inputs);
            }
            Block::Twice => {
                self.add(Op::Add, &[current, current]);
            }
            Block::Concat(parts) => {
                let inputs: Vec<NodeId> = parts
                    .iter()
                    .map(|part| self.part(*part, size_of(shape)))
                    .collect();
                self.add(Op::Concat, &inputs);
            }
            Block::Subsample(stride) => {
                self.add(Op::Subsample { stride: *stride }, &[current]);
            }
            Block::PadChannels(channels) => {
                self.add(Op::PadChannels { channels: *channels }, &[current]);
            }
            Block::Dropout => self.dropout(),
            Block::Unread(channels) => {
                self.branch(*channels, 1);
            }
            Block::GoBack(back) => self.current = self.earlier(*back, |_| true),
        }
    }

    fn part(&mut self, part: Part, wanted: Option<ImageSize>) -> NodeId {
        let current = self.current;
        match part {
            Part::Earlier(back) => self.earlier(
                back,
                |shape| matches!(shape, Shape::Map { size, .. } if Some(size) == wanted),
            ),
            Part::Convolution { channels, kernel } => self.branch(channels, kernel),
            Part::Pool => {
                let pool = MaxPool2d::new(3, 1).padded(Padding::equal(1));
                let end = self.add(Op::MaxPool2d(pool), &[current]);
                self.current = current;
                end
            }
        }
    }

    fn add_vector_block(&mut self, block: VectorBlock) {
        let (current, features) = (self.current, self.features());
        match block {
            VectorBlock::Linear(outputs) => {
                self.add(Op::Linear(Linear::new(features, outputs)), &[current]);
            }
            VectorBlock::Norm => self.norm(),
            VectorBlock::Relu => self.relu(),
            VectorBlock::Activation(index) => self.activation(index),
            VectorBlock::LayerNorm => self.layer_norm(),
            VectorBlock::LayerScale => self.layer_scale(),
            VectorBlock::Dropout => self.dropout(),
            VectorBlock::Sum if features <= 256 => {
                let branch = self.add(Op::Linear(Linear::new(features, features)), &[current]);
                self.add(Op::Add, &[branch, current]);
            }
            VectorBlock::Sum | VectorBlock::Twice => {
                self.add(Op::Add, &[current, current]);
            }
            VectorBlock::Flatten => {
                self.add(Op::Flatten, &[current]);
            }
        }
    }
}
