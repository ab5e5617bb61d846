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
        let mut direction = self.with_penalty(gradient)?;
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
        self.move_by(&direction.f_mul_scalar(learning_rate)?)
    }
}
