//! The kinds of schedules and their numbers.

use serde::{Deserialize, Serialize};

/// What a schedule counts in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// The rate changes from step to step. The default.
    #[default]
    Step,
    /// The rate stays the same for an epoch.
    Epoch,
}

/// Always the same rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constant {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default.
    pub warmup: f64,
}

/// A lower rate every few epochs: PyTorch's `StepLR`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepDecay {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default. The epochs of the rise are counted.
    pub warmup: f64,
    /// Epochs at one rate, at least 1; 30 by default.
    pub every: u32,
    /// What the rate is multiplied by then, above 0; 0.1 by default.
    pub factor: f64,
}

/// A lower rate after given epochs: PyTorch's `MultiStepLR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiStepDecay {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default. The epochs of the rise are counted.
    pub warmup: f64,
    /// Numbers of epochs after which the rate changes, ascending; none by default.
    pub at: Vec<u32>,
    /// What the rate is multiplied by each time, above 0; 0.1 by default.
    pub factor: f64,
}

/// A rate that falls by the same factor again and again: PyTorch's `ExponentialLR`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exponential {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default. What falls meanwhile is counted.
    pub warmup: f64,
    /// What the rate is multiplied by, above 0; 0.95 by default.
    pub factor: f64,
    /// How often; after every epoch by default.
    pub per: Per,
}

/// A rate that falls along a power of the time that is left: PyTorch's `PolynomialLR`, linear by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Polynomial {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default.
    pub warmup: f64,
    /// The power, above 0; 1 by default.
    pub power: f64,
    /// Where the rate ends, as a share of the largest, from 0 to 1; 0 by default.
    pub end: f64,
    /// How often the rate changes.
    pub per: Per,
}

/// A linear rise, then half a cosine down, once or several times (Loshchilov & Hutter 2016, arXiv:1608.03983): PyTorch's
/// `CosineAnnealingLR`, and with more than one cycle `CosineAnnealingWarmRestarts`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// Share of all steps that the rise takes, from 0 to 1; 0.1 by default.
    pub warmup: f64,
    /// Where the rate ends, as a share of the largest, from 0 to 1; 0 by default.
    pub end: f64,
    /// How many times it falls, from 1 to 100; once by default.
    pub cycles: u32,
    /// How many times as long each cycle is as the one before it, from 1 to 100; 1 by default.
    pub growth: f64,
    /// How often the rate changes.
    pub per: Per,
}

/// Half a cosine up from a low rate, then half a cosine down to nearly nothing (Smith & Topin 2017, arXiv:1708.07120): PyTorch's
/// `OneCycleLR` without its changes of momentum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycle {
    /// Share of all steps that the way up takes, from 0 to 1; 0.3 by default.
    pub warmup: f64,
    /// Where the rate begins, as a share of the largest, above 0, at most 1; 1/25 by default.
    pub start: f64,
    /// Where it ends, as a share of the largest, from 0 to 1; 1/250,000 by default.
    pub end: f64,
}

/// A lower rate whenever the validation loss has not fallen for some epochs: PyTorch's `ReduceLROnPlateau`. Without validation
/// photos it is the training loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plateau {
    /// Share of all steps that a linear rise from nothing takes, from 0 to 1; 0 by default.
    pub warmup: f64,
    /// What the rate is multiplied by, above 0, below 1; 0.1 by default.
    pub factor: f64,
    /// Epochs without an improvement that are borne with; 10 by default.
    pub patience: u32,
    /// Share of the lowest loss by which another must be lower to be an improvement, at least 0, below 1; 1e-4 by default.
    pub threshold: f64,
    /// Epochs after a change in which none is counted; 0 by default.
    pub cooldown: u32,
    /// The lowest rate, as a share of the largest, from 0 to 1; 0 by default.
    pub end: f64,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self {
            warmup: 0.0,
            every: 30,
            factor: 0.1,
        }
    }
}

impl Default for MultiStepDecay {
    fn default() -> Self {
        Self {
            warmup: 0.0,
            at: Vec::new(),
            factor: 0.1,
        }
    }
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            warmup: 0.0,
            factor: 0.95,
            per: Per::Epoch,
        }
    }
}

impl Default for Polynomial {
    fn default() -> Self {
        Self {
            warmup: 0.0,
            power: 1.0,
            end: 0.0,
            per: Per::Step,
        }
    }
}

impl Default for Cosine {
    fn default() -> Self {
        Self {
            warmup: 0.1,
            end: 0.0,
            cycles: 1,
            growth: 1.0,
            per: Per::Step,
        }
    }
}

impl Default for OneCycle {
    fn default() -> Self {
        Self {
            warmup: 0.3,
            start: 1.0 / 25.0,
            end: 1.0 / 250_000.0,
        }
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            warmup: 0.0,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
            end: 0.0,
        }
    }
}
