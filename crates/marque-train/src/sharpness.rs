//! Sharpness-aware minimisation.

use crate::Error;
use crate::error::During;
use marque_core::SettingError;
use marque_core::setting::positive;
use marque_torch::{Gradients, Network, Tensor};
use serde::{Deserialize, Serialize};

/// Learning with an eye to the loss around the weights: the gradient is taken where the loss is highest near them.
///
/// A step takes two passes, and twice the time (Foret et al. 2020, arXiv:2010.01412).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharpnessAware {
    /// How far from the weights, as a Euclidean distance; 0.05 by default.
    pub rho: f64,
    /// Whether the distance is measured in units of the weights' own sizes (Kwon et al. 2021, arXiv:2102.11600); it is not by
    /// default. A `rho` ten times as large suits it.
    pub adaptive: bool,
}

impl Default for SharpnessAware {
    fn default() -> Self {
        Self {
            rho: 0.05,
            adaptive: false,
        }
    }
}

impl SharpnessAware {
    /// Checks the range.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        positive("rho", self.rho)
    }

    /// Moves the weights to where the loss is highest near them, along `gradients`. Answers the weights as they were.
    pub(crate) fn climb(&self, network: &Network, gradients: &Gradients) -> Result<Climbed, Error> {
        tch::no_grad(|| self.climbed(network, gradients)).during("the climb of a sharpness-aware step")
    }

    fn climbed(&self, network: &Network, gradients: &Gradients) -> Result<Climbed, tch::TchError> {
        let mut steps = Vec::new();
        let mut squares = 0.0;
        for (parameter, (_, gradient)) in network.trained_parameters().into_iter().zip(gradients.iter()) {
            let Some(gradient) = gradient else {
                continue;
            };
            let size = parameter.tensor.f_abs()?;
            let scaled = if self.adaptive {
                gradient.f_mul(&size)?
            } else {
                gradient.shallow_clone()
            };
            squares += scaled.f_norm()?.f_double_value(&[])?.powi(2);
            let direction = if self.adaptive {
                scaled.f_mul(&size)?
            } else {
                scaled
            };
            steps.push((parameter.tensor, direction));
        }
        let length = self.rho / (squares.sqrt() + 1e-12);
        let mut climbed = Climbed(Vec::with_capacity(steps.len()));
        for (mut tensor, direction) in steps {
            let mut own = tensor.f_empty_like()?;
            own.f_copy_(&tensor)?;
            let _ = tensor.f_add_(&direction.f_mul_scalar(length)?)?;
            climbed.0.push((tensor, own));
        }
        Ok(climbed)
    }
}

/// Weights that were left for others, with copies of their numbers: adding a step and subtracting it again gives other bits.
pub(crate) struct Climbed(Vec<(Tensor, Tensor)>);

impl Climbed {
    pub(crate) fn put_back(self) -> Result<(), Error> {
        tch::no_grad(|| {
            let mut pairs = self.0.into_iter();
            pairs.try_for_each(|(mut tensor, own)| tensor.f_copy_(&own))
        })
        .during("the climb of a sharpness-aware step")
    }
}
