use crate::op::Named;
use crate::{BatchNorm2d, Conv2d, Error, Graph, Linear, MaxPool2d, Node, NodeId, Op};

/// Largest number that any attribute of a node may be: far above every network, far below overflow.
const LARGEST_ATTRIBUTE: usize = 1 << 20;

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
    /// Channels of each node's maps or length of its vector, where that does not depend on the input size.
    features: Vec<Option<usize>>,
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
            features: Vec::new(),
        }
    }

    /// The node where the image enters.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Adds any operation.
    ///
    /// # Errors
    /// A name that is taken, an input that does not exist, a wrong number of inputs, channels that do not
    /// fit, or an attribute that no input could satisfy; each names the node.
    pub fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result<NodeId, Error> {
        let name = name.into();
        if self.nodes.iter().any(|node| node.name == name) {
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
        self.features.push(features);
        self.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
        });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Adds a convolution. Errors as [`add`](Self::add).
    pub fn conv2d(&mut self, name: impl Into<String>, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
        self.add(name, Op::Conv2d(conv), &[input])
    }

    /// Adds a batch normalisation over the channels that arrive. Errors as [`add`](Self::add).
    pub fn batch_norm2d(&mut self, name: impl Into<String>, input: NodeId) -> Result<NodeId, Error> {
        let channels = self.features.get(input.0).copied().flatten().unwrap_or(0);
        self.add(name, Op::BatchNorm2d(BatchNorm2d::new(channels)), &[input])
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

    /// Adds an addition. Errors as [`add`](Self::add).
    pub fn sum(&mut self, name: impl Into<String>, first: NodeId, second: NodeId) -> Result<NodeId, Error> {
        self.add(name, Op::Add, &[first, second])
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

    /// Ends the graph at `output`.
    ///
    /// # Errors
    /// [`Error::NoInput`] for an empty graph, [`Error::UnknownInput`] if `output` is not a node of it.
    pub fn build(self, output: NodeId) -> Result<Graph, Error> {
        let inputs = self
            .nodes
            .iter()
            .filter(|node| matches!(node.op, Op::Input { .. }))
            .count();
        if inputs != 1 || !matches!(self.nodes[0].op, Op::Input { .. }) {
            return Err(Error::NoInput { graph: self.name });
        }
        if output.0 >= self.nodes.len() {
            return Err(Error::UnknownInput {
                node: "output".to_owned(),
                input: output.0,
                available: self.nodes.len(),
            });
        }
        Ok(Graph {
            name: self.name,
            nodes: self.nodes,
            output,
        })
    }
}

impl Named<'_> {
    fn check_input_count(&self, found: usize) -> Result<(), Error> {
        let (expected, fits) = match self.op {
            Op::Input { .. } => ("no", found == 0),
            Op::Add => ("2 or more", found >= 2),
            _ => ("1", found == 1),
        };
        if fits {
            return Ok(());
        }
        Err(Error::InputCount {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        })
    }

    fn check_attributes(&self) -> Result<(), Error> {
        match self.op {
            Op::Input { channels } => self.positive("channels", *channels),
            Op::Conv2d(conv) => {
                for (attribute, value) in [
                    ("in_channels", conv.in_channels),
                    ("out_channels", conv.out_channels),
                    ("kernel_size", conv.kernel_size),
                    ("stride", conv.stride),
                    ("dilation", conv.dilation),
                    ("groups", conv.groups),
                ] {
                    self.positive(attribute, value)?;
                }
                self.positive("padding + 1", conv.padding.saturating_add(1))?;
                if conv.in_channels % conv.groups != 0 || conv.out_channels % conv.groups != 0 {
                    return Err(self.invalid(
                        "groups",
                        "a divisor of in_channels and out_channels",
                        conv.groups,
                    ));
                }
                Ok(())
            }
            Op::BatchNorm2d(norm) => {
                self.positive("channels", norm.channels)?;
                if !(norm.eps > 0.0 && norm.eps.is_finite()) {
                    return Err(self.invalid("eps", "positive and finite", norm.eps));
                }
                if !(0.0..=1.0).contains(&norm.momentum) {
                    return Err(self.invalid("momentum", "between 0 and 1", norm.momentum));
                }
                Ok(())
            }
            Op::MaxPool2d(pool) => {
                self.positive("kernel_size", pool.kernel_size)?;
                self.positive("stride", pool.stride)?;
                if pool.padding > pool.kernel_size / 2 {
                    return Err(self.invalid("padding", "at most half of kernel_size", pool.padding));
                }
                Ok(())
            }
            Op::Linear(linear) => {
                self.positive("in_features", linear.in_features)?;
                self.positive("out_features", linear.out_features)
            }
            Op::Relu | Op::GlobalAvgPool2d | Op::Add | Op::Flatten => Ok(()),
        }
    }

    /// Checks the channels that arrive against those the node was made for and answers with those that leave,
    /// `None` where they depend on the input size.
    fn check_features(
        &self,
        arriving: &[Option<usize>],
        nodes: &[Node],
        inputs: &[NodeId],
    ) -> Result<Option<usize>, Error> {
        let expect = |expected: usize| match arriving[0] {
            Some(found) if found != expected => Err(self.channel_mismatch(expected, found)),
            _ => Ok(()),
        };
        match self.op {
            Op::Input { channels } => Ok(Some(*channels)),
            Op::Conv2d(conv) => expect(conv.in_channels).map(|()| Some(conv.out_channels)),
            Op::BatchNorm2d(norm) => expect(norm.channels).map(|()| Some(norm.channels)),
            Op::Linear(linear) => expect(linear.in_features).map(|()| Some(linear.out_features)),
            Op::Relu | Op::MaxPool2d(_) | Op::GlobalAvgPool2d => Ok(arriving[0]),
            // Only behind global pooling is a map's height and width known beforehand.
            Op::Flatten => {
                let pooled = matches!(nodes[inputs[0].0].op, Op::GlobalAvgPool2d);
                Ok(arriving[0].filter(|_| pooled))
            }
            Op::Add => {
                let known: Vec<usize> = arriving.iter().flatten().copied().collect();
                match known.iter().find(|&&other| other != known[0]) {
                    Some(&found) => Err(self.channel_mismatch(known[0], found)),
                    None => Ok(known.first().copied()),
                }
            }
        }
    }

    fn positive(&self, attribute: &'static str, value: usize) -> Result<(), Error> {
        if (1..=LARGEST_ATTRIBUTE).contains(&value) {
            return Ok(());
        }
        Err(self.invalid(attribute, "between 1 and 1048576", value))
    }

    fn invalid(&self, attribute: &'static str, expected: &'static str, found: impl ToString) -> Error {
        Error::InvalidAttribute {
            node: self.node.to_owned(),
            op: self.op.name(),
            attribute,
            expected,
            found: found.to_string(),
        }
    }
}
