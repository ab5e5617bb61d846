//! Which rule changes the parameters, and its constants.

use marque_core::SettingError;
use marque_core::setting::{below_one, not_negative, positive};
use serde::{Deserialize, Serialize};

/// Which rule changes the parameters, and its constants. The defaults are those of PyTorch, or of timm where PyTorch has no such rule.
///
/// Weight decay leaves biases and the parameters of norms alone: pulling them to zero does not simplify a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam (Kingma & Ba 2014, arXiv:1412.6980); with a weight decay it is AdamW (Loshchilov & Hutter 2017,
    /// arXiv:1711.05101).
    Adam(Adam),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
    /// Adam that looks ahead along its mean of gradients (Dozat 2016).
    #[serde(rename = "nadam")]
    NAdam(NAdam),
    /// Gradients over the root of a running mean of their squares (Hinton 2012).
    #[serde(rename = "rmsprop")]
    RmsProp(RmsProp),
    /// Adam whose step in each tensor is as long as the tensor's values say, for large batches (You et al. 2019,
    /// arXiv:1904.00962).
    Lamb(Lamb),
    /// The sign of a running mean of gradients (Chen et al. 2023, arXiv:2302.06675). Its steps are longer than Adam's: a third to
    /// a tenth of the learning rate and as many times the weight decay suit it.
    Lion(Lion),
    /// Adam with a mean of the changes of gradients, which looks ahead along it (Xie et al. 2022, arXiv:2208.06677).
    Adan(Adan),
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
    /// Decoupled weight decay per step and unit of learning rate; 0 by default.
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
    /// L2 penalty added to the gradient; 0 by default.
    pub weight_decay: f64,
}

/// Constants of NAdam.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NAdam {
    /// Decay of the mean of gradients; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of squared gradients; 0.999 by default.
    pub beta2: f64,
    /// Added to the root of the mean square; 1e-8 by default.
    pub eps: f64,
    /// How fast the momentum rises from half of `beta1` to it; 4e-3 by default.
    pub momentum_decay: f64,
    /// Decoupled weight decay per step and unit of learning rate, as AdamW's; 0 by default.
    pub weight_decay: f64,
}

/// Constants of RMSprop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Decay of the mean of squared gradients; 0.99 by default.
    pub alpha: f64,
    /// Added to the root of the mean square; 1e-8 by default.
    pub eps: f64,
    /// Decay of the sum of steps; 0 by default.
    pub momentum: f64,
    /// Whether gradients are divided by their standard deviation in place of their mean square; they are not by default.
    pub centered: bool,
    /// L2 penalty added to the gradient; 0 by default.
    pub weight_decay: f64,
}

/// Constants of LAMB. Gradients are not clipped by the rule itself: see [`Clipping`](crate::Clipping).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lamb {
    /// Decay of the mean of gradients; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of squared gradients; 0.999 by default.
    pub beta2: f64,
    /// Added to the root of the mean square; 1e-6 by default.
    pub eps: f64,
    /// Weight decay, part of the step before its length is set; 0.01 by default. Tensors without one take Adam's step.
    pub weight_decay: f64,
}

/// Constants of Lion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lion {
    /// Share of the mean of gradients in the direction of a step; 0.9 by default.
    pub beta1: f64,
    /// Decay of the mean of gradients; 0.99 by default.
    pub beta2: f64,
    /// Decoupled weight decay per step and unit of learning rate; 0 by default.
    pub weight_decay: f64,
}

/// Constants of Adan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adan {
    /// Decay of the mean of gradients; 0.98 by default.
    pub beta1: f64,
    /// Decay of the mean of their changes; 0.92 by default.
    pub beta2: f64,
    /// Decay of the mean of squares; 0.99 by default.
    pub beta3: f64,
    /// Added to the root of the mean square; 1e-8 by default.
    pub eps: f64,
    /// Weight decay per step and unit of learning rate, as a proximal step; 0 by default.
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

impl Default for NAdam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            momentum_decay: 4e-3,
            weight_decay: 0.0,
        }
    }
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            eps: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
        }
    }
}

impl Default for Lamb {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-6,
            weight_decay: 0.01,
        }
    }
}

impl Default for Lion {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.0,
        }
    }
}

impl Default for Adan {
    fn default() -> Self {
        Self {
            beta1: 0.98,
            beta2: 0.92,
            beta3: 0.99,
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
        // All constants of a rule that decay something, and what is added to a root.
        let (decays, eps) = match self {
            Self::Adam(rule) => (vec![("beta1", rule.beta1), ("beta2", rule.beta2)], Some(rule.eps)),
            Self::Sgd(rule) => (vec![("momentum", rule.momentum)], None),
            Self::NAdam(rule) => {
                not_negative("momentum_decay", rule.momentum_decay)?;
                (vec![("beta1", rule.beta1), ("beta2", rule.beta2)], Some(rule.eps))
            }
            Self::RmsProp(rule) => (
                vec![("alpha", rule.alpha), ("momentum", rule.momentum)],
                Some(rule.eps),
            ),
            Self::Lamb(rule) => (vec![("beta1", rule.beta1), ("beta2", rule.beta2)], Some(rule.eps)),
            Self::Lion(rule) => (vec![("beta1", rule.beta1), ("beta2", rule.beta2)], None),
            Self::Adan(rule) => (
                vec![
                    ("beta1", rule.beta1),
                    ("beta2", rule.beta2),
                    ("beta3", rule.beta3),
                ],
                Some(rule.eps),
            ),
        };
        for (setting, value) in decays {
            below_one(setting, value)?;
        }
        if let Some(eps) = eps {
            positive("eps", eps)?;
        }
        not_negative("weight_decay", self.weight_decay())
    }

    pub(super) fn weight_decay(&self) -> f64 {
        match self {
            Self::Adam(rule) => rule.weight_decay,
            Self::Sgd(rule) => rule.weight_decay,
            Self::NAdam(rule) => rule.weight_decay,
            Self::RmsProp(rule) => rule.weight_decay,
            Self::Lamb(rule) => rule.weight_decay,
            Self::Lion(rule) => rule.weight_decay,
            Self::Adan(rule) => rule.weight_decay,
        }
    }

    /// How many tensors the rule remembers of each parameter that has had a gradient.
    pub(super) fn remembered(&self) -> usize {
        match self {
            Self::Adam(_) | Self::NAdam(_) | Self::Lamb(_) => 2,
            Self::Sgd(rule) => usize::from(rule.momentum != 0.0),
            Self::RmsProp(rule) => 1 + usize::from(rule.momentum != 0.0) + usize::from(rule.centered),
            Self::Lion(_) => 1,
            Self::Adan(_) => 4,
        }
    }
}
