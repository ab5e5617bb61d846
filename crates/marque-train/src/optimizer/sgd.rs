//! Gradient descent with momentum, as PyTorch computes it (dampening 0).

use super::{Entry, Sgd};
use marque_torch::Tensor;

impl Entry {
    pub(super) fn sgd(
        &mut self,
        gradient: &Tensor,
        constants: Sgd,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        let mut direction = gradient.shallow_clone();
        if self.weight_decay != 0.0 {
            direction = direction.f_add(&self.tensor.f_mul_scalar(self.weight_decay)?)?;
        }
        if constants.momentum != 0.0 {
            match self.state.first_mut() {
                // The first sum is the first gradient, as in PyTorch.
                None => self.state.push(direction.f_zeros_like()?.f_add(&direction)?),
                Some(sum) => {
                    let _ = sum.f_mul_scalar_(constants.momentum)?.f_add_(&direction)?;
                }
            }
            let sum = &self.state[0];
            direction = if constants.nesterov {
                direction.f_add(&sum.f_mul_scalar(constants.momentum)?)?
            } else {
                sum.shallow_clone()
            };
        }
        let _ = self.tensor.f_sub_(&direction.f_mul_scalar(learning_rate)?)?;
        Ok(())
    }
}
