//! Batch norms with the rectifier behind them, by kernels of ours.
//!
//! They cost walks through memory. LibTorch's take ten for the two of them, forward and backward, and its sums in bfloat16 are finished on
//! one thread; ours take eight, of fewer bytes, and no map between norm and rectifier is kept.

use super::{Batch, Norm};
use crate::autograd::{Backward, Map, Pieces, floats, parallel, parallel_each, record, refused};
use marque_kernels::{BatchNorm, Error, InstructionSet, Moments, NormCoefficients};
use std::ops::Range;
use tch::{TchError, Tensor};

/// Pixels of a share: many enough that sums of shares are little work, few enough for any number of threads.
const PIECE: usize = 512;

fn pieces(map: &Map) -> Pieces {
    Pieces {
        count: map.pixels.div_ceil(PIECE),
        work: PIECE * map.channels,
    }
}

fn piece(number: usize, pixels: usize) -> Range<usize> {
    number * PIECE..((number + 1) * PIECE).min(pixels)
}

/// The outputs of a batch norm, within its bounds. Running statistics follow the batch.
pub(crate) fn normalise(norm: &Norm<'_>, input: &Tensor) -> Result<Tensor, TchError> {
    let (output, saved, node) = tch::no_grad(|| forward(norm, input))?;
    record(&output, &[input, norm.weight, norm.bias], &[&saved], node)
}

fn forward(norm: &Norm<'_>, input: &Tensor) -> Result<(Tensor, Tensor, Way), TchError> {
    let map = Map::of(input)?;
    let kernels = BatchNorm::new(InstructionSet::fastest(), map.channels, norm.bounds).map_err(refused)?;
    let mut moments = vec![Moments::new(0); pieces(&map).count];
    parallel_each(pieces(&map), &mut moments, |number, moments| {
        *moments = kernels.moments(map.read(piece(number, map.pixels)))?;
        Ok(())
    })?;
    // In the order of the pieces, whatever the number of threads.
    let mut own = Moments::new(map.channels);
    moments.iter().for_each(|moments| own.merge(moments));
    let all = norm.batch(own)?;

    let count = all.count as f64;
    let variances = all.squares.iter().map(|squares| squares / count);
    let inverse_deviation: Vec<f64> = variances
        .map(|variance| 1.0 / (variance + norm.eps).sqrt())
        .collect();
    let (weight, bias) = (floats(norm.weight)?, floats(norm.bias)?);
    let scale: Vec<f64> = inverse_deviation
        .iter()
        .zip(weight)
        .map(|(inverse, weight)| inverse * f64::from(weight))
        .collect();
    let shift = scale.iter().zip(&all.mean).zip(bias);
    let way = Way {
        batch: Batch {
            count,
            peers: norm.peers.clone(),
        },
        shift: shift
            .map(|((scale, mean), bias)| (f64::from(bias) - mean * scale) as f32)
            .collect(),
        scale: scale.iter().map(|&scale| scale as f32).collect(),
        mean: all.mean.iter().map(|&mean| mean as f32).collect(),
        inverse_deviation,
        kernels,
    };
    let output = Map::like(&map.tensor)?;
    parallel(pieces(&map), |number| {
        let range = piece(number, map.pixels);
        // SAFETY: the output is new, and each piece is of one share alone.
        let place = unsafe { output.written(range.clone()) };
        way.kernels.normalise(way.coefficients(), map.read(range), place)
    })?;
    Ok((output.tensor, map.tensor, way))
}

/// What the way back needs besides the input.
struct Way {
    kernels: BatchNorm,
    batch: Batch,
    scale: Vec<f32>,
    shift: Vec<f32>,
    mean: Vec<f32>,
    inverse_deviation: Vec<f64>,
}

impl Way {
    fn coefficients(&self) -> NormCoefficients<'_> {
        NormCoefficients {
            scale: &self.scale,
            shift: &self.shift,
            mean: &self.mean,
        }
    }

    /// Sums over this process's pixels of the gradients within the bounds, and of their products with the inputs' deviations.
    fn sums(&self, input: &Map, gradient: &Map) -> Result<[Vec<f64>; 2], TchError> {
        let channels = input.channels;
        let mut parts = vec![[Vec::new(), Vec::new()]; pieces(input).count];
        parallel_each(pieces(input), &mut parts, |number, sums| {
            let range = piece(number, input.pixels);
            *sums = self.kernels.sums(
                self.coefficients(),
                input.read(range.clone()),
                gradient.read(range),
            )?;
            Ok(())
        })?;
        let mut all = [vec![0.0; channels], vec![0.0; channels]];
        for part in parts {
            for (all, part) in all.iter_mut().zip(part) {
                all.iter_mut().zip(part).for_each(|(all, part)| *all += part);
            }
        }
        Ok(all)
    }
}

impl Backward for Way {
    fn backward(
        &self,
        saved: &[Tensor],
        gradient: &Tensor,
        needed: &[bool],
    ) -> Result<Vec<Option<Tensor>>, TchError> {
        let (input, gradient) = (Map::of(&saved[0])?, Map::of(gradient)?);
        let own = self.sums(&input, &gradient)?;
        let of_input = needed[0].then(|| self.of_input(&input, &gradient, self.batch.sums(&own)?));
        let [of_bias, products] = own;
        let of_weight = products.iter().zip(&self.inverse_deviation);
        let of_weight: Vec<f32> = of_weight
            .map(|(product, inverse)| (product * inverse) as f32)
            .collect();
        let of_bias: Vec<f32> = of_bias.iter().map(|&sum| sum as f32).collect();
        let tensor =
            |numbers: &[f32], needed: bool| needed.then(|| Tensor::f_from_slice(numbers)).transpose();
        Ok(vec![
            of_input.transpose()?,
            tensor(&of_weight, needed[1])?,
            tensor(&of_bias, needed[2])?,
        ])
    }
}

impl Way {
    /// `scale · (g − Σg/n − (x − mean) · Σg(x − mean) / (n · variance))`, where `g` is what passes the bounds.
    fn of_input(
        &self,
        input: &Map,
        gradient: &Map,
        [sums, products]: [Vec<f64>; 2],
    ) -> Result<Tensor, TchError> {
        let count = self.batch.count;
        let scale = || self.scale.iter().map(|&scale| f64::from(scale));
        let of_deviation: Vec<f32> = scale()
            .zip(products)
            .zip(&self.inverse_deviation)
            .map(|((scale, product), inverse)| (-scale * inverse * inverse * product / count) as f32)
            .collect();
        let added: Vec<f32> = scale()
            .zip(sums)
            .map(|(scale, sum)| (-scale * sum / count) as f32)
            .collect();
        let result = Map::like(&input.tensor)?;
        parallel(pieces(input), |number| -> Result<(), Error> {
            let range = piece(number, input.pixels);
            // SAFETY: the result is new, and each piece is of one share alone.
            let place = unsafe { result.written(range.clone()) };
            let maps = (input.read(range.clone()), gradient.read(range));
            self.kernels.of_input(
                self.coefficients(),
                [&self.scale, &of_deviation, &added],
                maps,
                place,
            )
        })?;
        Ok(result.tensor)
    }
}
