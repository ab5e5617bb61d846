//! Graphs out of bytes: each node takes a few of them, and what does not suit the nodes before it is left out.

use marque_arch::{
    AvgPool2d, BatchNorm2d, BiasInit, Conv2d, Graph, GraphBuilder, ImageSize, LayerNorm2d, LayerScale,
    Linear, MaxPool2d, NodeId, Op, Padding,
};

/// What attributes and sizes may be beside small numbers: about the limits that graphs keep to, and far beyond them.
const LARGE: [usize; 12] = [
    0,
    63,
    64,
    1000,
    1 << 12,
    1 << 16,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    1 << 31,
    1 << 62,
    usize::MAX,
];

/// Most nodes of a graph.
const MOST_NODES: usize = 40;

/// A graph, and the images that it is given.
pub(crate) struct Case {
    pub(crate) graph: Graph,
    pub(crate) batch: usize,
    pub(crate) size: ImageSize,
    /// Whether Winograd's method computes all that it can.
    pub(crate) prefers_winograd: bool,
}

/// Bytes, of which there are as many zeros behind the last one as are asked for.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// A small number as it is, or one of the large ones; `least` where it is 0.
    fn number(&mut self, least: usize) -> usize {
        match usize::from(self.next()) {
            large @ 244.. => LARGE[large - 244],
            small => (small & 31) + least,
        }
    }

    fn padding(&mut self) -> Padding {
        match self.next() % 4 {
            0 => Padding::NONE,
            1 => Padding::Same,
            2 => Padding::equal(self.number(0)),
            _ => Padding::Symmetric {
                height: self.number(0),
                width: self.number(0),
            },
        }
    }

    /// One of the nodes, counted from the newest one on.
    fn node(&mut self, nodes: &[NodeId]) -> NodeId {
        let back = usize::from(self.next()) % nodes.len();
        nodes[nodes.len() - 1 - back]
    }

    fn op(&mut self, features: usize) -> Op {
        match self.next() % 22 {
            0 | 1 | 2 => {
                let conv = Conv2d::new(features, self.number(1), 1)
                    .kernel_size(self.number(1), self.number(1))
                    .stride(self.number(1))
                    .padded(self.padding());
                let groups = match self.next() % 4 {
                    0 => features,
                    1 => self.number(1),
                    _ => 1,
                };
                let bias = self.flag().then_some(BiasInit::Zeros);
                let out_channels = match groups == features {
                    true => groups.saturating_mul(conv.out_channels.min(4)),
                    false => conv.out_channels,
                };
                let dilation = self.number(1);
                Op::Conv2d(Conv2d {
                    groups,
                    bias,
                    out_channels,
                    dilation,
                    ..conv
                })
            }
            3 | 4 => {
                let side = 2 * usize::from(self.next() % 4) + 1;
                let conv = Conv2d::new(features, self.number(1), side).padding(side / 2);
                Op::Conv2d(conv)
            }
            5 => Op::BatchNorm2d(BatchNorm2d {
                channels: features,
                eps: 1e-3,
                momentum: 0.1,
            }),
            6 => Op::Relu,
            7 => Op::Sigmoid,
            8 => Op::MaxPool2d(MaxPool2d {
                kernel_size: self.number(1),
                stride: self.number(1),
                padding: self.padding(),
                ceil_mode: self.flag(),
            }),
            9 => Op::AvgPool2d(AvgPool2d {
                kernel_size: self.number(1),
                stride: self.number(1),
                padding: self.number(0),
            }),
            10 => Op::GlobalAvgPool2d,
            11 => Op::AdaptiveAvgPool2d(ImageSize {
                height: self.number(1),
                width: self.number(1),
            }),
            12 => Op::Add,
            13 => Op::Concat,
            14 => Op::Subsample {
                stride: self.number(1),
            },
            15 => Op::PadChannels {
                channels: self.number(1),
            },
            16 => Op::Flatten,
            17 => match self.next() % 5 {
                0 => Op::Relu6,
                1 => Op::Silu,
                2 => Op::HardSwish,
                3 => Op::HardSigmoid,
                _ => Op::Gelu,
            },
            18 => Op::LayerNorm2d(LayerNorm2d {
                channels: features,
                eps: 1e-3,
            }),
            19 => Op::LayerScale(LayerScale {
                channels: features,
                init: 0.5,
            }),
            20 => Op::Multiply,
            _ => match self.flag() {
                true if self.flag() => Op::StochasticDepth { p: 0.5 },
                true => Op::Dropout { p: 0.5 },
                // Where a flattened map's length is not known beforehand, the bytes must guess it.
                false => Op::Linear(Linear::new(features, self.number(1))),
            },
        }
    }
}

impl Case {
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let flags = bytes.next();
        let batch = usize::from(flags % 4);
        let size = ImageSize {
            height: bytes.number(1),
            width: bytes.number(1),
        };
        let mut builder = GraphBuilder::new("fuzzed", bytes.number(1)).ok()?;
        let mut nodes = vec![builder.input()];
        while !bytes.0.is_empty() && nodes.len() < MOST_NODES {
            let first = bytes.node(&nodes);
            let features = builder.channels(first);
            let features = features.unwrap_or_else(|| bytes.number(1).saturating_mul(bytes.number(1)));
            let op = bytes.op(features);
            let mut inputs = vec![first];
            if op == Op::Multiply {
                inputs.push(bytes.node(&nodes));
            }
            if matches!(op, Op::Add | Op::Concat) {
                for _ in 0..=bytes.next() % 3 {
                    inputs.push(bytes.node(&nodes));
                }
            }
            nodes.extend(builder.add(nodes.len().to_string(), op, &inputs));
        }
        let output = match flags & 16 {
            0 => nodes[nodes.len() - 1],
            _ => bytes.node(&nodes),
        };
        Some(Self {
            graph: builder.build(output).ok()?,
            batch,
            size,
            prefers_winograd: flags & 32 != 0,
        })
    }
}
