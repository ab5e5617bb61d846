//! Batch normalisation in training, with the rectifier behind it: forward and backward in as few walks through memory as it takes, which
//! are what it costs.

use super::norm_kernels::{NormBackward, NormForward, NormMoments};
use super::{Numbers, NumbersMut};
use crate::kernels::Kernels;
use crate::{BLOCK, Error, InstructionSet};
use std::fmt;

/// Pixels whose moments are summed in single precision, and that stay in the cache from one walk to the next.
const CHUNK: usize = 64;

/// The mean of each channel and the sum of squared deviations from it, of some pixels. They merge to those of all, without the
/// cancellation of squares (Chan, Golub & LeVeque 1979).
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// How many pixels.
    pub count: usize,
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The sum of squared deviations of each channel.
    pub squares: Vec<f64>,
}

impl Moments {
    /// Those of no pixels.
    pub fn new(channels: usize) -> Self {
        Self {
            count: 0,
            mean: vec![0.0; channels],
            squares: vec![0.0; channels],
        }
    }

    /// Those of these and some other pixels, of as many channels.
    pub fn merge(&mut self, other: &Self) {
        let own = self.mean.iter_mut().zip(&mut self.squares);
        merge(
            self.count,
            own,
            other.count,
            other.mean.iter().copied().zip(other.squares.iter().copied()),
        );
        self.count += other.count;
    }
}

fn merge<'a>(
    own_count: usize,
    own: impl Iterator<Item = (&'a mut f64, &'a mut f64)>,
    count: usize,
    other: impl Iterator<Item = (f64, f64)>,
) {
    if count == 0 {
        return;
    }
    let share = count as f64 / (own_count + count) as f64;
    let weight = own_count as f64 * share;
    for ((own_mean, own_squares), (mean, squares)) in own.zip(other) {
        let step = mean - *own_mean;
        *own_mean += step * share;
        *own_squares += squares + step * step * weight;
    }
}

/// What a batch norm does to each channel, and what of it the way back needs.
#[derive(Debug, Clone, Copy)]
pub struct NormCoefficients<'a> {
    /// What numbers are multiplied by: weight over deviation.
    pub scale: &'a [f32],
    /// What is added then.
    pub shift: &'a [f32],
    /// The mean of the batch.
    pub mean: &'a [f32],
}

/// Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) of some pixels at a time, so that callers may share them among threads of
/// their own, with bounds on its outputs: 0 and infinity are a rectifier's, the infinities those of none.
#[derive(Clone)]
pub struct BatchNorm {
    kernels: &'static Kernels,
    channels: usize,
    bounds: [f32; 2],
}

impl BatchNorm {
    /// For pixels of so many channels.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Shape`] for fewer channels than [`BLOCK`].
    pub fn new(instruction_set: InstructionSet, channels: usize, bounds: [f32; 2]) -> Result<Self, Error> {
        let kernels = instruction_set.kernels()?;
        if channels < BLOCK {
            return Err(Error::Shape {
                operation: "batch_norm",
                what: "the number of channels",
                expected: format!("at least {BLOCK}"),
                found: channels.to_string(),
            });
        }
        Ok(Self {
            kernels,
            channels,
            bounds,
        })
    }

    /// The moments of some pixels.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not those of whole pixels.
    pub fn moments(&self, input: Numbers<'_>) -> Result<Moments, Error> {
        let pixels = self.pixels(&[input.len()])?;
        let mut all = Moments::new(self.channels);
        let (mut mean, mut squares) = (vec![0.0; self.channels], vec![0.0; self.channels]);
        let mut first = 0;
        while first < pixels {
            let count = CHUNK.min(pixels - first);
            let range = first * self.channels..(first + count) * self.channels;
            let (mean_of, squares_of) = (mean.as_mut_ptr(), squares.as_mut_ptr());
            // SAFETY: the chunk lies within the numbers, both results have one for each channel.
            unsafe {
                match input {
                    Numbers::F32(numbers) => (self.kernels.gradients.moments)(&NormMoments {
                        input: numbers[range].as_ptr(),
                        pixels: count,
                        channels: self.channels,
                        mean: mean_of,
                        squares: squares_of,
                    }),
                    Numbers::Bf16(numbers) => (self.kernels.narrow_gradients.moments)(&NormMoments {
                        input: numbers[range].as_ptr(),
                        pixels: count,
                        channels: self.channels,
                        mean: mean_of,
                        squares: squares_of,
                    }),
                }
            }
            let own = all.mean.iter_mut().zip(&mut all.squares);
            let chunk = mean.iter().zip(&squares);
            let chunk = chunk.map(|(&mean, &squares)| (f64::from(mean), f64::from(squares)));
            merge(all.count, own, count, chunk);
            all.count += count;
            first += count;
        }
        Ok(all)
    }

    /// Normalises some pixels and applies the bounds.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not as many numbers of the same type, of whole pixels, or not as many coefficients as channels.
    pub fn normalise(
        &self,
        of: NormCoefficients<'_>,
        input: Numbers<'_>,
        output: NumbersMut<'_>,
    ) -> Result<(), Error> {
        let pixels = self.pixels(&[input.len(), output.len()])?;
        self.check(of)?;
        // SAFETY: lengths were checked.
        unsafe {
            match (input, output) {
                (Numbers::F32(input), NumbersMut::F32(output)) => {
                    let work = self.forward(of, pixels, input.as_ptr(), output.as_mut_ptr());
                    (self.kernels.gradients.normalise)(&work);
                }
                (Numbers::Bf16(input), NumbersMut::Bf16(output)) => {
                    let work = self.forward(of, pixels, input.as_ptr(), output.as_mut_ptr());
                    (self.kernels.narrow_gradients.normalise)(&work);
                }
                _ => return Err(two_types()),
            }
        }
        Ok(())
    }

    fn forward<E>(
        &self,
        of: NormCoefficients<'_>,
        pixels: usize,
        input: *const E,
        output: *mut E,
    ) -> NormForward<E> {
        NormForward {
            input,
            output,
            pixels,
            channels: self.channels,
            scale: of.scale.as_ptr(),
            shift: of.shift.as_ptr(),
            bounds: self.bounds,
        }
    }

    /// Adds up, for each channel, the gradients of outputs within the bounds and their products with the inputs' deviations from the mean.
    ///
    /// # Errors
    /// As [`normalise`](Self::normalise).
    pub fn sums(
        &self,
        of: NormCoefficients<'_>,
        input: Numbers<'_>,
        gradient: Numbers<'_>,
    ) -> Result<[Vec<f64>; 2], Error> {
        let pixels = self.pixels(&[input.len(), gradient.len()])?;
        self.check(of)?;
        let mut all = [vec![0.0f64; self.channels], vec![0.0f64; self.channels]];
        let mut some = [vec![0.0f32; self.channels], vec![0.0; self.channels], Vec::new()];
        let mut first = 0;
        while first < pixels {
            let count = CHUNK.min(pixels - first);
            let range = first * self.channels..(first + count) * self.channels;
            let results = some.each_mut().map(|numbers| numbers.as_mut_ptr());
            // SAFETY: the chunk lies within the numbers, and the first two results have one for each channel.
            unsafe {
                match (input, gradient) {
                    (Numbers::F32(input), Numbers::F32(gradient)) => {
                        let maps = (input[range.clone()].as_ptr(), gradient[range].as_ptr());
                        let work = self.backward(of, count, maps, (std::ptr::null_mut(), results));
                        (self.kernels.gradients.norm_sums)(&work);
                    }
                    (Numbers::Bf16(input), Numbers::Bf16(gradient)) => {
                        let maps = (input[range.clone()].as_ptr(), gradient[range].as_ptr());
                        let work = self.backward(of, count, maps, (std::ptr::null_mut(), results));
                        (self.kernels.narrow_gradients.norm_sums)(&work);
                    }
                    _ => return Err(two_types()),
                }
            }
            for (all, some) in all.iter_mut().zip(&some) {
                all.iter_mut()
                    .zip(some)
                    .for_each(|(all, &some)| *all += f64::from(some));
            }
            first += count;
        }
        Ok(all)
    }

    /// The gradient of the input: that of the outputs within the bounds times the first coefficient of its channel, and its
    /// deviation from the mean times the second, and the third.
    ///
    /// # Errors
    /// As [`normalise`](Self::normalise).
    pub fn of_input(
        &self,
        of: NormCoefficients<'_>,
        coefficients: [&[f32]; 3],
        (input, gradient): (Numbers<'_>, Numbers<'_>),
        output: NumbersMut<'_>,
    ) -> Result<(), Error> {
        let pixels = self.pixels(&[input.len(), gradient.len(), output.len()])?;
        self.check(of)?;
        for numbers in coefficients {
            self.check_length(numbers.len())?;
        }
        // They are read and not written.
        let results = coefficients.map(|numbers| numbers.as_ptr().cast_mut());
        // SAFETY: lengths were checked.
        unsafe {
            match (input, gradient, output) {
                (Numbers::F32(input), Numbers::F32(gradient), NumbersMut::F32(output)) => {
                    let maps = (input.as_ptr(), gradient.as_ptr());
                    let work = self.backward(of, pixels, maps, (output.as_mut_ptr(), results));
                    (self.kernels.gradients.norm_input)(&work);
                }
                (Numbers::Bf16(input), Numbers::Bf16(gradient), NumbersMut::Bf16(output)) => {
                    let maps = (input.as_ptr(), gradient.as_ptr());
                    let work = self.backward(of, pixels, maps, (output.as_mut_ptr(), results));
                    (self.kernels.narrow_gradients.norm_input)(&work);
                }
                _ => return Err(two_types()),
            }
        }
        Ok(())
    }

    fn backward<E>(
        &self,
        of: NormCoefficients<'_>,
        pixels: usize,
        (input, gradient): (*const E, *const E),
        (output, results): (*mut E, [*mut f32; 3]),
    ) -> NormBackward<E> {
        NormBackward {
            input,
            gradient,
            output,
            pixels,
            channels: self.channels,
            scale: of.scale.as_ptr(),
            shift: of.shift.as_ptr(),
            mean: of.mean.as_ptr(),
            bounds: self.bounds,
            results,
        }
    }

    fn pixels(&self, lengths: &[usize]) -> Result<usize, Error> {
        let pixels = lengths[0] / self.channels;
        match lengths.iter().find(|&&length| length != pixels * self.channels) {
            None => Ok(pixels),
            Some(found) => Err(Error::Shape {
                operation: "batch_norm",
                what: "the map",
                expected: format!("{pixels} pixels of {} channels", self.channels),
                found: format!("{found} numbers"),
            }),
        }
    }

    fn check(&self, of: NormCoefficients<'_>) -> Result<(), Error> {
        [of.scale, of.shift, of.mean]
            .iter()
            .try_for_each(|numbers| self.check_length(numbers.len()))
    }

    fn check_length(&self, found: usize) -> Result<(), Error> {
        if found == self.channels {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "batch_norm",
            what: "the coefficients",
            expected: format!("{} numbers", self.channels),
            found: found.to_string(),
        })
    }
}

fn two_types() -> Error {
    Error::Shape {
        operation: "batch_norm",
        what: "the map",
        expected: "of the same type as the other".to_owned(),
        found: "of another".to_owned(),
    }
}

impl fmt::Debug for BatchNorm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BatchNorm")
            .field("channels", &self.channels)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
