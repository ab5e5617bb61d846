//! What a graph does otherwise than the Keras model whose weights it gets.

use marque_arch::{Conv2d, Graph, Op, Padding};

/// Differences that no weight shows.
pub(super) fn notes(graph: &Graph, folded: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if folded {
        notes.push("biases of convolutions went into the running means of the batch norms behind them, which is exact".into());
        if strides_in_the_middle(graph) {
            notes.push(
                "Keras's bottlenecks stride in their first 1×1 convolution, this graph's in the 3×3: \
                 take resnet50-v1 (101, 152) for the same network"
                    .into(),
            );
        }
    }
    if has_separable_same_padding_elsewhere(graph) {
        notes.push("Keras's Xception pads as `same` does, this graph symmetrically: take xception-keras for the same network".into());
    }
    if graph
        .nodes()
        .iter()
        .any(|node| matches!(&node.op, Op::AvgPool2d(pool) if pool.padding > 0))
    {
        notes.push(
            "Keras's average pooling leaves the border out of its means, this graph counts it as zeros"
                .into(),
        );
    }
    notes
}

fn convolutions(graph: &Graph) -> impl Iterator<Item = (usize, &Conv2d)> {
    graph
        .nodes()
        .iter()
        .enumerate()
        .filter_map(|(index, node)| match &node.op {
            Op::Conv2d(conv) => Some((index, conv)),
            _ => None,
        })
}

/// Whether a 3×3 convolution with a stride comes later than in the stem, between 1×1 convolutions.
fn strides_in_the_middle(graph: &Graph) -> bool {
    let mut before: Option<&Conv2d> = None;
    for (_, conv) in convolutions(graph) {
        if let Some(before) = before {
            let follows_pointwise = before.kernel_size.height == 1 && before.stride == 1;
            if follows_pointwise && conv.kernel_size.height == 3 && conv.stride > 1 {
                return true;
            }
        }
        before = Some(conv);
    }
    false
}

fn has_separable_same_padding_elsewhere(graph: &Graph) -> bool {
    convolutions(graph).any(|(_, conv)| conv.is_depthwise())
        && graph.nodes().iter().any(|node| {
            matches!(&node.op, Op::MaxPool2d(pool) if pool.stride > 1 && !matches!(pool.padding, Padding::Same))
        })
}
