//! Lion, as its paper's Algorithm 2 and timm have it.

use super::{Entry, Lion};
use marque_torch::Tensor;

impl Entry {
    pub(super) fn lion(
        &mut self,
        gradient: &Tensor,
        rule: Lion,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        self.decay_by(learning_rate * self.weight_decay)?;
        let [mean] = self.remembered::<1>()?;
        let direction = mean.f_lerp(gradient, 1.0 - rule.beta1)?.f_sign()?;
        let _ = mean.f_lerp_(gradient, 1.0 - rule.beta2)?;
        self.move_by(&direction.f_mul_scalar(learning_rate)?)
    }
}
