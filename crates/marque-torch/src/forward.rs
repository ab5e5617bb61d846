//! One pass through a graph.

use crate::Error;
use crate::error::At;
use crate::network::{MemoryFormat, Network, NodeState, channels_last};
use marque_arch::{Conv2d, MaxPool2d, Op};
use tch::{Kind, Tensor};

/// What batch norms (and dropouts) do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms normalise by the batch and let their running statistics follow it.
    Training,
    /// Batch norms normalise by their running statistics.
    Evaluation,
}

/// Outputs of nodes that are still to be read.
struct Outputs {
    tensors: Vec<Option<Tensor>>,
    /// How many nodes are still to read each output.
    readers: Vec<usize>,
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

impl Network {
    /// The network's output for a batch of images: `[N, C, H, W] → [N, K]` for a classifier.
    ///
    /// Gradients are recorded unless the caller is inside `tch::no_grad`.
    ///
    /// # Errors
    /// [`Error::WrongTensor`] if `images` is not a batch of `f32` images with the channels that the graph
    /// takes, [`Error::Graph`] if they are too small for it, [`Error::LibTorch`] with the node's name if
    /// LibTorch fails, for want of memory for example.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, Error> {
        self.check(images)?;
        let images = match self.memory_format() {
            MemoryFormat::ChannelsLast => channels_last(images),
            MemoryFormat::Contiguous => images.f_contiguous(),
        };
        let nodes = self.graph().nodes();
        let mut outputs = Outputs {
            tensors: vec![],
            readers: vec![0; nodes.len()],
        };
        for input in nodes.iter().flat_map(|node| &node.inputs) {
            outputs.readers[input.index()] += 1;
        }
        let last = self.graph().output().index();
        outputs.readers[last] += 1;
        outputs.tensors.push(Some(images.at("the input")?));
        for index in 1..nodes.len() {
            let output = self.run(index, mode, &mut outputs)?;
            outputs
                .tensors
                .push((outputs.readers[index] > 0).then_some(output));
        }
        outputs.take(last).ok_or_else(|| missing("the output"))
    }

    fn run(&self, index: usize, mode: Mode, outputs: &mut Outputs) -> Result<Tensor, Error> {
        let node = &self.graph().nodes()[index];
        let place = &node.name;
        // An output that nobody else reads, and that the backward pass of its maker does not look at, may be
        // overwritten: that saves a feature map per rectifier and per addition.
        let source = node.inputs[0].index();
        let maker = &self.graph().nodes()[source].op;
        let disposable = outputs.readers[source] == 1
            && matches!(
                maker,
                Op::Conv2d(_) | Op::BatchNorm2d(_) | Op::Add | Op::Linear(_)
            );
        let mut input = outputs.take(source).ok_or_else(|| missing(place))?;
        let result = match &node.op {
            Op::Input { .. } => Ok(input),
            Op::Conv2d(conv) => self.convolve(index, conv, &input),
            Op::BatchNorm2d(norm) => {
                let training = mode == Mode::Training && self.states[index] == NodeState::Trained;
                input.f_batch_norm(
                    self.weight(index),
                    self.bias(index),
                    self.running_mean(index),
                    self.running_variance(index),
                    training,
                    norm.momentum,
                    norm.eps,
                    false,
                )
            }
            Op::Relu if disposable => input.f_relu_(),
            Op::Relu => input.f_relu(),
            Op::MaxPool2d(pool) => max_pool(pool, &input),
            Op::GlobalAvgPool2d => input.f_adaptive_avg_pool2d([1, 1]),
            Op::Flatten => input.f_flatten(1, -1),
            Op::Linear(_) => {
                let weight = self.weight(index).ok_or_else(|| missing(place))?;
                input.f_linear(weight, self.bias(index))
            }
            Op::Add => {
                let mut sum = input;
                for (position, other) in node.inputs[1..].iter().enumerate() {
                    let other = outputs.take(other.index()).ok_or_else(|| missing(place))?;
                    // The partial sum of three inputs is ours alone.
                    sum = if disposable || position > 0 {
                        sum.f_add_(&other)
                    } else {
                        sum.f_add(&other)
                    }
                    .at(place)?;
                }
                Ok(sum)
            }
        };
        result.at(place)
    }

    fn convolve(&self, index: usize, conv: &Conv2d, input: &Tensor) -> Result<Tensor, tch::TchError> {
        let pair = |value: usize| [value as i64; 2];
        let weight = self.weight(index).ok_or_else(|| {
            tch::TchError::TensorNameNotFound(
                self.graph().nodes()[index].name.clone(),
                "the network".to_owned(),
            )
        })?;
        let (stride, padding, dilation) = (pair(conv.stride), pair(conv.padding), pair(conv.dilation));
        input.f_conv2d(
            weight,
            self.bias(index),
            stride,
            padding,
            dilation,
            conv.groups as i64,
        )
    }

    fn check(&self, images: &Tensor) -> Result<(), Error> {
        let size = images.size();
        let channels = self.graph().input_channels();
        let fits =
            size.len() == 4 && size[1] == channels as i64 && size[0] > 0 && images.kind() == Kind::Float;
        if !fits {
            return Err(Error::WrongTensor {
                place: "the network's input",
                expected: format!("a batch of f32 images, N×{channels}×H×W, N at least 1"),
                found: format!("{:?} of shape {size:?}", images.kind()),
            });
        }
        let size = marque_arch::ImageSize {
            height: size[2] as usize,
            width: size[3] as usize,
        };
        self.graph().shapes(size)?;
        Ok(())
    }
}

fn max_pool(pool: &MaxPool2d, input: &Tensor) -> Result<Tensor, tch::TchError> {
    let pair = |value: usize| [value as i64; 2];
    input.f_max_pool2d(
        pair(pool.kernel_size),
        pair(pool.stride),
        pair(pool.padding),
        [1, 1],
        false,
    )
}

/// An output was let go before its last reader: cannot happen for a graph in topological order.
fn missing(place: &str) -> Error {
    let reason = "its input is no longer there".to_owned();
    Error::LibTorch {
        place: place.to_owned(),
        source: tch::TchError::Torch(reason),
    }
}
