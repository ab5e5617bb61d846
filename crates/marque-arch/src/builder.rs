use crate::check::Named;
use crate::graph::AuxiliaryOutput;
use crate::{
    AvgPool2d, BatchNorm2d, BatchNormDefaults, Conv2d, Error, Graph, Linear, MaxPool2d, Node, NodeId, Op,
    Parameter,
};
use std::collections::HashSet;

/// Puts a [`Graph`] together, node by node, checking each as it comes.
///
/// ```
/// use marque_arch::{Conv2d, Error, GraphBuilder};
///
/// let mut builder = GraphBuilder::new("tiny", 3)?;
/// let image = builder.input();
/// let maps = builder.conv2d("conv", image, Conv2d::new(3, 8, 3).padding(1))?;
/// let maps = builder.relu("relu", maps)?;
/// assert!(matches!(builder.conv2d("next", maps, Conv2d::new(16, 8, 3)), Err(Error::ChannelMismatch { .. })));
/// let graph = builder.build(maps)?;
/// assert_eq!(graph.nodes().len(), 3);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct GraphBuilder {
    name: String,
    nodes: Vec<Node>,
    names: HashSet<String>,
    /// Of parameters: that of a layer scale has no suffix, and might be that of another node with one.
    parameters: HashSet<String>,
    /// Channels of each node's maps or length of its vector, where that does not depend on the input size.
    features: Vec<Option<usize>>,
    batch_norm: BatchNormDefaults,
    last_maps: Option<NodeId>,
    auxiliary: Vec<AuxiliaryOutput>,
}

impl GraphBuilder {
    /// Begins a graph with an input node called `input`.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] if `channels` is 0.
    pub fn new(name: impl Into<String>, channels: usize) -> Result<Self, Error> {
        let mut builder = Self::empty(name.into());
        builder.add("input", Op::Input { channels }, &[])?;
        Ok(builder)
    }

    pub(crate) fn empty(name: String) -> Self {
        Self {
            name,
            nodes: Vec::new(),
            names: HashSet::new(),
            parameters: HashSet::new(),
            features: Vec::new(),
            batch_norm: BatchNormDefaults::PYTORCH,
            last_maps: None,
            auxiliary: Vec::new(),
        }
    }

    /// Sets what [`batch_norm2d`](Self::batch_norm2d) gives the batch norms that follow; PyTorch's defaults otherwise.
    pub fn batch_norm_defaults(self, batch_norm: BatchNormDefaults) -> Self {
        Self { batch_norm, ..self }
    }

    /// The node where the image enters.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Channels of a node's maps or the length of its vector, where that does not depend on the input size.
    pub fn channels(&self, node: NodeId) -> Option<usize> {
        self.features.get(node.0).copied().flatten()
    }

    /// Adds any operation.
    ///
    /// # Errors
    /// A name that is taken, an input that does not exist, a wrong number of inputs, channels that do not
    /// fit, or an attribute that no input could satisfy; each names the node.
    pub fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result<NodeId, Error> {
        let name = name.into();
        if self.names.contains(&name) {
            return Err(Error::DuplicateNode { node: name });
        }
        if let Some(input) = inputs.iter().find(|input| input.0 >= self.nodes.len()) {
            return Err(Error::UnknownInput {
                node: name,
                input: input.0,
                available: self.nodes.len(),
            });
        }
        let named = Named { node: &name, op: &op };
        named.check_input_count(inputs.len())?;
        named.check_attributes()?;
        let arriving: Vec<Option<usize>> = inputs.iter().map(|input| self.features[input.0]).collect();
        let features = named.check_features(&arriving, &self.nodes, inputs)?;
        let (id, inputs) = (NodeId(self.nodes.len()), inputs.to_vec());
        let node = Node { name, op, inputs };
        let parameters = Parameter::of_node(id, &node).into_iter();
        let parameters: Vec<String> = parameters.map(|parameter| parameter.name).collect();
        if parameters.iter().any(|name| self.parameters.contains(name)) {
            return Err(Error::DuplicateNode { node: node.name });
        }
        self.parameters.extend(parameters);
        self.features.push(features);
        self.names.insert(node.name.clone());
        self.nodes.push(node);
        Ok(id)
    }

    /// Adds a convolution. Errors as [`add`](Self::add).
    pub fn conv2d(&mut self, name: impl Into<String>, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
        self.add(name, Op::Conv2d(conv), &[input])
    }

    /// Adds a batch normalisation over the channels that arrive. Errors as [`add`](Self::add).
    pub fn batch_norm2d(&mut self, name: impl Into<String>, input: NodeId) -> Result<NodeId, Error> {
        let norm = BatchNorm2d {
            channels: self.channels(input).unwrap_or(0),
            eps: self.batch_norm.eps,
            momentum: self.batch_norm.momentum,
        };
        self.add(name, Op::BatchNorm2d(norm), &[input])
    }

    /// Adds a rectifier. Errors as [`add`](Self::add).
    pub fn relu(&mut self, name: impl Into<String>, input: NodeId) -> Result<NodeId, Error> {
        self.add(name, Op::Relu, &[input])
    }

    /// Adds a max pooling. Errors as [`add`](Self::add).
    pub fn max_pool2d(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        pool: MaxPool2d,
    ) -> Result<NodeId, Error> {
        self.add(name, Op::MaxPool2d(pool), &[input])
    }

    /// Adds an average pooling. Errors as [`add`](Self::add).
    pub fn avg_pool2d(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        pool: AvgPool2d,
    ) -> Result<NodeId, Error> {
        self.add(name, Op::AvgPool2d(pool), &[input])
    }

    /// Adds an addition. Errors as [`add`](Self::add).
    pub fn sum(&mut self, name: impl Into<String>, first: NodeId, second: NodeId) -> Result<NodeId, Error> {
        self.add(name, Op::Add, &[first, second])
    }

    /// Adds a concatenation of channels. Errors as [`add`](Self::add).
    pub fn concat(&mut self, name: impl Into<String>, inputs: &[NodeId]) -> Result<NodeId, Error> {
        self.add(name, Op::Concat, inputs)
    }

    /// Adds a dropout. Errors as [`add`](Self::add).
    pub fn dropout(&mut self, name: impl Into<String>, input: NodeId, p: f64) -> Result<NodeId, Error> {
        self.add(name, Op::Dropout { p }, &[input])
    }

    /// Adds a fully connected layer. Errors as [`add`](Self::add).
    pub fn linear(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        linear: Linear,
    ) -> Result<NodeId, Error> {
        self.add(name, Op::Linear(linear), &[input])
    }

    /// Marks the last feature maps: what [`Graph::with_head`] puts another head upon. A node that does not exist is an
    /// error of [`build`](Self::build).
    pub fn mark_features(&mut self, node: NodeId) {
        self.last_maps = Some(node);
    }

    /// Adds an output that only training looks at, with the weight of its loss beside the main one's. A node that does
    /// not exist is an error of [`build`](Self::build).
    pub fn auxiliary_output(&mut self, node: NodeId, loss_weight: f64) {
        self.auxiliary.push(AuxiliaryOutput { node, loss_weight });
    }

    /// Takes back what was said to [`auxiliary_output`](Self::auxiliary_output): for a graph that gets another head.
    pub(crate) fn clear_auxiliary_outputs(&mut self) {
        self.auxiliary.clear();
    }

    /// Ends the graph at `output`.
    ///
    /// # Errors
    /// [`Error::NoInput`] for an empty graph, [`Error::UnknownInput`] if `output` or a node that was marked is not a
    /// node of it, [`Error::InvalidAttribute`] if an auxiliary output's weight is negative or not finite.
    pub fn build(self, output: NodeId) -> Result<Graph, Error> {
        let is_input = |node: &Node| matches!(node.op, Op::Input { .. });
        let inputs = self.nodes.iter().filter(|node| is_input(node)).count();
        if inputs != 1 || !is_input(&self.nodes[0]) {
            return Err(Error::NoInput { graph: self.name });
        }
        let marked = self.last_maps.iter().map(|node| ("features", *node));
        let ends = std::iter::once(("output", output))
            .chain(marked)
            .chain(self.auxiliary.iter().map(|end| ("auxiliary output", end.node)));
        for (what, node) in ends {
            if node.0 >= self.nodes.len() {
                return Err(Error::UnknownInput {
                    node: what.to_owned(),
                    input: node.0,
                    available: self.nodes.len(),
                });
            }
        }
        if let Some(end) = self
            .auxiliary
            .iter()
            .find(|end| !(end.loss_weight >= 0.0 && end.loss_weight.is_finite()))
        {
            let node = &self.nodes[end.node.0];
            return Err(Error::InvalidAttribute {
                node: node.name.clone(),
                op: node.op.name(),
                attribute: "loss_weight",
                expected: "at least 0 and finite",
                found: end.loss_weight.to_string(),
            });
        }
        Ok(Graph {
            name: self.name,
            nodes: self.nodes,
            output,
            features: self.last_maps,
            auxiliary: self.auxiliary,
        })
    }
}
