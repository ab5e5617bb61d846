//! Optimisers that own their state: every number of it can be named, kept and restored.

mod adam;
mod dense;
mod sgd;

use crate::Error;
use crate::error::During;
use crate::training::{damaged, restored};
use marque_arch::ParameterRole;
use marque_core::SettingError;
use marque_core::setting::{Within, below_one, not_negative, positive};
use marque_torch::{Gradients, Network, Tensor, TrainedParameter};
use serde::{Deserialize, Serialize};

/// Which rule changes the parameters, and its constants. The defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam (Kingma & Ba 2014, arXiv:1412.6980); with a weight decay it is AdamW (Loshchilov & Hutter 2017,
    /// arXiv:1711.05101).
    Adam(Adam),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

/// Constants of Adam.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Decay of the mean of gradients; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of squared gradients; 0.999 by default.
    pub beta2: f64,
    /// Added to the root of the mean square; 1e-8 by default.
    pub eps: f64,
    /// Decoupled weight decay per step and unit of learning rate; 0 by default. Biases and the parameters of
    /// norms are left alone.
    pub weight_decay: f64,
}

/// Constants of stochastic gradient descent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Decay of the sum of gradients; 0 by default.
    pub momentum: f64,
    /// Whether the step looks ahead along the momentum (Nesterov); it does not by default.
    pub nesterov: bool,
    /// L2 penalty added to the gradient; 0 by default. Biases and the parameters of norms are left alone.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        OptimizerConfig::Adam(Adam::default())
    }
}

impl OptimizerConfig {
    /// AdamW with this decoupled weight decay.
    pub fn adam_w(weight_decay: f64) -> Self {
        OptimizerConfig::Adam(Adam {
            weight_decay,
            ..Adam::default()
        })
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        match *self {
            OptimizerConfig::Adam(Adam {
                beta1,
                beta2,
                eps,
                weight_decay,
            }) => {
                below_one("beta1", beta1)?;
                below_one("beta2", beta2)?;
                positive("eps", eps)?;
                not_negative("weight_decay", weight_decay)
            }
            OptimizerConfig::Sgd(Sgd {
                momentum,
                weight_decay,
                ..
            }) => {
                below_one("momentum", momentum)?;
                not_negative("weight_decay", weight_decay)
            }
        }
    }

    fn weight_decay(&self) -> f64 {
        match self {
            OptimizerConfig::Adam(adam) => adam.weight_decay,
            OptimizerConfig::Sgd(sgd) => sgd.weight_decay,
        }
    }
}

/// Changes the trained parameters of one network, and remembers what its rule needs for that. Frozen nodes
/// have no state.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    steps: i32,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    tensor: Tensor,
    /// Factor on the learning rate.
    rate: f64,
    weight_decay: f64,
    /// Running means or sums, made at the first step: Adam has two, SGD with momentum one.
    state: Vec<Tensor>,
}

impl Optimizer {
    /// An optimiser for what is trained in `network` now.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(network: &Network, config: OptimizerConfig) -> Result<Self, Error> {
        Self::with_rates(network, config, |_| 1.0)
    }

    /// As [`new`](Self::new), with a factor on the learning rate for each parameter: a new head may learn faster than the
    /// pretrained layers below it.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn with_rates(
        network: &Network,
        config: OptimizerConfig,
        rate: impl Fn(&TrainedParameter) -> f64,
    ) -> Result<Self, Error> {
        config.validate().within("optimizer")?;
        let weight_decay = config.weight_decay();
        let entries = network.trained_parameters().into_iter().map(|parameter| {
            // Biases and norms have one dimension; pulling them to zero does not simplify a network.
            let decays = parameter.role == ParameterRole::Weight && parameter.tensor.dim() > 1;
            Entry {
                rate: rate(&parameter),
                name: parameter.name,
                tensor: parameter.tensor,
                weight_decay: if decays { weight_decay } else { 0.0 },
                state: Vec::new(),
            }
        });
        Ok(Self {
            config,
            steps: 0,
            entries: entries.collect(),
        })
    }

    /// Takes a step along the gradients of a backward pass. A parameter without a gradient stays.
    ///
    /// # Errors
    /// [`Error::ForeignGradients`] if they are not those of the parameters that it was made for; nothing is changed then.
    /// [`Error::LibTorch`].
    pub fn step(&mut self, gradients: &Gradients, learning_rate: f64) -> Result<(), Error> {
        let names = gradients.iter().map(|(name, _)| name);
        if !names.eq(self.entries.iter().map(|entry| entry.name.as_str())) {
            return Err(Error::ForeignGradients {
                expected: self.entries.len(),
                found: gradients.iter().len(),
            });
        }
        self.steps = self.steps.saturating_add(1);
        let (config, steps) = (self.config, self.steps);
        tch::no_grad(|| {
            for (entry, (_, gradient)) in self.entries.iter_mut().zip(gradients.iter()) {
                let Some(gradient) = gradient else {
                    continue;
                };
                let learning_rate = learning_rate * entry.rate;
                match config {
                    OptimizerConfig::Adam(adam) => {
                        let constants = adam::Constants::new(adam, steps);
                        entry.adam(gradient, &constants, learning_rate)?;
                    }
                    OptimizerConfig::Sgd(sgd) => entry.sgd(gradient, sgd, learning_rate)?,
                }
            }
            Ok(())
        })
        .during("the optimiser's step")
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// What it remembers: for each parameter that has had a gradient its name, the place of the tensor among those of the
    /// parameter, and the tensor. Adam has the mean of gradients at 0 and that of their squares at 1, SGD with momentum the
    /// sum of gradients at 0.
    pub fn state(&self) -> impl Iterator<Item = (&str, usize, &Tensor)> {
        self.entries.iter().flat_map(|entry| {
            let places = entry.state.iter().enumerate();
            places.map(|(place, tensor)| (entry.name.as_str(), place, tensor))
        })
    }

    /// Takes over what [`steps`](Self::steps) and [`state`](Self::state) gave; `stored` answers for a place and a name.
    pub(crate) fn restore<'a>(
        &mut self,
        steps: i32,
        stored: impl Fn(usize, &str) -> Option<&'a marque_weights::Tensor>,
    ) -> Result<(), Error> {
        let expected = match self.config {
            OptimizerConfig::Adam(_) => 2,
            OptimizerConfig::Sgd(sgd) => usize::from(sgd.momentum != 0.0),
        };
        self.steps = steps;
        for entry in &mut self.entries {
            let found = (0..expected).map_while(|place| stored(place, &entry.name));
            let tensors = found.map(|stored| restored(&entry.tensor, stored, &entry.name));
            entry.state = tensors.collect::<Result<_, _>>()?;
            // A parameter that never had a gradient has no state.
            if !entry.state.is_empty() && entry.state.len() != expected {
                return Err(damaged(format!("the optimiser's state of {}", entry.name)));
            }
        }
        Ok(())
    }
}
