//! Mean and standard deviation of the pixels of a set of photos.

use rayon::prelude::*;

use crate::check::{BadFile, BadFiles};
use crate::decode::guarded;
use crate::preprocess::validate_size;
use crate::reading::resize;
use crate::{Error, ImageSize, Resize, Sample};

/// Per-channel statistics of photos at their final size.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelStatistics {
    /// Mean of R, G and B, of samples from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation (of the population) of R, G and B, of samples from 0 to 1.
    pub std: [f32; 3],
    /// Number of photos measured.
    pub images: usize,
    /// Photos left out because they could not be read, in the order of the samples.
    pub skipped: Vec<BadFile>,
}

/// Measures the pixels of photos at `image_size`: what the subject subtracts, from its training photos at 224×224 px.
///
/// The sums are whole numbers, so that the result does not depend on the number of threads or on their order. Runs on
/// the current rayon pool; holds one photo a thread in memory.
///
/// # Errors
/// [`Error::NoSamples`]; [`Error::Setting`] for a bad size; with [`BadFiles::Stop`] the error of the first bad photo, and
/// with [`BadFiles::Skip`] [`Error::AllBad`] where none could be read.
pub fn channel_mean(
    samples: &[Sample],
    image_size: ImageSize,
    resize: Resize,
    bad: BadFiles,
) -> Result<ChannelStatistics, Error> {
    validate_size(image_size, resize)?;
    if samples.is_empty() {
        return Err(Error::NoSamples);
    }
    let measured: Vec<Result<Sums, Error>> = samples
        .par_iter()
        .map(|sample| measure(sample, image_size, resize))
        .collect();
    let mut total = Sums::default();
    let mut images = 0;
    let mut skipped = Vec::new();
    for (sample, sums) in samples.iter().zip(measured) {
        match (sums, bad) {
            (Ok(sums), _) => {
                total.add(&sums);
                images += 1;
            }
            (Err(error), BadFiles::Stop) => return Err(error),
            (Err(error), BadFiles::Skip) => skipped.push(BadFile::new(&sample.path, &error)),
        }
    }
    if let (0, Some(first)) = (images, skipped.first()) {
        return Err(Error::AllBad {
            count: samples.len(),
            first: first.path.clone(),
            reason: first.reason.clone(),
        });
    }
    let (mean, std) = total.mean_and_std();
    Ok(ChannelStatistics {
        mean,
        std,
        images,
        skipped,
    })
}

#[derive(Clone, Copy, Default)]
struct Sums {
    pixels: u64,
    sum: [u64; 3],
    /// 2⁶⁴ holds the squares of a million photos of 16 megapixels.
    sum_of_squares: [u64; 3],
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.pixels += other.pixels;
        for channel in 0..3 {
            self.sum[channel] += other.sum[channel];
            self.sum_of_squares[channel] += other.sum_of_squares[channel];
        }
    }

    fn mean_and_std(&self) -> ([f32; 3], [f32; 3]) {
        let pixels = self.pixels.max(1);
        let mean = self.sum.map(|sum| (sum as f64 / pixels as f64 / 255.0) as f32);
        let std = std::array::from_fn(|channel| {
            // n·Σx² − (Σx)² is exact in 128 bits: no cancellation.
            let (sum, squares) = (
                u128::from(self.sum[channel]),
                u128::from(self.sum_of_squares[channel]),
            );
            let spread = (u128::from(pixels) * squares).saturating_sub(sum * sum);
            ((spread as f64).sqrt() / pixels as f64 / 255.0) as f32
        });
        (mean, std)
    }
}

fn measure(sample: &Sample, image_size: ImageSize, how: Resize) -> Result<Sums, Error> {
    guarded(&sample.path, || {
        let image = resize(&sample.decode()?, image_size, how)?;
        let mut sums = Sums {
            pixels: u64::from(image.width()) * u64::from(image.height()),
            ..Sums::default()
        };
        for pixel in image.pixels() {
            for (channel, &value) in pixel.0.iter().enumerate() {
                sums.sum[channel] += u64::from(value);
                sums.sum_of_squares[channel] += u64::from(value) * u64::from(value);
            }
        }
        Ok(sums)
    })
}
