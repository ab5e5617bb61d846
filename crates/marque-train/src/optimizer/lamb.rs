//! LAMB, as timm computes it without clipping.

use super::{Entry, Lamb};
use marque_torch::Tensor;

impl Entry {
    pub(super) fn lamb(
        &mut self,
        gradient: &Tensor,
        rule: Lamb,
        step: i32,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        let [mean, square] = self.remembered::<2>()?;
        let _ = mean.f_lerp_(gradient, 1.0 - rule.beta1)?;
        let squared = gradient.f_mul(gradient)?.f_mul_scalar(1.0 - rule.beta2)?;
        let _ = square.f_mul_scalar_(rule.beta2)?.f_add_(&squared)?;
        let root = square
            .f_sqrt()?
            .f_div_scalar((1.0 - rule.beta2.powi(step)).sqrt())?
            .f_add_scalar(rule.eps)?;
        let mut change = mean.f_div_scalar(1.0 - rule.beta1.powi(step))?.f_div(&root)?;
        if self.weight_decay != 0.0 {
            change = change.f_add(&self.tensor.f_mul_scalar(self.weight_decay)?)?;
            let own = self.tensor.f_norm()?.f_double_value(&[])?;
            let length = change.f_norm()?.f_double_value(&[])?;
            if own > 0.0 && length > 0.0 {
                change = change.f_mul_scalar(own / length)?;
            }
        }
        self.move_by(&change.f_mul_scalar(learning_rate)?)
    }
}
