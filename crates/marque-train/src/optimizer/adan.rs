//! Adan, as timm computes it: weight decay is a proximal step.

use super::{Adan, Entry};
use marque_torch::Tensor;

impl Entry {
    pub(super) fn adan(
        &mut self,
        gradient: &Tensor,
        rule: Adan,
        step: i32,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        let is_first = self.state.is_empty();
        let [mean, changes, square, last] = self.remembered::<4>()?;
        if is_first {
            // The first gradient has not changed.
            last.f_copy_(gradient)?;
        }
        let changed = gradient.f_sub(&*last)?;
        let _ = mean.f_lerp_(gradient, 1.0 - rule.beta1)?;
        let _ = changes.f_lerp_(&changed, 1.0 - rule.beta2)?;
        let ahead = changed.f_mul_scalar(rule.beta2)?.f_add(gradient)?;
        let squared = ahead.f_mul(&ahead)?.f_mul_scalar(1.0 - rule.beta3)?;
        let _ = square.f_mul_scalar_(rule.beta3)?.f_add_(&squared)?;
        last.f_copy_(gradient)?;
        let correction = |beta: f64| 1.0 - beta.powi(step);
        let root = square
            .f_sqrt()?
            .f_div_scalar(correction(rule.beta3).sqrt())?
            .f_add_scalar(rule.eps)?;
        let own = mean.f_mul_scalar(learning_rate / correction(rule.beta1))?;
        let of_changes = changes.f_mul_scalar(learning_rate * rule.beta2 / correction(rule.beta2))?;
        let change = own.f_add(&of_changes)?.f_div(&root)?;
        self.move_by(&change)?;
        if self.weight_decay != 0.0 {
            let _ = self
                .tensor
                .f_div_scalar_(1.0 + learning_rate * self.weight_decay)?;
        }
        Ok(())
    }
}
