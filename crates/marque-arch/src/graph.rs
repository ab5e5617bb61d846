use crate::check::Named;
use crate::{Error, GraphBuilder, ImageSize, Op, Parameter, Shape};
use serde::{Deserialize, Serialize};

/// The position of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// One step of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique in the graph; parameters are called `<name>.weight` and so on.
    pub name: String,
    /// What it does.
    #[serde(flatten)]
    pub op: Op,
    /// Where its inputs come from, all of them earlier in the graph.
    #[serde(default)]
    pub inputs: Vec<NodeId>,
}

/// An output that only training looks at: the classifier of an auxiliary head (Szegedy et al. 2014).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuxiliaryOutput {
    /// Where the head ends.
    pub node: NodeId,
    /// Weight of its loss beside the main one's.
    pub loss_weight: f64,
}

/// A network as data: named nodes in topological order, beginning with one input, ending in one output.
///
/// Training may look at auxiliary outputs, too. Nodes that serve these alone are not run in evaluation.
///
/// A graph can be written with `serde` and read back; what is read is checked as strictly as what a
/// [`GraphBuilder`] makes, so a graph from a stranger's file is either sound or an error.
///
/// ```
/// use marque_arch::{Graph, ImageSize, ResNet};
///
/// let graph = ResNet::resnet18().num_classes(7).graph()?;
/// let text = serde_json::to_string(&graph)?;
/// assert_eq!(serde_json::from_str::<Graph>(&text)?, graph);
/// // The same network at another size: shapes follow from the image.
/// assert_eq!(graph.shapes(ImageSize { height: 96, width: 160 })?.len(), graph.nodes().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "StoredGraph", try_from = "StoredGraph")]
pub struct Graph {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) output: NodeId,
    pub(crate) features: Option<NodeId>,
    pub(crate) auxiliary: Vec<AuxiliaryOutput>,
}

impl Graph {
    /// The architecture's name, such as `resnet34`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All nodes in topological order; the first is the input.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at this position of [`nodes`](Self::nodes).
    pub fn id(&self, index: usize) -> Option<NodeId> {
        (index < self.nodes.len()).then_some(NodeId(index))
    }

    /// The node that stands for the images.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// The node whose output is the network's: the logits of a classifier.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// The node whose output are the last feature maps, before pooling and classifier, where the graph's maker has marked
    /// it.
    pub fn features(&self) -> Option<NodeId> {
        self.features
    }

    /// Outputs that only training looks at.
    pub fn auxiliary_outputs(&self) -> &[AuxiliaryOutput] {
        &self.auxiliary
    }

    /// The main output and the auxiliary ones.
    pub(crate) fn outputs(&self) -> Vec<NodeId> {
        let auxiliary = self.auxiliary.iter().map(|end| end.node);
        std::iter::once(self.output).chain(auxiliary).collect()
    }

    /// For every node, whether the output of one of `ends` depends on it; nodes themselves included.
    pub fn ancestors(&self, ends: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        self.ancestors_up_to(ends, &[])
    }

    /// As [`ancestors`](Self::ancestors), where the outputs of `known` nodes depend on nothing but these nodes themselves.
    pub fn ancestors_up_to(&self, ends: impl IntoIterator<Item = NodeId>, known: &[NodeId]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for end in ends {
            needed[end.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] && !known.contains(&NodeId(index)) {
                for input in &self.nodes[index].inputs {
                    needed[input.0] = true;
                }
            }
        }
        needed
    }

    /// For every node, whether it depends on one of `starts`; these themselves included.
    pub fn descendants(&self, starts: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        for start in starts {
            reached[start.0] = true;
        }
        for index in 0..self.nodes.len() {
            let mut inputs = self.nodes[index].inputs.iter();
            reached[index] |= inputs.any(|input| reached[input.0]);
        }
        reached
    }

    /// For every node, the nodes that read its output, in the graph's order; a node that reads it twice is there twice.
    pub fn readers(&self) -> Vec<Vec<NodeId>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                readers[input.0].push(NodeId(index));
            }
        }
        readers
    }

    /// Where the graph is cut when the nodes marked in `inside` are run by themselves: those of them whose output a node
    /// outside reads, in the graph's order. `inside` has one mark per node, and no marked node may depend on an
    /// unmarked one.
    pub fn frontier(&self, inside: &[bool]) -> Vec<NodeId> {
        let is_inside = |node: usize| inside.get(node).copied().unwrap_or(false);
        let mut read = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                read[input.0] |= is_inside(input.0) && !is_inside(index);
            }
        }
        (0..self.nodes.len())
            .filter(|&index| read[index])
            .map(NodeId)
            .collect()
    }

    /// The node called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownNode`] if there is none.
    pub fn find(&self, name: &str) -> Result<NodeId, Error> {
        let position = self.nodes.iter().position(|node| node.name == name);
        position.map(NodeId).ok_or_else(|| Error::UnknownNode {
            node: name.to_owned(),
            graph: self.name.clone(),
        })
    }

    /// Channels of the image that the network takes.
    pub fn input_channels(&self) -> usize {
        match self.nodes[0].op {
            Op::Input { channels } => channels,
            _ => 0,
        }
    }

    /// The shape of one sample behind every node, for an input of `size`.
    ///
    /// # Errors
    /// An input too small for a window, shapes that cannot be added, a vector of the wrong length: each names
    /// the node.
    pub fn shapes(&self, size: ImageSize) -> Result<Vec<Shape>, Error> {
        let image = Shape::Map {
            channels: self.input_channels(),
            size,
        };
        let shapes = self.shapes_from(&[(self.input(), image)])?;
        // Every node but the input has inputs, so that all depend on it.
        Ok(shapes.into_iter().flatten().collect())
    }

    /// The shapes of one sample behind the nodes that depend on `known` nodes alone, given the shapes behind those; `None` for
    /// all others. It is what [`shapes`](Self::shapes) is for a pass that starts from outputs of nodes.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn shapes_from(&self, known: &[(NodeId, Shape)]) -> Result<Vec<Option<Shape>>, Error> {
        let mut shapes: Vec<Option<Shape>> = vec![None; self.nodes.len()];
        for &(node, shape) in known {
            shapes[node.0] = Some(shape);
        }
        // Of the image nothing is known but what is made of it; errors speak of the largest map.
        let sizes = known.iter().filter_map(|(_, shape)| match shape {
            Shape::Map { size, .. } => Some(*size),
            Shape::Vector { .. } => None,
        });
        let size = sizes.max_by_key(|size| size.height.saturating_mul(size.width));
        let size = size.unwrap_or(ImageSize::square(1));
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            let arriving: Option<Vec<Shape>> = node.inputs.iter().map(|input| shapes[input.0]).collect();
            if let (None, Some(arriving)) = (shapes[index], arriving) {
                let named = Named {
                    node: &node.name,
                    op: &node.op,
                };
                let shape = named.infer(&arriving, size)?;
                shape.elements().ok_or_else(|| named.overflow())?;
                shapes[index] = Some(shape);
            }
        }
        Ok(shapes)
    }

    /// Every stored number of the network, in the order of PyTorch's `state_dict`: parameters that training
    /// changes and the running statistics of batch norms, which it does not. It is the order of the nodes but for layer scales: what
    /// belongs to a module itself comes before all that belongs to the modules inside of it.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let own = Parameter::of_node(NodeId(index), node);
            let place = match node.op {
                Op::LayerScale(_) => start_of_inner_modules(&parameters, &node.name),
                _ => parameters.len(),
            };
            parameters.splice(place..place, own);
        }
        parameters
    }

    /// Numbers that training changes: the count that papers and torchvision state. Saturates where a machine word does not hold
    /// it.
    pub fn trained_parameter_count(&self) -> u64 {
        self.parameters()
            .iter()
            .filter(|parameter| parameter.is_trained())
            .fold(0, |sum: u64, parameter| {
                sum.saturating_add(parameter.count() as u64)
            })
    }
}

/// From where on all `parameters` belong to modules inside of the one that has the parameter `name`: to `a.b.0` beside `a.scale`.
fn start_of_inner_modules(parameters: &[Parameter], name: &str) -> usize {
    let module = name.rfind('.').map_or("", |end| &name[..=end]);
    let is_inside = |parameter: &&Parameter| {
        let path = parameter.name.strip_prefix(module);
        path.is_some_and(|path| path.contains('.'))
    };
    parameters.len() - parameters.iter().rev().take_while(is_inside).count()
}

/// What a graph looks like in a file, before it is believed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGraph {
    name: String,
    nodes: Vec<Node>,
    output: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    features: Option<NodeId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    auxiliary: Vec<AuxiliaryOutput>,
}

impl From<Graph> for StoredGraph {
    fn from(graph: Graph) -> Self {
        Self {
            name: graph.name,
            nodes: graph.nodes,
            output: graph.output,
            features: graph.features,
            auxiliary: graph.auxiliary,
        }
    }
}

impl TryFrom<StoredGraph> for Graph {
    type Error = Error;

    fn try_from(stored: StoredGraph) -> Result<Self, Error> {
        let mut builder = GraphBuilder::empty(stored.name);
        for node in stored.nodes {
            builder.add(node.name, node.op, &node.inputs)?;
        }
        if let Some(node) = stored.features {
            builder.mark_features(node);
        }
        for end in stored.auxiliary {
            builder.auxiliary_output(end.node, end.loss_weight);
        }
        builder.build(stored.output)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Conv2d, Error, GraphBuilder, LayerScale, Op};

    #[test]
    fn a_layer_scale_has_no_other_parameters_name() {
        let conv = Op::Conv2d(Conv2d::new(4, 4, 1));
        let scale = Op::LayerScale(LayerScale {
            channels: 4,
            init: 1.0,
        });
        for nodes in [
            [("a", conv.clone()), ("a.weight", scale.clone())],
            [("a.weight", scale), ("a", conv)],
        ] {
            let mut builder = GraphBuilder::new("names", 4).unwrap();
            let [first, (name, op)] = nodes;
            let maps = builder.add(first.0, first.1, &[builder.input()]).unwrap();
            let found = builder.add(name, op, &[maps]);
            assert!(
                matches!(&found, Err(Error::DuplicateNode { node }) if node == name),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_layer_scale_comes_before_what_is_inside_of_its_module_and_behind_everything_else() {
        let mut builder = GraphBuilder::new("scales", 4).unwrap();
        let mut maps = builder.input();
        for name in [
            "stem",
            "a.block.0",
            "a.block.1",
            "a.scale",
            "a.other",
            "ab.0",
            "ab.scale",
            "scale",
        ] {
            let op = match name.contains("scale") || name.contains("other") {
                true => Op::LayerScale(LayerScale {
                    channels: 4,
                    init: 1.0,
                }),
                false => Op::Conv2d(Conv2d::new(4, 4, 1)),
            };
            maps = builder.add(name, op, &[maps]).unwrap();
        }
        let parameters = builder.build(maps).unwrap().parameters();
        let names: Vec<&str> = parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let expected = [
            "scale",
            "stem.weight",
            "a.scale",
            "a.other",
            "a.block.0.weight",
            "a.block.1.weight",
            "ab.scale",
            "ab.0.weight",
        ];
        assert_eq!(names, expected);
    }
}
