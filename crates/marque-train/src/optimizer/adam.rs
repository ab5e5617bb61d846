//! Adam in one pass over memory on the CPU, and in LibTorch's operations elsewhere.
//!
//! LibTorch's operations read and write 72 bytes per parameter and step, the fused loop 28; both do the same
//! arithmetic as PyTorch's Adam, in single precision with constants from double precision.

use super::{Adam, Entry, dense};
use marque_torch::Tensor;
use rayon::prelude::*;

pub(super) struct Constants {
    beta1: f64,
    beta2: f64,
    eps: f64,
    /// 1 − beta1^step: the mean of gradients starts at zero and is too small by this factor at first.
    correction1: f64,
    /// √(1 − beta2^step).
    root_correction2: f64,
}

impl Constants {
    pub(super) fn new(adam: Adam, step: i32) -> Self {
        let Adam {
            beta1, beta2, eps, ..
        } = adam;
        let (correction1, correction2) = (1.0 - beta1.powi(step), 1.0 - beta2.powi(step));
        Self {
            beta1,
            beta2,
            eps,
            correction1,
            root_correction2: correction2.sqrt(),
        }
    }
}

/// Parameters that one thread works on at a time: four arrays of these fit into a second-level cache.
const CHUNK: usize = 1 << 15;

impl Entry {
    pub(super) fn adam(
        &mut self,
        gradient: &Tensor,
        constants: &Constants,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        if self.state.is_empty() {
            self.state = vec![self.tensor.f_zeros_like()?, self.tensor.f_zeros_like()?];
        }
        let decay = 1.0 - learning_rate * self.weight_decay;
        let step = Step::new(constants, learning_rate, decay);
        let gradient = dense::in_the_order_of(gradient, &self.tensor)?;
        let [mean, square] = &mut self.state[..] else {
            return Ok(());
        };
        let fused = dense::with_slices(
            [&mut self.tensor, mean, square],
            &gradient,
            |[weights, means, squares], gradients| {
                weights
                    .par_chunks_mut(CHUNK)
                    .zip(means.par_chunks_mut(CHUNK))
                    .zip(squares.par_chunks_mut(CHUNK))
                    .zip(gradients.par_chunks(CHUNK))
                    .for_each(|(((weights, means), squares), gradients)| {
                        step.apply(weights, means, squares, gradients)
                    });
            },
        );
        if fused {
            Ok(())
        } else {
            self.adam_by_operations(&gradient, constants, learning_rate)
        }
    }

    fn adam_by_operations(
        &mut self,
        gradient: &Tensor,
        constants: &Constants,
        learning_rate: f64,
    ) -> Result<(), tch::TchError> {
        let [mean, square] = &mut self.state[..] else {
            return Ok(());
        };
        if self.weight_decay != 0.0 {
            let _ = self
                .tensor
                .f_mul_scalar_(1.0 - learning_rate * self.weight_decay)?;
        }
        let _ = mean.f_lerp_(gradient, 1.0 - constants.beta1)?;
        let squared = gradient.f_mul(gradient)?.f_mul_scalar(1.0 - constants.beta2)?;
        let _ = square.f_mul_scalar_(constants.beta2)?.f_add_(&squared)?;
        let root = square
            .f_sqrt()?
            .f_div_scalar(constants.root_correction2)?
            .f_add_scalar(constants.eps)?;
        let change = mean
            .f_div(&root)?
            .f_mul_scalar(learning_rate / constants.correction1)?;
        let _ = self.tensor.f_sub_(&change)?;
        Ok(())
    }
}

/// The constants of a step in single precision, as the loop uses them.
#[derive(Clone, Copy)]
struct Step {
    keep1: f32,
    keep2: f32,
    take2: f32,
    take1: f32,
    root_correction2: f32,
    eps: f32,
    size: f32,
    decay: f32,
}

impl Step {
    fn new(constants: &Constants, learning_rate: f64, decay: f64) -> Self {
        Self {
            keep1: constants.beta1 as f32,
            take1: (1.0 - constants.beta1) as f32,
            keep2: constants.beta2 as f32,
            take2: (1.0 - constants.beta2) as f32,
            root_correction2: constants.root_correction2 as f32,
            eps: constants.eps as f32,
            size: (learning_rate / constants.correction1) as f32,
            decay: decay as f32,
        }
    }

    /// One step for as many parameters as the slices are long; they are equally long.
    fn apply(self, weights: &mut [f32], means: &mut [f32], squares: &mut [f32], gradients: &[f32]) {
        for (((weight, mean), square), &gradient) in weights.iter_mut().zip(means).zip(squares).zip(gradients)
        {
            *mean = self.keep1 * *mean + self.take1 * gradient;
            *square = self.keep2 * *square + self.take2 * gradient * gradient;
            let root = square.sqrt() / self.root_correction2 + self.eps;
            *weight = self.decay * *weight - self.size * *mean / root;
        }
    }
}
