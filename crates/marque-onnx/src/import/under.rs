//! A file's weights under the names of another graph that computes the same: names that a program has lost, and batch norms that
//! it has folded.

use super::Imported;
use super::absorb::vector;
use marque_arch::{BatchNorm2d, Conv2d, Graph, Node, NodeId, Op, Padding};
use marque_weights::{StateDict, Tensor};
use std::collections::HashSet;

impl Imported {
    /// The weights under the names of `graph`, if it is the same network: node for node, but for names, for what only training
    /// looks at, for the length of the logits, and for batch norms that the file has folded into the convolutions before them.
    /// These get statistics and factors that change nothing, and the folded bias for theirs. `None` if it is another network.
    ///
    /// Weights that training is to begin from fit [`MatchPolicy::NewHead`](marque_weights::MatchPolicy::NewHead) then.
    ///
    /// ```
    /// use marque_arch::{ArchitectureOptions, architecture};
    /// use marque_onnx::{ExportOptions, Imported, export_bytes};
    /// # use marque_weights::{StateDict, Tensor};
    ///
    /// let options = ArchitectureOptions { num_classes: 7, ..Default::default() };
    /// let graph = architecture("preact_resnet20", options)?;
    /// # let mut weights = StateDict::default();
    /// # for parameter in graph.parameters() {
    /// #     weights.insert(&parameter.name, Tensor::from_f32(&parameter.shape, &vec![0.5; parameter.count()])?);
    /// # }
    /// let file = export_bytes(&graph, &weights, &ExportOptions::default())?;
    /// let imported = Imported::parse("preact_resnet20.onnx".as_ref(), &file)?;
    /// let other = architecture("preact_resnet20", ArchitectureOptions::default())?;
    /// assert_eq!(imported.weights_under(&other).map(|found| found.len()), Some(weights.len()));
    /// assert!(imported.weights_under(&architecture("resnet18", options)?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn weights_under(&self, graph: &Graph) -> Option<StateDict> {
        let mut walk = Walk {
            wanted: graph.nodes(),
            imported: self,
            same: HashSet::new(),
            other: HashSet::new(),
            found: Vec::new(),
        };
        let is_same = walk.is_same(graph.output(), self.graph.output(), true);
        // In the order of the graph, and each once.
        is_same.then(|| {
            let found: StateDict = walk.found.iter().cloned().collect();
            let parameters = graph.parameters().into_iter();
            let known = parameters.filter_map(|parameter| {
                let tensor = found.get(&parameter.name)?.clone();
                Some((parameter.name, tensor))
            });
            known.collect()
        })
    }
}

/// Going through two graphs from their ends.
struct Walk<'a> {
    wanted: &'a [Node],
    imported: &'a Imported,
    /// Pairs of nodes that are known to compute the same, and those that do not.
    same: HashSet<(usize, usize)>,
    other: HashSet<(usize, usize)>,
    found: Vec<(String, Tensor)>,
}

impl Walk<'_> {
    /// Whether two nodes compute the same, but for the length of their output where they are the networks' ends. Each step goes
    /// on in `graph`, whose depth therefore bounds this.
    fn is_same(&mut self, wanted: NodeId, found: NodeId, is_end: bool) -> bool {
        let mut wanted = wanted;
        while let Op::Dropout { .. } | Op::StochasticDepth { .. } = self.wanted[wanted.index()].op {
            wanted = self.wanted[wanted.index()].inputs[0];
        }
        let pair = (wanted.index(), found.index());
        if self.same.contains(&pair) {
            return true;
        }
        if self.other.contains(&pair) {
            return false;
        }
        let before = self.found.len();
        let is_same = self.compare(wanted, found, is_end);
        match is_same {
            true => self.same.insert(pair),
            false => {
                self.found.truncate(before);
                self.other.insert(pair)
            }
        };
        is_same
    }

    fn compare(&mut self, wanted: NodeId, found: NodeId, is_end: bool) -> bool {
        let (own, other) = (
            self.wanted[wanted.index()].clone(),
            self.imported.graph.nodes()[found.index()].clone(),
        );
        match (&own.op, &other.op) {
            (Op::BatchNorm2d(norm), Op::Conv2d(_)) => self.folded(&own, norm, &other),
            (Op::Linear(one), Op::Linear(two)) if is_end && one.in_features == two.in_features => {
                self.take(&own, &other, &["weight", "bias"]) && self.inputs(&own.inputs, &other.inputs)
            }
            (Op::Conv2d(conv), Op::Conv2d(plain)) if conv.bias.is_some() && plain.bias.is_none() => {
                let zeros = vector(&[conv.out_channels], std::iter::repeat_n(0.0, conv.out_channels));
                self.found
                    .extend(zeros.map(|zeros| (format!("{}.bias", own.name), zeros)));
                same_filter(conv, plain)
                    && self.take(&own, &other, &["weight"])
                    && self.inputs(&own.inputs, &other.inputs)
            }
            _ if !computes_the_same(&own.op, &other.op) => false,
            (Op::Concat, _) => {
                let wanted = parts(self.wanted, &own.inputs);
                let found = parts(self.imported.graph.nodes(), &other.inputs);
                self.inputs(&wanted, &found)
            }
            (Op::LayerScale(_), _) => {
                let scale = self.imported.weights.get(&other.name).cloned();
                self.found.extend(scale.map(|scale| (own.name.clone(), scale)));
                self.inputs(&own.inputs, &other.inputs)
            }
            (Op::Add, _) => self.sum(&own.inputs, &other.inputs),
            _ => {
                let suffixes: &[&str] = match own.op {
                    Op::Conv2d(Conv2d { bias: None, .. }) => &["weight"],
                    Op::Conv2d(_) | Op::Linear(_) | Op::LayerNorm2d(_) => &["weight", "bias"],
                    Op::BatchNorm2d(_) => &["weight", "bias", "running_mean", "running_var"],
                    _ => &[],
                };
                self.take(&own, &other, suffixes) && self.inputs(&own.inputs, &other.inputs)
            }
        }
    }

    /// A batch norm and the convolution before it, which are one convolution with a bias in the file.
    fn folded(&mut self, own: &Node, norm: &BatchNorm2d, other: &Node) -> bool {
        let maker = self.wanted[own.inputs[0].index()].clone();
        let (Op::Conv2d(conv), Op::Conv2d(folded)) = (&maker.op, &other.op) else {
            return false;
        };
        if !same_filter(conv, folded) || !self.take(&maker, other, &["weight"]) {
            return false;
        }
        let all = |value: f64| vector(&[norm.channels], std::iter::repeat_n(value, norm.channels));
        let bias = self
            .imported
            .weights
            .get(&format!("{}.bias", other.name))
            .cloned();
        // √(variance + eps) is 1.
        let statistics = [
            ("weight", all(1.0)),
            // Programs leave a bias of zeros out.
            ("bias", bias.or_else(|| all(0.0))),
            ("running_mean", all(0.0)),
            ("running_var", all(1.0 - norm.eps)),
        ];
        for (suffix, tensor) in statistics {
            self.found
                .extend(tensor.map(|tensor| (format!("{}.{suffix}", own.name), tensor)));
        }
        if conv.bias.is_some() {
            self.found
                .extend(all(0.0).map(|bias| (format!("{}.bias", maker.name), bias)));
        }
        self.inputs(&maker.inputs, &other.inputs)
    }

    /// Takes the parameters of a node.
    fn take(&mut self, own: &Node, other: &Node, suffixes: &[&str]) -> bool {
        suffixes.iter().all(|suffix| {
            let tensor = self
                .imported
                .weights
                .get(&format!("{}.{suffix}", other.name))
                .cloned();
            let is_there = tensor.is_some();
            self.found
                .extend(tensor.map(|tensor| (format!("{}.{suffix}", own.name), tensor)));
            is_there
        })
    }

    fn inputs(&mut self, own: &[NodeId], other: &[NodeId]) -> bool {
        own.len() == other.len()
            && own
                .iter()
                .zip(other)
                .all(|(&own, &other)| self.is_same(own, other, false))
    }

    /// Two summands may stand in either order.
    fn sum(&mut self, own: &[NodeId], other: &[NodeId]) -> bool {
        if self.inputs(own, other) {
            return true;
        }
        match other {
            &[first, second] => self.inputs(own, &[second, first]),
            _ => false,
        }
    }
}

/// What is joined, where what was joined before is joined with more: in order, each by itself.
fn parts(nodes: &[Node], inputs: &[NodeId]) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut left: Vec<NodeId> = inputs.iter().rev().copied().collect();
    while let Some(node) = left.pop() {
        match &nodes[node.index()] {
            Node {
                op: Op::Concat,
                inputs,
                ..
            } if found.len() + left.len() < MOST_PARTS => left.extend(inputs.iter().rev()),
            _ => found.push(node),
        }
    }
    found
}

/// More than any network joins.
const MOST_PARTS: usize = 1000;

/// Whether two operations give the same for the same weights.
fn computes_the_same(own: &Op, other: &Op) -> bool {
    match (own, other) {
        (Op::Conv2d(own), Op::Conv2d(other)) => {
            own.bias.is_some() == other.bias.is_some() && same_filter(own, other)
        }
        (Op::Linear(own), Op::Linear(other)) => {
            (own.in_features, own.out_features) == (other.in_features, other.out_features)
        }
        (Op::BatchNorm2d(own), Op::BatchNorm2d(other)) => {
            own.channels == other.channels && (own.eps - other.eps).abs() <= 1e-6 * own.eps
        }
        (Op::LayerNorm2d(own), Op::LayerNorm2d(other)) => {
            own.channels == other.channels && (own.eps - other.eps).abs() <= 1e-6 * own.eps
        }
        (Op::LayerScale(own), Op::LayerScale(other)) => own.channels == other.channels,
        _ => own == other,
    }
}

/// Whether two convolutions differ in nothing but their biases and how their weights begin.
fn same_filter(own: &Conv2d, other: &Conv2d) -> bool {
    let plain = |conv: &Conv2d| Conv2d {
        bias: None,
        init: Conv2d::new(1, 1, 1).init,
        padding: own.padding,
        ..conv.clone()
    };
    plain(own) == plain(other) && (own.padding == other.padding || even(own) == Some(other.padding))
}

/// What Keras's `same` adds where that is equal on all sides whatever the size: with stride 1 and an odd window.
fn even(conv: &Conv2d) -> Option<Padding> {
    let window = conv.window();
    let is_even = conv.padding == Padding::Same && conv.stride == 1;
    let border = window
        .border(window.extent)
        .filter(|border| is_even && border.is_symmetric())?;
    Some(Padding::Symmetric {
        height: border.top,
        width: border.left,
    })
}
