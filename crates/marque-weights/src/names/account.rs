//! What became of a checkpoint.

use crate::Mismatch;
use crate::mismatch::{Bounded, write_names};
use std::fmt;

/// Whose names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The graph's own: torchvision's, or timm's for Xception.
    Graph,
    /// Torchvision's DenseNets as first published: `denselayer1.norm.1` for `denselayer1.norm1`.
    DottedDenseNet,
    /// `pretrainedmodels`: the classifier is `last_linear`.
    LastLinear,
    /// `pretrainedmodels` as first published: pointwise kernels are matrices.
    FlatPointwise,
    /// timm's VGG: convolutions `pre_logits.fc1` and `pre_logits.fc2` for the hidden layers of the classifier.
    TimmVgg,
    /// `efficientnet_pytorch`: blocks counted through (`_blocks.3._depthwise_conv`), norms counted from 0.
    EfficientNetPyTorch,
    /// Keras's, all versions: layers by kind and order.
    Keras,
}

/// What was done to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// A matrix is seen as 1×1 filters, or filters as a matrix; the numbers stay in their order.
    Reshaped,
    /// Keras's order of axes became PyTorch's.
    Transposed,
    /// The bias of the convolution before was taken from the running mean.
    BiasFolded,
    /// The file leaves out what is the same number throughout.
    Filled,
}

/// A parameter that has got its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The graph's name.
    pub parameter: String,
    /// The file's name; two for a running mean with a bias, none for what the file leaves out.
    pub tensors: Vec<String>,
    /// What was done to the numbers.
    pub change: Change,
}

/// What became of each parameter of a graph and each tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose names the file has.
    pub naming: Naming,
    /// What stood before the names of the file, such as `module.`.
    pub prefix: String,
    /// Parameters with numbers from the file, in the graph's order.
    pub loaded: Vec<Loaded>,
    /// Parameters of the head, and of auxiliary heads, that the file has nothing for; sorted.
    pub new_head: Vec<String>,
    /// Tensors of the file's own head that the graph has no place for, sorted.
    pub unused_head: Vec<String>,
    /// Tensors of auxiliary heads that the graph does not have, sorted.
    pub unused_auxiliary: Vec<String>,
    /// Tensors of what stands beside the network in the file, sorted: losses, metrics, optimisers, other heads and
    /// branches, copies averaged over time.
    pub beside: Vec<String>,
    /// Counters, states of optimisers and of random generators.
    pub ignored: Vec<String>,
    /// What does not fit; empty unless the policy is [`Partial`](crate::MatchPolicy::Partial).
    pub differences: Mismatch,
    /// What no list of names says: where the graph computes otherwise than the network that the file is from.
    pub notes: Vec<String>,
}

impl fmt::Display for Naming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Naming::Graph => "the graph's own (torchvision, timm)",
            Naming::DottedDenseNet => "torchvision's of old DenseNet files",
            Naming::LastLinear => "pretrainedmodels'",
            Naming::FlatPointwise => "pretrainedmodels' of old files",
            Naming::TimmVgg => "timm's of VGG",
            Naming::EfficientNetPyTorch => "efficientnet_pytorch's",
            Naming::Keras => "Keras's",
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differences = &self.differences;
        let lacking = self.new_head.len() + differences.missing.len() + differences.wrong_shape.len();
        write!(
            formatter,
            "{} of {} parameters loaded; names are {}",
            self.loaded.len(),
            self.loaded.len() + lacking,
            self.naming
        )?;
        if !self.prefix.is_empty() {
            write!(formatter, " behind {:?}", self.prefix)?;
        }
        for (title, names) in [
            ("new head", &self.new_head),
            ("unused head", &self.unused_head),
            ("unused auxiliary head", &self.unused_auxiliary),
            ("beside the network", &self.beside),
        ] {
            if !names.is_empty() {
                write!(formatter, "\n  {title}: {}", Bounded(names))?;
            }
        }
        if !self.ignored.is_empty() {
            write!(
                formatter,
                "\n  ignored: {} counters and states",
                self.ignored.len()
            )?;
        }
        write_names(formatter, differences)?;
        for note in &self.notes {
            write!(formatter, "\n  note: {note}")?;
        }
        Ok(())
    }
}
