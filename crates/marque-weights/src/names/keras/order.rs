//! The order in which Keras would list the layers of a graph.

use marque_arch::{Graph, NodeId, Op};
use std::cmp::Reverse;

/// Which of two equally deep branches before an addition Keras met first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addition {
    /// The shortcut: `keras.applications` since 2018.
    ShortcutFirst,
    /// The residual branch: its ResNet-50 before that.
    ResidualFirst,
}

/// Nodes that the output needs, as a functional model of Keras orders its layers: by their distance from the output,
/// farthest first, and where that is equal as a walk from the output meets them, first inputs first.
///
/// (`Functional.layers` of Keras 1 to 3: longest paths, `_build_map` before children.)
pub(super) fn keras_order(graph: &Graph, addition: Addition) -> Vec<usize> {
    let needed = graph.ancestors([graph.output()]);
    let depths = depths(graph, &needed);
    let met = walk(graph, addition);
    let mut order: Vec<usize> = (0..graph.nodes().len()).filter(|&index| needed[index]).collect();
    order.sort_by_key(|&index| (Reverse(depths[index]), met[index]));
    order
}

/// The longest way from every node to the output.
fn depths(graph: &Graph, needed: &[bool]) -> Vec<usize> {
    let mut depths = vec![0; graph.nodes().len()];
    for (index, node) in graph
        .nodes()
        .iter()
        .enumerate()
        .rev()
        .filter(|(index, _)| needed[*index])
    {
        for (place, input) in node.inputs.iter().enumerate() {
            let step = if is_joined_before(graph, index, place) {
                2
            } else {
                1
            };
            depths[input.index()] = depths[input.index()].max(depths[index] + step);
        }
    }
    depths
}

/// Whether Keras has a concatenation of its own in between: in the widest modules of Inception-v3 a branch that splits at
/// its end is joined again before it meets the others.
fn is_joined_before(graph: &Graph, concat: usize, place: usize) -> bool {
    let node = &graph.nodes()[concat];
    if node.op != Op::Concat {
        return false;
    }
    let source = |place: usize| branch_source(graph, node.inputs[place]);
    let own = source(place);
    own.is_some() && (0..node.inputs.len()).any(|other| other != place && source(other) == own)
}

/// What the last convolution of a branch reads.
fn branch_source(graph: &Graph, end: NodeId) -> Option<NodeId> {
    let mut node = &graph.nodes()[end.index()];
    while matches!(
        node.op,
        Op::Relu | Op::Relu6 | Op::Silu | Op::HardSwish | Op::BatchNorm2d(_)
    ) {
        node = &graph.nodes()[node.inputs.first()?.index()];
    }
    let is_filter = matches!(node.op, Op::Conv2d(_));
    node.inputs.first().copied().filter(|_| is_filter)
}

/// When a walk from the output meets each node.
fn walk(graph: &Graph, addition: Addition) -> Vec<usize> {
    let mut met = vec![usize::MAX; graph.nodes().len()];
    let mut count = 0;
    let mut waiting = vec![graph.output().index()];
    while let Some(index) = waiting.pop() {
        if met[index] != usize::MAX {
            continue;
        }
        met[index] = count;
        count += 1;
        let node = &graph.nodes()[index];
        let inputs = node.inputs.iter().map(|input| input.index());
        // What is put on last is met next; graphs list the residual branch first.
        if node.op == Op::Add && addition == Addition::ShortcutFirst {
            waiting.extend(inputs);
        } else {
            waiting.extend(inputs.rev());
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::ResNet;

    #[test]
    fn an_addition_decides_what_comes_first_among_equally_deep_layers() {
        let graph = ResNet::resnet50().graph().unwrap();
        let names = |addition| {
            let order = keras_order(&graph, addition).into_iter();
            let names = order.map(|index| graph.nodes()[index].name.as_str());
            let wanted = [
                "layer1.0.conv3",
                "layer1.0.downsample.0",
                "layer1.0.bn3",
                "layer1.0.downsample.1",
            ];
            names.filter(|name| wanted.contains(name)).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Addition::ShortcutFirst),
            [
                "layer1.0.downsample.0",
                "layer1.0.conv3",
                "layer1.0.downsample.1",
                "layer1.0.bn3"
            ]
        );
        assert_eq!(
            names(Addition::ResidualFirst),
            [
                "layer1.0.conv3",
                "layer1.0.downsample.0",
                "layer1.0.bn3",
                "layer1.0.downsample.1"
            ]
        );
    }
}
