//! The layers of a graph as Keras would have them.

use super::layers::Kind;
use super::order::{Addition, keras_order};
use marque_arch::{Graph, NodeId, Op};

/// One or two nodes, by their positions, that are one layer of Keras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) node: usize,
    /// The pointwise half of a separable convolution.
    pub(super) pointwise: Option<usize>,
}

/// Which nodes read the output of each node.
pub(super) struct Readers<'g> {
    graph: &'g Graph,
    readers: Vec<Vec<NodeId>>,
}

impl<'g> Readers<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        Self {
            graph,
            readers: graph.readers(),
        }
    }

    /// The graph's layers with weights, in Keras's order.
    pub(super) fn units(&self, addition: Addition) -> Vec<Unit> {
        let nodes = self.graph.nodes();
        let pairs: Vec<Option<usize>> = (0..nodes.len()).map(|index| self.pointwise(index)).collect();
        let mut is_half = vec![false; nodes.len()];
        for half in pairs.iter().flatten() {
            is_half[*half] = true;
        }
        let order = keras_order(self.graph, addition).into_iter();
        order
            .filter(|&index| !is_half[index])
            .filter_map(|node| {
                let pointwise = pairs[node];
                let kind = match &nodes[node].op {
                    Op::Conv2d(_) if pointwise.is_some() => Kind::Separable,
                    Op::Conv2d(conv) if conv.is_depthwise() => Kind::Depthwise,
                    Op::Conv2d(_) => Kind::Convolution,
                    Op::BatchNorm2d(_) => Kind::Norm,
                    Op::Linear(_) => Kind::Dense,
                    Op::Input { .. }
                    | Op::Relu
                    | Op::Relu6
                    | Op::Sigmoid
                    | Op::Silu
                    | Op::HardSwish
                    | Op::HardSigmoid
                    | Op::Gelu
                    | Op::LayerNorm2d(_)
                    | Op::LayerScale(_)
                    | Op::MaxPool2d(_)
                    | Op::AvgPool2d(_)
                    | Op::GlobalAvgPool2d
                    | Op::AdaptiveAvgPool2d(_)
                    | Op::Add
                    | Op::Multiply
                    | Op::Concat
                    | Op::Subsample { .. }
                    | Op::PadChannels { .. }
                    | Op::Dropout { .. }
                    | Op::StochasticDepth { .. }
                    | Op::Flatten => return None,
                };
                Some(Unit {
                    kind,
                    node,
                    pointwise,
                })
            })
            .collect()
    }

    /// The batch norm that alone reads the output of a node.
    pub(super) fn norm_behind(&self, node: usize) -> Option<&'g str> {
        let reader = &self.graph.nodes()[self.only_reader(node)?];
        matches!(reader.op, Op::BatchNorm2d(_)).then_some(reader.name.as_str())
    }

    /// The 1×1 convolution that alone reads a depthwise one.
    fn pointwise(&self, node: usize) -> Option<usize> {
        let nodes = self.graph.nodes();
        if !matches!(&nodes[node].op, Op::Conv2d(conv) if conv.is_depthwise()) {
            return None;
        }
        let reader = self.only_reader(node)?;
        matches!(&nodes[reader].op, Op::Conv2d(conv) if conv.is_pointwise()).then_some(reader)
    }

    fn only_reader(&self, node: usize) -> Option<usize> {
        match self.readers[node][..] {
            [only] => Some(only.index()),
            _ => None,
        }
    }
}

/// Height times width of the maps that a linear layer reads flattened; `None` if it cannot be told.
pub(super) fn cells(graph: &Graph, linear: usize) -> Option<usize> {
    let mut node = &graph.nodes()[linear];
    let Op::Linear(layer) = &node.op else {
        return None;
    };
    let mut upon_maps = false;
    loop {
        node = &graph.nodes()[node.inputs.first()?.index()];
        let channels = match &node.op {
            Op::Flatten => {
                upon_maps = true;
                continue;
            }
            Op::Linear(_) if !upon_maps => return Some(1),
            Op::GlobalAvgPool2d => return Some(1),
            Op::AdaptiveAvgPool2d(size) => return size.height.checked_mul(size.width),
            Op::Conv2d(conv) => conv.out_channels,
            Op::BatchNorm2d(norm) => norm.channels,
            Op::LayerNorm2d(norm) => norm.channels,
            Op::LayerScale(scale) => scale.channels,
            Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_) => {
                continue;
            }
            Op::Input { .. }
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Linear(_) => return None,
        };
        return layer.in_features.checked_div(channels);
    }
}
