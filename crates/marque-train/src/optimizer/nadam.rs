//! NAdam, as PyTorch computes it with decoupled weight decay.

use super::{Entry, NAdam};
use marque_torch::Tensor;

/// What a step of NAdam needs beside the gradients: functions of its number alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Momentum {
    /// The momentum of this step and of the next.
    own: f64,
    next: f64,
    /// The product of the momenta of all steps up to this one.
    product: f64,
}

impl Momentum {
    pub(super) fn before_the_first_step() -> Self {
        Self {
            own: 0.0,
            next: 0.0,
            product: 1.0,
        }
    }

    /// That of step `step` (from 1), if this is the one before it.
    pub(super) fn following(self, rule: NAdam, step: i32) -> Self {
        let of = |step: f64| rule.beta1 * (1.0 - 0.5 * 0.96_f64.powf(step * rule.momentum_decay));
        let own = of(f64::from(step));
        Self {
            own,
            next: of(f64::from(step) + 1.0),
            product: self.product * own,
        }
    }
}

impl Entry {
    pub(super) fn nadam(
        &mut self,
        gradient: &Tensor,
        rule: NAdam,
        (step, momentum): (i32, Momentum),
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        self.decay_by(learning_rate * self.weight_decay)?;
        let [mean, square] = self.remembered::<2>()?;
        let _ = mean.f_lerp_(gradient, 1.0 - rule.beta1)?;
        let squared = gradient.f_mul(gradient)?.f_mul_scalar(1.0 - rule.beta2)?;
        let _ = square.f_mul_scalar_(rule.beta2)?.f_add_(&squared)?;
        let root = square
            .f_div_scalar(1.0 - rule.beta2.powi(step))?
            .f_sqrt()?
            .f_add_scalar(rule.eps)?;
        let own = learning_rate * (1.0 - momentum.own) / (1.0 - momentum.product);
        let ahead = learning_rate * momentum.next / (1.0 - momentum.product * momentum.next);
        let change = gradient
            .f_mul_scalar(own)?
            .f_add(&mean.f_mul_scalar(ahead)?)?
            .f_div(&root)?;
        self.move_by(&change)
    }
}
