//! Batch norms over the photos of several processes, where there are no kernels of ours: in any precision, on any device, of any order in
//! memory.

use super::{Batch, Norm, doubles};
use crate::autograd::{Backward, record};
use marque_kernels::Moments;
use tch::{Kind, TchError, Tensor};

/// All axes but that of the channels.
const PIXELS: [i64; 3] = [0, 2, 3];

/// The outputs of a batch norm in training. Its bounds are not looked at. Running statistics follow the batch.
pub(crate) fn normalise_together(norm: &Norm<'_>, input: &Tensor) -> Result<Tensor, TchError> {
    let (output, node) = tch::no_grad(|| forward(norm, input))?;
    record(
        &output,
        &[input, norm.weight, norm.bias],
        &[input, norm.weight],
        node,
    )
}

/// In single precision at least.
fn wide(tensor: &Tensor) -> Result<Tensor, TchError> {
    match tensor.kind() {
        Kind::Double => Ok(tensor.shallow_clone()),
        _ => tensor.f_to_kind(Kind::Float),
    }
}

/// Numbers of channels as a factor on maps like `like`.
fn factor(numbers: &[f64], like: &Tensor) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(numbers)?
        .f_to_kind(like.kind())?
        .f_to_device(like.device())?
        .f_reshape([1, -1, 1, 1])
}

/// For each channel the sum over all pixels.
fn sums(map: &Tensor) -> Result<Vec<f64>, TchError> {
    doubles(&map.f_sum_dim_intlist(&PIXELS[..], false, Kind::Double)?)
}

fn moments(map: &Tensor) -> Result<Moments, TchError> {
    let (images, channels, height, width) = map.size4()?;
    let count = (images * height * width) as usize;
    if count == 0 {
        return Ok(Moments::new(channels as usize));
    }
    let mean: Vec<f64> = sums(map)?.iter().map(|sum| sum / count as f64).collect();
    let squares = sums(&map.f_sub(&factor(&mean, map)?)?.f_square()?)?;
    Ok(Moments { count, mean, squares })
}

fn forward(norm: &Norm<'_>, input: &Tensor) -> Result<(Tensor, Way), TchError> {
    let map = wide(input)?;
    let batch = norm.batch(moments(&map)?)?;
    let count = batch.count as f64;
    let deviations = batch.squares.iter().map(|squares| squares / count + norm.eps);
    let way = Way {
        mean: batch.mean,
        inverse_deviation: deviations.map(|variance| 1.0 / variance.sqrt()).collect(),
        batch: Batch {
            count,
            peers: norm.peers.clone(),
        },
    };
    let [weight, bias] = [norm.weight, norm.bias].map(|tensor| factor(&doubles(tensor)?, &map));
    let output = map
        .f_sub(&factor(&way.mean, &map)?)?
        .f_mul(&factor(&way.inverse_deviation, &map)?)?
        .f_mul(&weight?)?
        .f_add(&bias?)?;
    Ok((output.f_to_kind(input.kind())?, way))
}

/// What the way back needs besides the input and the weight.
struct Way {
    mean: Vec<f64>,
    inverse_deviation: Vec<f64>,
    batch: Batch,
}

impl Backward for Way {
    fn backward(
        &self,
        saved: &[Tensor],
        gradient: &Tensor,
        needed: &[bool],
    ) -> Result<Vec<Option<Tensor>>, TchError> {
        let (input, weight) = (&saved[0], &saved[1]);
        let gradient = wide(gradient)?;
        let deviation = wide(input)?;
        let deviation = deviation.f_sub(&factor(&self.mean, &deviation)?)?;
        let own = [sums(&gradient)?, sums(&gradient.f_mul(&deviation)?)?];
        let of_parameter = |numbers: &[f64]| {
            Tensor::f_from_slice(numbers)?
                .f_to_kind(weight.kind())?
                .f_to_device(weight.device())
        };
        let of_input = needed[0]
            .then(|| self.of_input([&deviation, &gradient], &doubles(weight)?, self.batch.sums(&own)?))
            .transpose()?;
        let [sums, products] = &own;
        let products = products.iter().zip(&self.inverse_deviation);
        let of_weight: Vec<f64> = products.map(|(product, inverse)| product * inverse).collect();
        Ok(vec![
            of_input
                .map(|gradient| gradient.f_to_kind(input.kind()))
                .transpose()?,
            needed[1].then(|| of_parameter(&of_weight)).transpose()?,
            needed[2].then(|| of_parameter(sums)).transpose()?,
        ])
    }
}

impl Way {
    /// `weight / deviation · (g − Σg/n − (x − mean) · Σg(x − mean) / (n · variance))`.
    fn of_input(
        &self,
        [deviation, gradient]: [&Tensor; 2],
        weight: &[f64],
        [sums, products]: [Vec<f64>; 2],
    ) -> Result<Tensor, TchError> {
        let count = self.batch.count;
        let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let slopes = products.iter().zip(&self.inverse_deviation);
        let slopes: Vec<f64> = slopes
            .map(|(product, inverse)| product * inverse * inverse / count)
            .collect();
        let scale = weight.iter().zip(&self.inverse_deviation);
        let scale: Vec<f64> = scale.map(|(weight, inverse)| weight * inverse).collect();
        gradient
            .f_sub(&factor(&means, gradient)?)?
            .f_sub(&deviation.f_mul(&factor(&slopes, gradient)?)?)?
            .f_mul(&factor(&scale, gradient)?)
    }
}
