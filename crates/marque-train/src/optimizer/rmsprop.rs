//! RMSprop, as PyTorch computes it.

use super::{Entry, RmsProp};
use marque_torch::Tensor;

impl Entry {
    pub(super) fn rmsprop(
        &mut self,
        gradient: &Tensor,
        rule: RmsProp,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        let gradient = self.with_penalty(gradient)?;
        let extra = usize::from(rule.centered) + usize::from(rule.momentum != 0.0);
        self.remember(1 + extra)?;
        let [square, rest @ ..] = &mut self.state[..] else {
            return Ok(());
        };
        let squared = gradient.f_mul(&gradient)?.f_mul_scalar(1.0 - rule.alpha)?;
        let _ = square.f_mul_scalar_(rule.alpha)?.f_add_(&squared)?;
        // The mean of gradients stands before the sum of steps.
        let (mut variance, mut sum) = (square.shallow_clone(), None);
        for (place, tensor) in rest.iter_mut().enumerate() {
            if rule.centered && place == 0 {
                let _ = tensor.f_lerp_(&gradient, 1.0 - rule.alpha)?;
                variance = square.f_sub(&tensor.f_mul(&*tensor)?)?;
            } else {
                sum = Some(tensor);
            }
        }
        let mut direction = gradient.f_div(&variance.f_sqrt()?.f_add_scalar(rule.eps)?)?;
        if let Some(sum) = sum {
            let _ = sum.f_mul_scalar_(rule.momentum)?.f_add_(&direction)?;
            direction = sum.shallow_clone();
        }
        self.move_by(&direction.f_mul_scalar(learning_rate)?)
    }
}
