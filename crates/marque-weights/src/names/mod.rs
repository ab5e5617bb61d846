//! Which tensor of a file is which parameter of a graph, whatever library wrote it.

mod account;
mod keras;
mod layout;
mod nearest;
mod parts;
mod places;
mod plan;
mod settle;
mod torch;

pub use account::{Account, Change, Loaded, Naming};

use crate::{Error, StateDict};
use marque_arch::Graph;
use parts::Parts;
use plan::Plan;

/// What is counted beside the parameters, and nothing in evaluation or training reads: batches, by PyTorch's batch norms
/// and by `torch.optim.swa_utils.AveragedModel`; operations and parameters of each module, by the profiler `thop`.
const COUNTERS: [&str; 4] = ["num_batches_tracked", "n_averaged", "total_ops", "total_params"];

/// What of a checkpoint has to fit.
///
/// What stands beside the network in the file is no difference under any policy; the account lists it. What stands within
/// its modules and has no place in the graph is one: the file is of another network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MatchPolicy {
    /// All but the head. Layers of the head are loaded up to the first that does not fit; the rest is new, and the
    /// account says so.
    #[default]
    NewHead,
    /// Every parameter of the graph, those of its head as well.
    Strict,
    /// At least one tensor.
    Partial,
}

/// A checkpoint under the names of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// The graph's parameters, by its names and in its layouts. What was not loaded is not there.
    pub weights: StateDict,
    /// What became of each parameter and each tensor.
    pub account: Account,
}

impl StateDict {
    /// Finds the tensor for each parameter of a graph, by the names that torchvision, timm and Keras, or older versions of
    /// these, give them; see [`Naming`]. Numbers stay where they are unless they have to change places.
    ///
    /// The head is what stands upon [`Graph::features`], or the last linear layers.
    ///
    /// ```
    /// use marque_arch::ResNet;
    /// use marque_weights::{MatchPolicy, StateDict, Tensor};
    ///
    /// // A file of two classes, saved from inside a wrapper.
    /// let written = ResNet::resnet18().num_classes(2).graph()?;
    /// let file: StateDict = written
    ///     .parameters()
    ///     .into_iter()
    ///     .map(|parameter| {
    ///         let zeros = Tensor::from_f32(&parameter.shape, &vec![0.0; parameter.count()])?;
    ///         Ok((format!("module.{}", parameter.name), zeros))
    ///     })
    ///     .collect::<Result<_, marque_weights::Error>>()?;
    ///
    /// let graph = ResNet::resnet18().num_classes(7).graph()?;
    /// let matched = file.matched_to(&graph, MatchPolicy::default())?;
    /// assert_eq!(matched.account.new_head, ["fc.bias", "fc.weight"]);
    /// assert_eq!(matched.weights.get("conv1.weight").unwrap().shape(), [64, 3, 7, 7]);
    ///
    /// let error = file.matched_to(&graph, MatchPolicy::Strict).unwrap_err();
    /// assert!(error.to_string().contains("fc.weight"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`] lists all that does not fit and, if the file is of another architecture, says which;
    /// [`Error::NotFloat`] if a parameter would be integers.
    pub fn matched_to(&self, graph: &Graph, policy: MatchPolicy) -> Result<Matched, Error> {
        let parts = Parts::of(graph);
        settle::settle(self, &parts, plan(self, &parts), policy)
    }
}

/// The best reading of the file's names.
fn plan<'a>(weights: &'a StateDict, parts: &Parts) -> Plan<'a> {
    if parts.names().all(|name| weights.get(name).is_some()) {
        torch::exact(weights, parts)
    } else if keras::is_keras(weights) {
        keras::plan(weights, parts)
    } else {
        torch::plan(weights, parts)
    }
}

/// Whether a tensor is a counter and no parameter.
pub(crate) fn is_counter(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|leaf| COUNTERS.contains(&leaf))
}

/// Whether a part of a name is of weights averaged over time: `model_ema`, `ema`, `state_dict_ema`, `swa_model`.
pub(crate) fn is_average(part: &str) -> bool {
    part.split('_')
        .any(|word| matches!(word, "ema" | "swa" | "average" | "averaged" | "teacher"))
}
