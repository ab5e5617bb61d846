//! Lines of a drawing: a convolution with the batch norm and rectifier that belong to it.

use crate::dot::{describe, in_parts};
use crate::op::Drawn;
use crate::{Graph, NodeId, Op};
use std::collections::{HashMap, HashSet};

/// One line of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Positions of its nodes in the graph.
    pub nodes: Vec<usize>,
    /// What comes before the operation, `BN · ReLU`; often nothing.
    pub before: String,
    /// The operation without its channels: `3×3 conv`.
    pub operation: String,
    /// Channels or features that it yields, where it decides on them.
    pub width: Option<usize>,
    /// What comes after, as `before`.
    pub after: String,
    /// Where its inputs come from.
    pub inputs: Vec<Source>,
    /// What it is drawn as.
    pub look: Look,
}

/// What a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// What arrives at the block.
    Entry,
    /// Another step of the block, by its position.
    Step(usize),
}

/// What a step is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A layer with weights.
    Weights,
    /// A layer without.
    Plain,
    /// A sum.
    Add,
    /// A product.
    Product,
    /// Branches put one behind the other.
    Concat,
}

/// Which of the operations between two convolutions belong to the second: all of them where a block begins with a batch
/// norm, rectifiers where it begins with one, none where it begins with a convolution.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    After,
    ReluBefore,
    AllBefore,
}

/// The lines that some neighbouring nodes make, in the graph's order.
pub(crate) fn steps(graph: &Graph, nodes: &[usize]) -> Vec<Step> {
    let mut weaver = Weaver::new(graph, nodes);
    for &node in nodes {
        weaver.add(node);
    }
    let mut steps = weaver.steps;
    for step in &mut steps {
        step.describe(graph);
    }
    steps
}

impl Step {
    /// `3×3 conv, 64 · BN · ReLU`, with `width` for the channels.
    pub(crate) fn line(&self, width: &str) -> String {
        let operation = match width {
            "" => self.operation.clone(),
            width => format!("{}, {width}", self.operation),
        };
        let parts = [&self.before, &operation, &self.after];
        let parts: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(" · ")
    }

    fn describe(&mut self, graph: &Graph) {
        let ops: Vec<&Op> = self.nodes.iter().map(|&node| &graph.nodes()[node].op).collect();
        let Some(core) = ops.iter().position(|op| !is_modifier(op)) else {
            self.operation = line(&ops);
            return;
        };
        let (operation, width) = in_parts(ops[core]);
        (self.operation, self.width) = (operation, width);
        let mut rest = core + 1;
        if let Some(Op::Conv2d(pointwise)) = ops.get(rest) {
            self.operation = self.operation.replace("depthwise", "separable");
            self.width = Some(pointwise.out_channels);
            rest += 1;
        }
        self.before = line(&ops[..core]);
        self.after = line(&ops[rest..]);
        self.look = match ops[core].drawn() {
            Drawn::Add => Look::Add,
            Drawn::Product => Look::Product,
            Drawn::Concat => Look::Concat,
            Drawn::Weights => Look::Weights,
            Drawn::Plain | Drawn::Modifier | Drawn::View => Look::Plain,
        };
    }
}

/// `BN · ReLU`.
fn line(ops: &[&Op]) -> String {
    let texts: Vec<String> = ops
        .iter()
        .filter(|op| op.drawn() != Drawn::View)
        .map(|op| describe(op))
        .collect();
    texts.join(" · ")
}

struct Weaver<'a> {
    graph: &'a Graph,
    /// The nodes of the block that read each of its nodes.
    readers: HashMap<usize, Vec<usize>>,
    style: Style,
    /// The step that a node has become part of.
    step_of: HashMap<usize, usize>,
    /// Nodes that wait for the convolution that they come before, by the last of them, and what they read.
    waiting: HashMap<usize, (Vec<usize>, Source)>,
    steps: Vec<Step>,
}

impl<'a> Weaver<'a> {
    fn new(graph: &'a Graph, nodes: &[usize]) -> Self {
        let members: HashSet<usize> = nodes.iter().copied().collect();
        let all = graph.readers();
        let within = |readers: &[NodeId]| -> Vec<usize> {
            let readers = readers.iter().map(|reader| reader.index());
            readers.filter(|reader| members.contains(reader)).collect()
        };
        let readers = nodes.iter().map(|&node| (node, within(&all[node]))).collect();
        let mut style = Style::After;
        for &index in nodes {
            let node = &graph.nodes()[index];
            if node.inputs.iter().any(|input| !members.contains(&input.index())) {
                match node.op {
                    Op::BatchNorm2d(_) => style = Style::AllBefore,
                    Op::Relu => style = Style::ReluBefore,
                    _ => {}
                }
            }
        }
        Self {
            graph,
            readers,
            style,
            step_of: HashMap::new(),
            waiting: HashMap::new(),
            steps: Vec::new(),
        }
    }

    fn op(&self, node: usize) -> &'a Op {
        &self.graph.nodes()[node].op
    }

    fn add(&mut self, node: usize) {
        let inputs = &self.graph.nodes()[node].inputs;
        let first = inputs.first().map(|input| input.index());
        let alone = first.filter(|first| self.readers.get(first).is_some_and(|list| list.len() == 1));
        if let Some((mut nodes, source)) = alone.and_then(|first| self.waiting.remove(&first)) {
            nodes.push(node);
            self.continue_waiting(node, nodes, source);
            return;
        }
        if self.goes_before(node) {
            let source = first.map_or(Source::Entry, |first| self.source(first));
            self.waiting.insert(node, (vec![node], source));
            return;
        }
        if let Some(step) = alone.and_then(|first| self.step_of.get(&first).copied())
            && self.joins(step, node)
        {
            self.steps[step].nodes.push(node);
            self.step_of.insert(node, step);
            return;
        }
        let sources = inputs.iter().map(|input| self.source(input.index())).collect();
        self.begin(vec![node], sources);
    }

    /// `nodes` ends with `node`: the convolution that the others have waited for, or one more of them.
    fn continue_waiting(&mut self, node: usize, nodes: Vec<usize>, source: Source) {
        if is_modifier(self.op(node)) {
            self.waiting.insert(node, (nodes, source));
        } else {
            self.begin(nodes, vec![source]);
        }
    }

    fn begin(&mut self, nodes: Vec<usize>, inputs: Vec<Source>) {
        let step = Step {
            before: String::new(),
            operation: String::new(),
            width: None,
            after: String::new(),
            look: Look::Plain,
            inputs,
            nodes,
        };
        for &node in &step.nodes {
            self.step_of.insert(node, self.steps.len());
        }
        self.steps.push(step);
    }

    fn source(&self, node: usize) -> Source {
        self.step_of
            .get(&node)
            .map_or(Source::Entry, |&step| Source::Step(step))
    }

    /// Whether a batch norm or rectifier leads, past others, into a single convolution that it belongs to.
    fn goes_before(&self, node: usize) -> bool {
        let suits = |op: &Op| match self.style {
            Style::After => false,
            Style::ReluBefore => matches!(op, Op::Relu),
            Style::AllBefore => is_modifier(op),
        };
        let mut current = node;
        while suits(self.op(current)) {
            let Some([next]) = self.readers.get(&current).map(Vec::as_slice) else {
                return false;
            };
            if matches!(self.op(*next), Op::Conv2d(_)) {
                return true;
            }
            current = *next;
        }
        false
    }

    /// Whether a node is told in the line of the step that it alone reads.
    fn joins(&self, step: usize, node: usize) -> bool {
        let nodes = &self.steps[step].nodes;
        let last = nodes.last().map(|&last| self.op(last));
        let op = self.op(node);
        match op.drawn() {
            Drawn::View => true,
            Drawn::Weights => {
                let pointwise = matches!(op, Op::Conv2d(conv) if conv.is_pointwise() && conv.stride == 1);
                pointwise && matches!(last, Some(Op::Conv2d(before)) if before.is_depthwise())
            }
            Drawn::Modifier => !nodes
                .iter()
                .any(|&node| matches!(self.op(node).drawn(), Drawn::Add | Drawn::Product | Drawn::Concat)),
            Drawn::Plain | Drawn::Add | Drawn::Product | Drawn::Concat => false,
        }
    }
}

fn is_modifier(op: &Op) -> bool {
    op.drawn() == Drawn::Modifier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::blocks::groups;
    use crate::{ArchitectureOptions, architecture};

    fn lines(name: &str, path: &str) -> Vec<String> {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let group = groups(&graph)
            .into_iter()
            .find(|group| group.path == path)
            .unwrap();
        let text = |step: Step| {
            let width = step.width.map(|width| format!(", {width}")).unwrap_or_default();
            format!("{} | {}{width} | {}", step.before, step.operation, step.after)
        };
        steps(&graph, &group.nodes).into_iter().map(text).collect()
    }

    #[test]
    fn what_follows_a_convolution_is_told_with_it() {
        assert_eq!(
            lines("resnet34", "layer2.0"),
            [
                " | 3×3/2 conv, 128 | BN · ReLU",
                " | 3×3 conv, 128 | BN",
                " | 1×1/2 conv, 128 | BN",
                " | + | ",
                " | ReLU | ",
            ]
        );
        assert_eq!(lines("resnet34-subject", "layer1.0")[3], " | BN · ReLU | ");
        assert_eq!(
            lines("resnet34-a", "layer2.0")[2..4],
            [" | 2:1 subsampling | ", " | zero channels, 64 | "]
        );
    }

    #[test]
    fn what_a_block_begins_with_is_told_with_the_convolution_behind_it() {
        assert_eq!(
            lines("densenet121", "features.denseblock1.denselayer2"),
            [
                "BN · ReLU | 1×1 conv, 128 | ",
                "BN · ReLU | 3×3 conv, 32 | ",
                " | concat | "
            ]
        );
        assert_eq!(
            lines("xception", "block4"),
            [
                "ReLU | 3×3 separable conv, 728 | BN",
                "ReLU | 3×3 separable conv, 728 | BN",
                "ReLU | 3×3 separable conv, 728 | BN",
                " | + | ",
            ]
        );
        assert_eq!(
            lines("xception", "block1")[1],
            " | 3×3 separable conv, 128 | BN · ReLU"
        );
    }

    #[test]
    fn steps_know_what_they_read() {
        let graph = architecture("inception_v3", ArchitectureOptions::default()).unwrap();
        let group = groups(&graph)
            .into_iter()
            .find(|group| group.path == "Mixed_7b")
            .unwrap();
        let steps = steps(&graph, &group.nodes);
        let entries = steps.iter().filter(|step| step.inputs == [Source::Entry]).count();
        assert_eq!((steps.len(), entries), (11, 4));
        assert_eq!(steps[2].inputs, [Source::Step(1)]);
        assert_eq!(steps[3].inputs, [Source::Step(1)]);
        assert_eq!(steps[10].inputs.len(), 6);
    }
}
