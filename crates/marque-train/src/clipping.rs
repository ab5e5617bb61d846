//! Bounds on gradients.

use crate::Error;
use marque_core::SettingError;
use marque_core::setting::positive;
use marque_torch::{Gradients, Network, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How gradients are bounded before the optimiser's step, so that one batch cannot throw the weights far away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Clipping {
    /// The Euclidean norm of all gradients, taken as one vector, is at most this (Pascanu et al. 2012, arXiv:1211.5063): PyTorch's
    /// `clip_grad_norm_`.
    Norm {
        /// The largest norm; 1 by default.
        #[serde(default = "one")]
        most: f64,
    },
    /// Each number of a gradient is at most this far from 0: PyTorch's `clip_grad_value_`.
    Value {
        /// The largest size; 1 by default.
        #[serde(default = "one")]
        most: f64,
    },
    /// The norm of each output channel's gradient is at most this share of the norm of its weights (Brock et al. 2021,
    /// arXiv:2102.06171): timm's `adaptive_clip_grad`.
    Adaptive {
        /// The largest share; 0.01 by default.
        #[serde(default = "hundredth")]
        most: f64,
    },
}

fn one() -> f64 {
    1.0
}

fn hundredth() -> f64 {
    0.01
}

/// Channels whose weights are shorter than this are treated as if they were as long: new ones could not grow otherwise.
const SHORTEST_WEIGHTS: f64 = 1e-3;

impl Clipping {
    /// Checks the range.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let (Self::Norm { most } | Self::Value { most } | Self::Adaptive { most }) = *self;
        positive("most", most)
    }

    /// The gradients within the bound. `norm` is what [`Gradients::norm`] gives, if that is known.
    pub(crate) fn applied(
        &self,
        gradients: Gradients,
        norm: Option<f64>,
        network: &Network,
    ) -> Result<Gradients, Error> {
        let clipped = match *self {
            Self::Norm { most } => {
                let norm = norm.map_or_else(|| gradients.norm(), Ok)?;
                // As PyTorch has it: what is within the bound by less than a millionth is shortened, too.
                let factor = most / (norm + 1e-6);
                if factor >= 1.0 {
                    return Ok(gradients);
                }
                gradients.try_map(|_, gradient| gradient.f_mul_scalar(factor))
            }
            Self::Value { most } => gradients.try_map(|_, gradient| gradient.f_clamp(-most, most)),
            Self::Adaptive { most } => {
                let weights: HashMap<String, Tensor> = network
                    .trained_parameters()
                    .into_iter()
                    .map(|parameter| (parameter.name, parameter.tensor))
                    .collect();
                gradients.try_map(|name, gradient| match weights.get(name) {
                    Some(weights) => adaptive(gradient, weights, most),
                    None => Ok(gradient.shallow_clone()),
                })
            }
        };
        Ok(clipped?)
    }
}

fn adaptive(gradient: &Tensor, weights: &Tensor, most: f64) -> Result<Tensor, tch::TchError> {
    let largest = channel_norms(weights)?
        .f_clamp_min(SHORTEST_WEIGHTS)?
        .f_mul_scalar(most)?;
    let norms = channel_norms(gradient)?;
    let factors = largest.f_div(&norms.f_clamp_min(1e-6)?)?.f_clamp_max(1.0)?;
    gradient.f_mul(&factors)
}

/// The Euclidean norm over all but the first axis, which is kept; of a vector the norm of all of it.
fn channel_norms(tensor: &Tensor) -> Result<Tensor, tch::TchError> {
    if tensor.dim() <= 1 {
        return tensor.f_norm();
    }
    let inner: Vec<i64> = (1..tensor.dim() as i64).collect();
    tensor.f_norm_scalaropt_dim(2.0, &inner[..], true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::{BiasInit, Conv2d, GraphBuilder};
    use marque_testkit::{Golden, Tolerance, assert_close, formula};
    use marque_torch::{Kind, NetworkOptions, Precision};
    use marque_weights::StateDict;
    use ndarray::ArrayD;

    fn tensor(values: &ArrayD<f32>) -> Tensor {
        let shape: Vec<i64> = values.shape().iter().map(|&extent| extent as i64).collect();
        Tensor::from_slice(values.as_slice().unwrap()).reshape(shape)
    }

    #[test]
    fn clipped_gradients_are_those_of_pytorch_and_timm() {
        let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "clipping/io.safetensors").unwrap();
        let mut builder = GraphBuilder::new("convolution", 5).unwrap();
        let conv = Conv2d {
            bias: Some(BiasInit::PyTorchDefault),
            ..Conv2d::new(5, 4, 3)
        };
        let maps = builder.conv2d("conv", builder.input(), conv).unwrap();
        let mut weights = StateDict::default();
        for (role, shape) in [("weight", &[4, 5, 3, 3][..]), ("bias", &[4])] {
            let values = formula::uniform(role, shape, 0.0, 1.0)
                .into_raw_vec_and_offset()
                .0;
            let stored = marque_weights::Tensor::from_f32(shape, &values).unwrap();
            weights.insert(format!("conv.{role}"), stored);
        }
        let options = NetworkOptions {
            precision: Precision::Double,
            ..NetworkOptions::default()
        };
        let network = Network::with_weights(builder.build(maps).unwrap(), &weights, options).unwrap();
        let gradients = || {
            let products = network.trained_parameters().into_iter().map(|parameter| {
                let (_, role) = parameter.name.rsplit_once('.').unwrap();
                let shape: Vec<usize> = parameter
                    .tensor
                    .size()
                    .iter()
                    .map(|&extent| extent as usize)
                    .collect();
                let gradient = formula::uniform(&format!("gradient/{role}"), &shape, 0.0, 1.0);
                (&parameter.tensor * tensor(&gradient)).sum(Kind::Double)
            });
            let loss = products.reduce(|sum, product| sum + product).unwrap();
            network.gradients(&loss).unwrap()
        };
        for (case, clipping) in [
            ("norm", Clipping::Norm { most: 1.0 }),
            ("norm_above", Clipping::Norm { most: 1000.0 }),
            ("value", Clipping::Value { most: 0.25 }),
            ("adaptive", Clipping::Adaptive { most: 0.1 }),
            ("adaptive_some", Clipping::Adaptive { most: 1.0 }),
        ] {
            let clipped = clipping.applied(gradients(), None, &network).unwrap();
            for (name, gradient) in clipped.iter() {
                let (_, role) = name.rsplit_once('.').unwrap();
                let expected = golden.f64(&format!("{case}/{role}")).unwrap();
                let found: Vec<f64> = Vec::try_from(&gradient.unwrap().contiguous().view([-1])).unwrap();
                let found = ArrayD::from_shape_vec(expected.raw_dim(), found).unwrap();
                assert_close(
                    &format!("{case}: {role}"),
                    found.view(),
                    expected.view(),
                    Tolerance::relative(1e-12),
                );
            }
        }
    }

    #[test]
    fn bounds_that_are_none_are_refused() {
        for most in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            assert!(Clipping::Norm { most }.validate().is_err());
            assert!(Clipping::Adaptive { most }.validate().is_err());
        }
    }
}
