//! One pass through a graph: which nodes run, and when their outputs are let go.

use crate::Error;
use crate::error::At;
use crate::network::{MemoryFormat, Network, NodeState, channels_last};
use marque_arch::{ImageSize, NodeId, Op, Shape};
use tch::{Kind, Tensor};

/// What batch norms and dropouts do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms normalise by the batch and let their running statistics follow it; dropouts drop.
    Training {
        /// The number of the step: dropouts are drawn from the network's seed, this number and the node's name.
        step: u64,
    },
    /// Batch norms normalise by their running statistics; dropouts do nothing.
    Evaluation,
}

/// What a pass through a graph starts from.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// A batch of images, N×C×H×W.
    Images(&'a Tensor),
    /// Outputs of some nodes for a batch, as [`Network::outputs_of`] gives them. Nothing runs that is needed for these
    /// alone.
    Outputs(&'a [(NodeId, Tensor)]),
}

impl<'a> From<&'a Tensor> for Start<'a> {
    fn from(images: &'a Tensor) -> Self {
        Start::Images(images)
    }
}

impl<'a> From<&'a [(NodeId, Tensor)]> for Start<'a> {
    fn from(outputs: &'a [(NodeId, Tensor)]) -> Self {
        Start::Outputs(outputs)
    }
}

/// What a pass in training comes to: the main output and the auxiliary ones.
#[derive(Debug)]
pub struct TrainingOutputs {
    /// The network's output: `[N, K]` for a classifier.
    pub logits: Tensor,
    /// Outputs that only training looks at, each with the weight of its loss beside the main one's.
    pub auxiliary: Vec<(Tensor, f64)>,
}

/// Outputs of nodes that are still to be read.
pub(crate) struct Outputs {
    tensors: Vec<Option<Tensor>>,
    /// How many nodes are still to read each output.
    readers: Vec<usize>,
    /// Outputs that one node alone reads, and that this pass has made.
    ours_read_once: Vec<bool>,
    /// Of each batch norm the rectifier that is computed with it.
    rectifiers: Vec<Option<usize>>,
}

impl Outputs {
    /// The output of a node; it is let go with its last reader, so that without gradients no more than what is
    /// still needed lies in memory.
    fn take(&mut self, node: usize) -> Option<Tensor> {
        self.readers[node] -= 1;
        if self.readers[node] == 0 {
            self.tensors[node].take()
        } else {
            self.tensors[node].as_ref().map(Tensor::shallow_clone)
        }
    }
}

/// A node's inputs, and whether the first may be overwritten.
pub(crate) struct Inputs<'a> {
    pub(crate) tensors: Vec<Tensor>,
    /// The rectifier that a batch norm is computed with.
    pub(crate) rectifier: Option<&'a Op>,
    /// Whether the first input was computed with the rectifier that takes it.
    pub(crate) is_rectified: bool,
    /// No other node reads the first input, before or after, so that no backward pass but this node's looks at it, nor
    /// does its maker's: overwriting it saves a feature map per rectifier and per addition.
    pub(crate) disposable: bool,
}

impl Network {
    /// The network's main output: `[N, C, H, W] → [N, K]` for a classifier. Nodes that serve auxiliary outputs alone are not
    /// run.
    ///
    /// Gradients are recorded unless the caller is inside `tch::no_grad`.
    ///
    /// # Errors
    /// [`Error::WrongTensor`] if images are not a batch of floating-point images with the channels that the graph
    /// takes, [`Error::Graph`] if they are too small for it, [`Error::Uncovered`] if the outputs that it starts from are
    /// not enough, [`Error::SingleValue`] if a batch norm cannot be trained on so little, [`Error::LibTorch`] with the
    /// node's name if LibTorch fails, for want of memory for example.
    pub fn forward<'a>(&self, start: impl Into<Start<'a>>, mode: Mode) -> Result<Tensor, Error> {
        let output = self.graph().output();
        let mut outputs = self.outputs_of(start, mode, &[output])?;
        outputs.pop().ok_or_else(|| missing("the output"))
    }

    /// The main and the auxiliary outputs in training mode; step as in [`Mode::Training`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_training<'a>(
        &self,
        start: impl Into<Start<'a>>,
        step: u64,
    ) -> Result<TrainingOutputs, Error> {
        let auxiliary = self.graph().auxiliary_outputs();
        let ends: Vec<NodeId> = std::iter::once(self.graph().output())
            .chain(auxiliary.iter().map(|end| end.node))
            .collect();
        let outputs = self.outputs_of(start, Mode::Training { step }, &ends)?;
        let mut outputs = outputs.into_iter();
        let logits = outputs.next().ok_or_else(|| missing("the output"))?;
        let weights = auxiliary.iter().map(|end| end.loss_weight);
        Ok(TrainingOutputs {
            logits,
            auxiliary: outputs.zip(weights).collect(),
        })
    }

    /// The outputs of any nodes, in the order of `nodes`: feature maps for inspection, for example, or those from which a
    /// later pass is to start. Nothing runs that they do not depend on.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn outputs_of<'a>(
        &self,
        start: impl Into<Start<'a>>,
        mode: Mode,
        nodes: &[NodeId],
    ) -> Result<Vec<Tensor>, Error> {
        let known = self.known(start.into(), mode)?;
        let graph = self.graph();
        let known_nodes: Vec<NodeId> = known.iter().map(|(node, _)| *node).collect();
        let needed = graph.ancestors_up_to(nodes.iter().copied(), &known_nodes);
        let runs = |index: usize| needed[index] && !known_nodes.iter().any(|node| node.index() == index);
        if runs(0) {
            return Err(Error::Uncovered {
                given: known_nodes
                    .iter()
                    .map(|node| self.name(*node))
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        self.check_variances(&known, mode, runs)?;
        let mut outputs = Outputs {
            tensors: (0..needed.len()).map(|_| None).collect(),
            readers: vec![0; needed.len()],
            ours_read_once: Vec::new(),
            rectifiers: vec![None; needed.len()],
        };
        let running = graph.nodes().iter().enumerate().filter(|(index, _)| runs(*index));
        for node in running.flat_map(|(_, node)| &node.inputs).chain(nodes) {
            outputs.readers[node.index()] += 1;
        }
        outputs.ours_read_once = (0..needed.len())
            .map(|index| runs(index) && outputs.readers[index] == 1)
            .collect();
        for index in (0..needed.len()).filter(|&index| runs(index)) {
            if let Some(norm) = self.norm_before(index, mode)
                && outputs.ours_read_once[norm]
            {
                outputs.rectifiers[norm] = Some(index);
            }
        }
        for (node, tensor) in known {
            outputs.tensors[node.index()] = Some(tensor);
        }
        for index in (0..needed.len()).filter(|&index| runs(index)) {
            outputs.tensors[index] = Some(self.run(index, mode, &mut outputs)?);
        }
        nodes
            .iter()
            .map(|node| {
                outputs
                    .take(node.index())
                    .ok_or_else(|| missing(&self.name(*node)))
            })
            .collect()
    }

    /// What a pass starts from, in the network's own precision and order in memory.
    fn known(&self, start: Start<'_>, mode: Mode) -> Result<Vec<(NodeId, Tensor)>, Error> {
        if let Start::Images(images) = start {
            self.check(images, self.least_images(mode))?;
        }
        let own = |node: NodeId, tensor: &Tensor| {
            let is_map = tensor.dim() == 4;
            let kind = if is_map {
                self.precision().of_maps()
            } else {
                self.precision().of_parameters()
            };
            let tensor = tensor.f_to_kind(kind).at(self.name(node))?;
            let tensor = match self.memory_format() {
                MemoryFormat::ChannelsLast if is_map => channels_last(&tensor),
                _ => tensor.f_contiguous(),
            };
            Ok((node, tensor.at(self.name(node))?))
        };
        match start {
            Start::Images(images) => Ok(vec![own(self.graph().input(), images)?]),
            Start::Outputs(outputs) => outputs.iter().map(|(node, tensor)| own(*node, tensor)).collect(),
        }
    }

    /// Refuses a pass in which a batch norm would have to take the variance of single values. This looks at all of them
    /// before the first one runs, since each changes its running statistics when it does.
    fn check_variances(
        &self,
        known: &[(NodeId, Tensor)],
        mode: Mode,
        runs: impl Fn(usize) -> bool,
    ) -> Result<(), Error> {
        if self.peers().is_some() {
            // Only all processes together know how many values there are: each batch norm asks them.
            return Ok(());
        }
        let is_single = |(_, tensor): &(NodeId, Tensor)| tensor.size().first() == Some(&1);
        if mode == Mode::Evaluation || !known.iter().any(is_single) {
            return Ok(());
        }
        let known: Vec<(NodeId, Shape)> = known
            .iter()
            .map(|(node, tensor)| (*node, shape_of_one(tensor)))
            .collect();
        let shapes = self.graph().shapes_from(&known)?;
        for (index, node) in self.graph().nodes().iter().enumerate() {
            let (Op::BatchNorm2d(_), Some(Shape::Map { channels, size })) = (&node.op, shapes[index]) else {
                continue;
            };
            if runs(index) && self.is_training(index, mode) && (size.height, size.width) == (1, 1) {
                return Err(Error::SingleValue {
                    node: node.name.clone(),
                    channels,
                });
            }
        }
        Ok(())
    }

    fn name(&self, node: NodeId) -> String {
        self.graph().nodes()[node.index()].name.clone()
    }

    fn run(&self, index: usize, mode: Mode, outputs: &mut Outputs) -> Result<Tensor, Error> {
        let nodes = self.graph().nodes();
        let node = &nodes[index];
        let source = node.inputs[0].index();
        let disposable = outputs.ours_read_once[source] && may_be_overwritten(&nodes[source].op);
        let taken = node.inputs.iter().map(|input| outputs.take(input.index()));
        let inputs = Inputs {
            tensors: taken.collect::<Option<_>>().ok_or_else(|| missing(&node.name))?,
            disposable,
            rectifier: outputs.rectifiers[index].map(|rectifier| &nodes[rectifier].op),
            is_rectified: outputs.rectifiers[source] == Some(index),
        };
        self.compute(index, mode, inputs).at(&node.name)
    }

    /// Whether a node does in this pass what it does in training.
    pub(crate) fn is_training(&self, index: usize, mode: Mode) -> bool {
        matches!(mode, Mode::Training { .. }) && self.states[index] == NodeState::Trained
    }

    /// How many images a pass takes at least. One that waits for others in its batch norms is made without any, too.
    fn least_images(&self, mode: Mode) -> i64 {
        match mode {
            Mode::Training { .. } if self.peers().is_some() => 0,
            _ => 1,
        }
    }

    fn check(&self, images: &Tensor, least: i64) -> Result<(), Error> {
        let size = images.size();
        let channels = self.graph().input_channels();
        let is_float = matches!(images.kind(), Kind::Float | Kind::Double);
        let fits = size.len() == 4 && size[1] == channels as i64 && size[0] >= least && is_float;
        if !fits {
            return Err(Error::WrongTensor {
                place: "the network's input",
                expected: format!("a batch of f32 or f64 images, N×{channels}×H×W, N at least {least}"),
                found: format!("{:?} of shape {size:?}", images.kind()),
            });
        }
        let size = ImageSize {
            height: size[2] as usize,
            width: size[3] as usize,
        };
        self.graph().shapes(size)?;
        Ok(())
    }
}

/// Whether the backward pass of an operation does without its output, and that output has memory of its own.
fn may_be_overwritten(op: &Op) -> bool {
    match op {
        Op::Conv2d(_)
        | Op::BatchNorm2d(_)
        | Op::LayerNorm2d(_)
        | Op::LayerScale(_)
        | Op::Silu
        | Op::HardSwish
        | Op::HardSigmoid
        | Op::Gelu
        | Op::Multiply
        | Op::Add
        | Op::Concat
        | Op::AvgPool2d(_)
        | Op::PadChannels { .. }
        | Op::Linear(_) => true,
        // The input is the caller's; the others keep their output for the backward pass, or share memory with their
        // input.
        Op::Input { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::MaxPool2d(_)
        | Op::GlobalAvgPool2d
        | Op::AdaptiveAvgPool2d(_)
        | Op::Subsample { .. }
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::Flatten => false,
    }
}

/// The shape of each sample in a batch.
fn shape_of_one(batch: &Tensor) -> Shape {
    match batch.size()[..] {
        [_, channels, height, width] => Shape::Map {
            channels: channels as usize,
            size: ImageSize {
                height: height as usize,
                width: width as usize,
            },
        },
        ref size => Shape::Vector {
            features: size.iter().skip(1).product::<i64>() as usize,
        },
    }
}

/// An output was let go before its last reader: cannot happen for a graph in topological order.
fn missing(place: &str) -> Error {
    let reason = "its input is no longer there".to_owned();
    Error::LibTorch {
        place: place.to_owned(),
        source: tch::TchError::Torch(reason),
    }
}
