use crate::error::At;
use crate::init::initial_values;
use crate::{
    Error, Mode, Peers, Precision, array_from_tensor, copy_stored, stored_tensor, tensor_from_images,
};
use marque_arch::{BatchNorm2d, Graph, Node, NodeId, Parameter, ParameterRole};
use marque_weights::{MatchPolicy, Matched, StateDict};
use ndarray::{Array2, ArrayView4, Ix2};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use tch::nn::VarStore;
use tch::{Device, Tensor};

/// A graph with its parameters on a device.
///
/// # Memory format
/// On a CPU a 3×3 convolution of 8×64×56×56 takes 20.4 ms with channels outermost and 12.6 ms with channels
/// innermost (two cores, LibTorch 2.13), so weights and feature maps are kept channels-last there. Shapes are
/// N×C×H×W all the same; only the order in memory differs.
#[derive(Debug)]
pub struct Network {
    graph: Graph,
    store: VarStore,
    memory_format: MemoryFormat,
    precision: Precision,
    seed: u64,
    parameters: Vec<Parameter>,
    /// In the order of `parameters`; they share their memory with the variables of `store`.
    tensors: Vec<Tensor>,
    pub(crate) slots: Vec<Slots>,
    pub(crate) states: Vec<NodeState>,
    statistics_momentum: Option<f64>,
    peers: Option<Arc<dyn Peers>>,
}

/// How a network is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkOptions {
    /// Where it runs; the CPU by default.
    pub device: Device,
    /// What its first values and dropouts are drawn from; 0 by default.
    pub seed: u64,
    /// The type of its numbers; single precision by default.
    pub precision: Precision,
    /// Order in memory; by default channels-last on the CPU and contiguous on CUDA.
    pub memory_format: Option<MemoryFormat>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            seed: 0,
            precision: Precision::Single,
            memory_format: None,
        }
    }
}

/// The order of a feature map in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryFormat {
    /// Channels, then rows, then columns.
    Contiguous,
    /// Rows, then columns, then channels.
    ChannelsLast,
}

/// Whether training changes a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Its parameters get gradients, its batch statistics follow the data, a dropout drops.
    Trained,
    /// Nothing of it changes, even in training: no gradients, a batch norm uses its stored statistics, and nothing is dropped.
    Frozen,
}

/// A parameter that an optimiser is to change.
#[derive(Debug)]
pub struct TrainedParameter {
    /// Its name in the graph.
    pub name: String,
    /// What it is to its node.
    pub role: ParameterRole,
    /// The variable itself: a change of it is a change of the network.
    pub tensor: Tensor,
}

/// Where the parameters of a node are found among all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slots {
    weight: Option<usize>,
    bias: Option<usize>,
    running_mean: Option<usize>,
    running_variance: Option<usize>,
}

impl Network {
    /// Gives every parameter of `graph` its memory and its first values.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if there is no memory for them.
    pub fn new(graph: Graph, options: NetworkOptions) -> Result<Self, Error> {
        Self::assemble(graph, &StateDict::default(), options)
    }

    /// The network with all parameters and running statistics of a checkpoint, under whatever names a known library gives
    /// them: the file is [matched](StateDict::matched_to) to the graph, every parameter of which has to fit. What stands
    /// beside the network in the file is left out; who wants to see it, or has a new head, matches the file and takes
    /// [`with_matched`](Self::with_matched).
    ///
    /// Names and shapes are compared before any memory is taken, so a graph from a stranger's file cannot ask for more
    /// than the file holds.
    ///
    /// # Errors
    /// [`Error::Weights`] lists every name that is missing, unexpected or of another shape, or names a tensor of integers.
    pub fn with_weights(graph: Graph, weights: &StateDict, options: NetworkOptions) -> Result<Self, Error> {
        let matched = weights.matched_to(&graph, MatchPolicy::Strict)?;
        Self::with_matched(graph, &matched, options)
    }

    /// The network with those parameters and running statistics that were found for this graph in a checkpoint, and first
    /// values for all others: pretrained weights under a new head, for example.
    ///
    /// # Errors
    /// [`Error::Weights`] if the checkpoint was matched to another graph: every name that this one does not have or has in
    /// another shape.
    pub fn with_matched(graph: Graph, matched: &Matched, options: NetworkOptions) -> Result<Self, Error> {
        let parameters = graph.parameters();
        let found = parameters
            .iter()
            .filter(|parameter| matched.weights.get(&parameter.name).is_some())
            .map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()));
        matched
            .weights
            .check(found)
            .map_err(marque_weights::Error::from)?;
        Self::assemble(graph, &matched.weights, options)
    }

    /// Copies one tensor after the other out of the checkpoint and lets go of the file's memory behind each, so that the
    /// network and one tensor are all that is held.
    fn assemble(graph: Graph, weights: &StateDict, options: NetworkOptions) -> Result<Self, Error> {
        let parameters = graph.parameters();
        let drawn: Vec<Option<Vec<f32>>> = parameters
            .par_iter()
            .map(|parameter| {
                let absent = weights.get(&parameter.name).is_none();
                absent.then(|| initial_values(parameter, options.seed))
            })
            .collect();
        let mut network = Self::empty(graph, options);
        for (parameter, drawn) in parameters.into_iter().zip(drawn) {
            let values = match drawn {
                Some(values) => Cow::Owned(values),
                None => weights.f32_values(&parameter.name)?,
            };
            let variable = network.variable(&parameter, &values).at(&parameter.name)?;
            network.slots[parameter.node.index()].set(parameter.role, network.tensors.len());
            network.tensors.push(variable);
            if let Some(tensor) = weights.get(&parameter.name) {
                tensor.release();
            }
            network.parameters.push(parameter);
        }
        Ok(network)
    }

    fn empty(graph: Graph, options: NetworkOptions) -> Self {
        let usual = if options.device == Device::Cpu {
            MemoryFormat::ChannelsLast
        } else {
            MemoryFormat::Contiguous
        };
        let nodes = graph.nodes().len();
        Self {
            graph,
            store: VarStore::new(options.device),
            memory_format: options.memory_format.unwrap_or(usual),
            precision: options.precision,
            seed: options.seed,
            parameters: Vec::new(),
            tensors: Vec::new(),
            slots: vec![Slots::default(); nodes],
            states: vec![NodeState::Trained; nodes],
            statistics_momentum: None,
            peers: None,
        }
    }

    /// A variable under the parameter's dotted name, with these values.
    fn variable(&self, parameter: &Parameter, values: &[f32]) -> Result<Tensor, tch::TchError> {
        let mut folders: Vec<&str> = parameter.name.split('.').collect();
        let leaf = folders.pop().unwrap_or_default();
        let path = folders
            .iter()
            .fold(self.store.root(), |path, folder| path / *folder);
        let mut values = tensor(values, &parameter.shape)?.f_to_kind(self.precision.of_parameters())?;
        if self.memory_format == MemoryFormat::ChannelsLast && values.dim() == 4 {
            values = channels_last(&values)?;
        }
        let values = values.f_to_device(self.store.device())?;
        Ok(path.add(leaf, values, parameter.is_trained()))
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The variables under their names, for what `tch` offers beyond this crate.
    pub fn var_store(&self) -> &VarStore {
        &self.store
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// The order of its feature maps in memory.
    pub fn memory_format(&self) -> MemoryFormat {
        self.memory_format
    }

    /// The type of its numbers.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What first values and dropouts are drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Decides for every node whether training changes it. Where all nodes before a node are frozen, no
    /// gradient is computed and nothing is kept for it.
    ///
    /// # Errors
    /// [`Error::LibTorch`].
    pub fn set_states(&mut self, state: impl Fn(NodeId, &Node) -> NodeState) -> Result<(), Error> {
        for (parameter, tensor) in self.parameters.iter().zip(&self.tensors) {
            let node = &self.graph.nodes()[parameter.node.index()];
            let trained = parameter.is_trained() && state(parameter.node, node) == NodeState::Trained;
            // The flag is the tensor's own; the returned tensor is another handle to it.
            let _ = tensor.f_set_requires_grad(trained).at(&parameter.name)?;
        }
        for (index, node) in self.graph.nodes().iter().enumerate() {
            if let Some(id) = self.graph.id(index) {
                self.states[index] = state(id, node);
            }
        }
        Ok(())
    }

    /// For every node of the graph, whether training changes it.
    pub fn states(&self) -> &[NodeState] {
        &self.states
    }

    /// What an optimiser is to change, in the graph's order; frozen nodes are left out.
    pub fn trained_parameters(&self) -> Vec<TrainedParameter> {
        let both = self.parameters.iter().zip(&self.tensors);
        let trained = both.filter(|(parameter, _)| {
            parameter.is_trained() && self.states[parameter.node.index()] == NodeState::Trained
        });
        trained
            .map(|(parameter, tensor)| TrainedParameter {
                name: parameter.name.clone(),
                role: parameter.role,
                tensor: tensor.shallow_clone(),
            })
            .collect()
    }

    /// Everything that training changes: what an optimiser is to change and the running statistics of batch norms that are
    /// trained, under their names and in the graph's order. A change of them is a change of the network.
    pub fn changing_tensors(&self) -> Vec<(String, Tensor)> {
        let both = self.parameters.iter().zip(&self.tensors);
        let changing =
            both.filter(|(parameter, _)| self.states[parameter.node.index()] == NodeState::Trained);
        changing
            .map(|(parameter, tensor)| (parameter.name.clone(), tensor.shallow_clone()))
            .collect()
    }

    /// How much a training pass moves running statistics towards those of its batch, from 0 to 1, in place of what each batch
    /// norm says; `None` for that. With 1/n in the nth pass they become the mean over passes.
    pub fn set_statistics_momentum(&mut self, momentum: Option<f64>) {
        self.statistics_momentum = momentum;
    }

    /// In training, batch norms normalise by the batch that these processes have together, `None` for their own photos alone, and running
    /// statistics follow that (synchronised batch norm; Zhang et al. 2018, arXiv:1803.08904, sum the same numbers). Each batch norm waits
    /// for all processes on the way forwards, and on the way back if it gives its input a gradient: all make the same passes, also one
    /// that has no photos, with a batch of none. A loss is this process's share of that of all.
    pub fn synchronise_norms(&mut self, peers: Option<Arc<dyn Peers>>) {
        self.peers = peers;
    }

    /// The processes whose photos batch norms normalise together.
    pub(crate) fn peers(&self) -> Option<&Arc<dyn Peers>> {
        self.peers.as_ref()
    }

    /// The momentum of the running statistics of `norm`.
    pub(crate) fn momentum_of(&self, norm: &BatchNorm2d) -> f64 {
        self.statistics_momentum.unwrap_or(norm.momentum)
    }

    /// The running statistics of batch norms that are trained, which every training pass changes. A change of them is a change of
    /// the network.
    pub fn running_statistics(&self) -> Vec<Tensor> {
        let both = self.parameters.iter().zip(&self.tensors);
        let running = both.filter(|(parameter, _)| {
            !parameter.is_trained() && self.states[parameter.node.index()] == NodeState::Trained
        });
        running.map(|(_, tensor)| tensor.shallow_clone()).collect()
    }

    /// Gradients of a loss of this network's outputs with respect to everything that is trained. What the passes before
    /// have left behind for this backward pass is let go.
    ///
    /// They are handed out instead of being added up in the network: nothing has to be zeroed, and none is stale.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if `loss` does not depend on anything that is trained, is not one number, or there is no memory.
    pub fn gradients(&self, loss: &Tensor) -> Result<Gradients, Error> {
        let trained = self.trained_parameters();
        let tensors: Vec<&Tensor> = trained.iter().map(|parameter| &parameter.tensor).collect();
        let found = Tensor::f_run_backward(&[loss], &tensors, false, false).at("the backward pass")?;
        let named = trained.into_iter().zip(found);
        let entries =
            named.map(|(parameter, gradient)| (parameter.name, gradient.defined().then_some(gradient)));
        Ok(Gradients {
            entries: entries.collect(),
        })
    }

    /// All parameters and running statistics under the graph's names, in the type that they have: `f64` in double precision,
    /// `f32` otherwise.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if they cannot be copied.
    pub fn state_dict(&self) -> Result<StateDict, Error> {
        let mut weights = StateDict::default();
        for (parameter, tensor) in self.parameters.iter().zip(&self.tensors) {
            weights.insert(&parameter.name, stored_tensor(tensor)?);
        }
        Ok(weights)
    }

    /// Takes over all parameters and running statistics, as [`with_weights`](Self::with_weights) does.
    ///
    /// # Errors
    /// [`Error::Weights`] lists every name that is missing, unexpected or of another shape; the network is
    /// then unchanged.
    pub fn load_state_dict(&mut self, weights: &StateDict) -> Result<(), Error> {
        let weights = weights.matched_to(&self.graph, MatchPolicy::Strict)?.weights;
        for (parameter, variable) in self.parameters.iter().zip(&mut self.tensors) {
            // All names and shapes were found before.
            if let Some(stored) = weights.get(&parameter.name) {
                tch::no_grad(|| copy_stored(variable, stored))?;
            }
        }
        Ok(())
    }

    /// Logits of a batch of images in evaluation mode, without gradients: `[N, C, H, W] → [N, K]`.
    ///
    /// # Errors
    /// [`Error::Graph`] if the images do not suit the network, [`Error::LibTorch`] if there is no memory.
    pub fn predict(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        let images = tensor_from_images(images, self.device())?;
        let logits = tch::no_grad(|| self.forward(&images, Mode::Evaluation))?;
        let logits = array_from_tensor(&logits)?;
        let found = format!("{:?}", logits.shape());
        logits
            .into_dimensionality::<Ix2>()
            .map_err(|_| Error::WrongTensor {
                place: "predict",
                expected: "a network that ends in one vector per image".to_owned(),
                found,
            })
    }

    pub(crate) fn weight(&self, node: usize) -> Option<&Tensor> {
        self.slots[node].weight.map(|position| &self.tensors[position])
    }

    pub(crate) fn bias(&self, node: usize) -> Option<&Tensor> {
        self.slots[node].bias.map(|position| &self.tensors[position])
    }

    pub(crate) fn running_mean(&self, node: usize) -> Option<&Tensor> {
        self.slots[node]
            .running_mean
            .map(|position| &self.tensors[position])
    }

    pub(crate) fn running_variance(&self, node: usize) -> Option<&Tensor> {
        self.slots[node]
            .running_variance
            .map(|position| &self.tensors[position])
    }
}

/// Gradients of one backward pass, in the order of [`Network::trained_parameters`].
#[derive(Debug)]
pub struct Gradients {
    entries: Vec<(String, Option<Tensor>)>,
}

/// Gradients from elsewhere, such as sums over several processes, by the names of their parameters: in the order of
/// [`Network::trained_parameters`].
impl FromIterator<(String, Option<Tensor>)> for Gradients {
    fn from_iter<I: IntoIterator<Item = (String, Option<Tensor>)>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

impl Gradients {
    /// The gradient of the parameter called `name`; `None` if there is no such parameter, it is frozen, or the loss does
    /// not depend on it.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        let entry = self.entries.iter().find(|(found, _)| found == name);
        entry.and_then(|(_, gradient)| gradient.as_ref())
    }

    /// Every parameter's name with its gradient; `None` where the loss does not depend on it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<&Tensor>)> {
        self.entries
            .iter()
            .map(|(name, gradient)| (name.as_str(), gradient.as_ref()))
    }

    /// What `change` makes of every gradient that there is, in place of it.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn try_map(
        self,
        mut change: impl FnMut(&str, &Tensor) -> Result<Tensor, tch::TchError>,
    ) -> Result<Self, Error> {
        let changed = self.entries.into_iter().map(|(name, gradient)| {
            let gradient = gradient.map(|gradient| change(&name, &gradient));
            Ok((name, gradient.transpose().at("a change of the gradients")?))
        });
        Ok(Self {
            entries: tch::no_grad(|| changed.collect::<Result<_, Error>>())?,
        })
    }

    /// The sum of these and those of another pass through the same network: the gradients of the sum of both losses.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if they are of other parameters, or there is no memory.
    pub fn plus(self, other: Self) -> Result<Self, Error> {
        let pairs = self.entries.into_iter().zip(other.entries);
        let sums = pairs.map(|((name, own), (_, other))| {
            let sum = match (own, other) {
                (Some(own), Some(other)) => Some(own.f_add(&other).at("a sum of gradients")?),
                (own, other) => own.or(other),
            };
            Ok((name, sum))
        });
        Ok(Self {
            entries: tch::no_grad(|| sums.collect::<Result<_, Error>>())?,
        })
    }

    /// The Euclidean norm of all gradients taken as one vector.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if there is no memory.
    pub fn norm(&self) -> Result<f64, Error> {
        let mut squares = 0.0;
        for gradient in self.entries.iter().filter_map(|(_, gradient)| gradient.as_ref()) {
            let norm = gradient.f_norm().and_then(|norm| norm.f_double_value(&[]));
            squares += norm.at("the norm of the gradients")?.powi(2);
        }
        Ok(squares.sqrt())
    }
}

impl Slots {
    fn set(&mut self, role: ParameterRole, position: usize) {
        let slot = match role {
            ParameterRole::Weight => &mut self.weight,
            ParameterRole::Bias => &mut self.bias,
            ParameterRole::RunningMean => &mut self.running_mean,
            ParameterRole::RunningVariance => &mut self.running_variance,
        };
        *slot = Some(position);
    }
}

fn tensor(values: &[f32], shape: &[usize]) -> Result<Tensor, tch::TchError> {
    let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    Tensor::f_from_slice(values)?.f_reshape(shape)
}

/// The same tensor with its channels innermost in memory; no copy if they are already.
pub(crate) fn channels_last(tensor: &Tensor) -> Result<Tensor, tch::TchError> {
    tensor
        .f_permute([0, 2, 3, 1])?
        .f_contiguous()?
        .f_permute([0, 3, 1, 2])
}
