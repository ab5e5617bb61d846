//! Changes of a pixel by its neighbours, as torchvision computes them on 8-bit images.

use image::RgbImage;

use super::color::fused;
use crate::wide::{self, Loop};

/// Away from a blurred image, or towards it: the mean over 3×3 pixels in which the own counts five times. The border stays.
pub(super) fn sharpness(image: &mut RgbImage, factor: f64) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width <= 2 || height <= 2 {
        return;
    }
    let source = image.as_raw().clone();
    wide::run(Sharpness {
        source: &source,
        stride: 3 * width,
        factor,
        out: image,
    });
}

struct Sharpness<'a> {
    source: &'a [u8],
    stride: usize,
    factor: f64,
    out: &'a mut [u8],
}

impl Loop for Sharpness<'_> {
    #[inline(always)]
    fn run(self) {
        let Sharpness {
            source,
            stride,
            factor,
            out,
        } = self;
        // Sums of three rows. No sum of levels here is rounded, so that they may be whole numbers.
        let mut columns = vec![0_u16; stride];
        for row in 1..(source.len() / stride).saturating_sub(1) {
            let line = |row: usize| &source[row * stride..][..stride];
            let (above, own, below) = (line(row - 1), line(row), line(row + 1));
            for (((sum, &above), &own), &below) in columns.iter_mut().zip(above).zip(own).zip(below) {
                *sum = u16::from(above) + u16::from(own) + u16::from(below);
            }
            let inner = stride - 6;
            let (left, middle, right) = (&columns[..inner], &columns[3..][..inner], &columns[6..]);
            let own = &own[3..][..inner];
            let out = &mut out[row * stride + 3..][..inner];
            for ((((out, &own), &left), &middle), &right) in
                out.iter_mut().zip(own).zip(left).zip(middle).zip(right)
            {
                let sum = left + middle + right + 4 * u16::from(own);
                let blurred = (f32::from(sum) / 13.0).round_ties_even();
                let own = f32::from(own);
                *out = fused(own, blurred - own, 1.0 - factor) as u8;
            }
        }
    }
}

/// The weights of a Gaussian over an odd number of pixels.
fn gaussian(kernel_size: usize, sigma: f32) -> Vec<f32> {
    let middle = (kernel_size / 2) as f32;
    let weights: Vec<f32> = (0..kernel_size)
        .map(|place| {
            let distance = (place as f32 - middle) / sigma;
            (-0.5 * distance * distance).exp()
        })
        .collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The place that a position beyond an edge is mirrored to; the edge's own pixel is not repeated.
pub(super) fn reflected(position: i64, length: usize) -> usize {
    let last = length as i64 - 1;
    if last <= 0 {
        return 0;
    }
    let position = position.rem_euclid(2 * last);
    position.min(2 * last - position) as usize
}

/// A Gaussian blur over an odd number of pixels; what lies beyond the edges is mirrored.
pub(super) fn gaussian_blur(image: &mut RgbImage, kernel_size: usize, sigma: f32) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let weights = gaussian(kernel_size, sigma);
    let offsets = || (0..kernel_size as i64).map(|place| place - kernel_size as i64 / 2);
    let mut across = vec![0.0_f32; image.as_raw().len()];
    let columns: Vec<usize> = (0..width as i64)
        .flat_map(|column| offsets().map(move |offset| reflected(column + offset, width)))
        .collect();
    for (line, source) in across
        .chunks_exact_mut(3 * width.max(1))
        .zip(image.as_raw().chunks_exact(3 * width.max(1)))
    {
        for (pixel, columns) in line.chunks_exact_mut(3).zip(columns.chunks_exact(kernel_size)) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let taps = columns.iter().zip(&weights);
                *value = taps
                    .map(|(&column, weight)| f32::from(source[3 * column + channel]) * weight)
                    .sum();
            }
        }
    }
    let stride = 3 * width;
    let target: &mut [u8] = image;
    for (row, line) in target.chunks_exact_mut(stride.max(1)).enumerate().take(height) {
        let rows: Vec<usize> = offsets()
            .map(|offset| reflected(row as i64 + offset, height) * stride)
            .collect();
        for (place, value) in line.iter_mut().enumerate() {
            let taps = rows.iter().zip(&weights);
            let sum: f32 = taps.map(|(&row, weight)| across[row + place] * weight).sum();
            *value = sum.round_ties_even() as u8;
        }
    }
}
