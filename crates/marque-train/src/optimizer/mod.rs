//! Optimisers that own their state: every number of it can be named, kept and restored.

mod adam;
mod adan;
mod config;
mod dense;
mod lamb;
mod lion;
mod nadam;
mod rmsprop;
mod sgd;

pub use config::{Adam, Adan, Lamb, Lion, NAdam, OptimizerConfig, RmsProp, Sgd};

use crate::Error;
use crate::error::During;
use crate::training::{damaged, restored};
use marque_arch::ParameterRole;
use marque_core::setting::Within;
use marque_torch::{Gradients, Network, Tensor, TrainedParameter};
use nadam::Momentum;

/// Changes the trained parameters of one network, and remembers what its rule needs for that. Frozen nodes
/// have no state.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    steps: i32,
    /// Of the last step, for [`NAdam`].
    momentum: Momentum,
    entries: Vec<Entry>,
}

/// Factors on what holds for all parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// On the learning rate.
    pub rate: f64,
    /// On the weight decay.
    pub weight_decay: f64,
}

impl Default for Factors {
    fn default() -> Self {
        Self {
            rate: 1.0,
            weight_decay: 1.0,
        }
    }
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

impl Entry {
    /// Sees to it that `count` tensors are remembered, zeros at first.
    fn remember(&mut self, count: usize) -> Result<(), tch::TchError> {
        while self.state.len() < count {
            self.state.push(self.tensor.f_zeros_like()?);
        }
        Ok(())
    }

    /// What is remembered, zeros at first.
    fn remembered<const COUNT: usize>(&mut self) -> Result<[&mut Tensor; COUNT], tch::TchError> {
        self.remember(COUNT)?;
        let found = self.state.len();
        let all: Vec<&mut Tensor> = self.state.iter_mut().collect();
        all.try_into()
            .map_err(|_| tch::TchError::Shape(format!("{found} tensors are remembered, not {COUNT}")))
    }

    /// Decoupled weight decay: takes this share of the values away.
    fn decay_by(&mut self, share: f64) -> Result<(), tch::TchError> {
        if share != 0.0 {
            let _ = self.tensor.f_mul_scalar_(1.0 - share)?;
        }
        Ok(())
    }

    /// The gradient of the loss with the L2 penalty.
    fn with_penalty(&self, gradient: &Tensor) -> Result<Tensor, tch::TchError> {
        if self.weight_decay == 0.0 {
            return Ok(gradient.shallow_clone());
        }
        gradient.f_add(&self.tensor.f_mul_scalar(self.weight_decay)?)
    }

    /// Subtracts a step.
    fn move_by(&mut self, change: &Tensor) -> Result<(), tch::TchError> {
        self.tensor.f_sub_(change).map(drop)
    }
}

impl Optimizer {
    /// An optimiser for what is trained in `network` now.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(network: &Network, config: OptimizerConfig) -> Result<Self, Error> {
        Self::with_factors(network, config, |_| Factors::default())
    }

    /// As [`new`](Self::new), with factors on learning rate and weight decay for each parameter: a new head may learn faster than
    /// the pretrained layers below it.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn with_factors(
        network: &Network,
        config: OptimizerConfig,
        factors: impl Fn(&TrainedParameter) -> Factors,
    ) -> Result<Self, Error> {
        config.validate().within("optimizer")?;
        let weight_decay = config.weight_decay();
        let entries = network.trained_parameters().into_iter().map(|parameter| {
            // Biases and norms have one dimension; pulling them to zero does not simplify a network.
            let decays = parameter.role == ParameterRole::Weight && parameter.tensor.dim() > 1;
            let factors = factors(&parameter);
            Entry {
                rate: factors.rate,
                name: parameter.name,
                tensor: parameter.tensor,
                weight_decay: if decays {
                    weight_decay * factors.weight_decay
                } else {
                    0.0
                },
                state: Vec::new(),
            }
        });
        Ok(Self {
            config,
            steps: 0,
            momentum: Momentum::before_the_first_step(),
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
        self.advance_to(self.steps.saturating_add(1));
        let (config, step, momentum) = (self.config, self.steps, self.momentum);
        tch::no_grad(|| {
            for (entry, (_, gradient)) in self.entries.iter_mut().zip(gradients.iter()) {
                let Some(gradient) = gradient else {
                    continue;
                };
                let learning_rate = learning_rate * entry.rate;
                match config {
                    OptimizerConfig::Adam(rule) => {
                        let constants = adam::Constants::new(rule, step);
                        entry.adam(gradient, &constants, learning_rate)
                    }
                    OptimizerConfig::Sgd(rule) => entry.sgd(gradient, rule, learning_rate),
                    OptimizerConfig::NAdam(rule) => {
                        entry.nadam(gradient, rule, (step, momentum), learning_rate)
                    }
                    OptimizerConfig::RmsProp(rule) => entry.rmsprop(gradient, rule, learning_rate),
                    OptimizerConfig::Lamb(rule) => entry.lamb(gradient, rule, step, learning_rate),
                    OptimizerConfig::Lion(rule) => entry.lion(gradient, rule, learning_rate),
                    OptimizerConfig::Adan(rule) => entry.adan(gradient, rule, step, learning_rate),
                }?;
            }
            Ok(())
        })
        .during("the optimiser's step")
    }

    /// Counts on to a step; what NAdam multiplies up is the same bits on the way and at once.
    fn advance_to(&mut self, steps: i32) {
        if let OptimizerConfig::NAdam(rule) = self.config {
            for step in self.steps + 1..=steps {
                self.momentum = self.momentum.following(rule, step);
            }
        }
        self.steps = steps;
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// What it remembers: for each parameter that has had a gradient its name, the place of the tensor among those of the
    /// parameter, and the tensor. Adam has the mean of gradients at 0 and that of their squares at 1, SGD with momentum the
    /// sum of gradients at 0, RMSprop the mean of squares, the mean of gradients and the sum of steps, as far as it has them, Adan
    /// the means of gradients, of their changes and of squares and the last gradient.
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
        let expected = self.config.remembered();
        self.steps = 0;
        self.momentum = Momentum::before_the_first_step();
        self.advance_to(steps);
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
