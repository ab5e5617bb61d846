//! Normalisation over the channels of each pixel.

use crate::elementwise::same;
use crate::layout::part;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::{BLOCK, Error, Executor, Maps, MapsMut};

/// Pixels that one chunk is given: few enough that their channels stay in the cache from one walk through them to the next.
const CHUNK: usize = 32;

/// Some pixels of maps, with all blocks of their channels.
///
/// # Safety
/// From `input` on, the blocks of `pixels` pixels can be read every `stride` numbers, `blocks` times, and likewise written from `output` on;
/// weight and bias have as many blocks.
pub(crate) struct LayerNormPixels {
    pub(crate) input: *const f32,
    pub(crate) output: *mut f32,
    pub(crate) stride: usize,
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
    pub(crate) weight: *const f32,
    pub(crate) bias: *const f32,
    pub(crate) eps: f64,
}

/// Normalises pixel by pixel. The deviations from the mean are squared, and not the values, whose squares may be much larger than
/// their variance.
///
/// # Safety
/// As [`LayerNormPixels`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn pixels<S: Simd>(work: &LayerNormPixels) {
    let blocks = work.channels.div_ceil(BLOCK);
    // What lies behind the last channel is no part of it.
    let mut lanes = [1.0f32; BLOCK];
    lanes[work.channels - (blocks - 1) * BLOCK..].fill(0.0);
    // SAFETY: as the caller says.
    unsafe {
        let last = S::load(lanes.as_ptr());
        for pixel in 0..work.pixels {
            let input = work.input.add(pixel * BLOCK);
            let mut sums = S::splat(0.0);
            for block in 0..blocks - 1 {
                sums = S::add(sums, S::load(input.add(block * work.stride)));
            }
            let end = S::load(input.add((blocks - 1) * work.stride));
            sums = S::multiply_add(end, last, sums);
            let mean = S::splat((total::<S>(sums) / work.channels as f64) as f32);
            let mut squares = S::splat(0.0);
            for block in 0..blocks {
                let mut deviation = S::subtract(S::load(input.add(block * work.stride)), mean);
                if block == blocks - 1 {
                    deviation = S::multiply(deviation, last);
                }
                squares = S::multiply_add(deviation, deviation, squares);
            }
            let variance = total::<S>(squares) / work.channels as f64;
            let factor = S::splat((1.0 / (variance + work.eps).sqrt()) as f32);
            let output = work.output.add(pixel * BLOCK);
            for block in 0..blocks {
                let deviation = S::subtract(S::load(input.add(block * work.stride)), mean);
                let weight = S::multiply(factor, S::load(work.weight.add(block * BLOCK)));
                let value = S::multiply_add(deviation, weight, S::load(work.bias.add(block * BLOCK)));
                S::store(output.add(block * work.stride), value);
            }
        }
    }
}

/// The sum of a block's numbers.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn total<S: Simd>(block: S::Block) -> f64 {
    let mut values = [0.0f32; BLOCK];
    // SAFETY: the array is a block.
    unsafe { S::store(values.as_mut_ptr(), block) };
    values.iter().map(|&value| f64::from(value)).sum()
}

/// A layer normalisation: `weight · (x − mean) / √(variance + eps) + bias`, with the mean and the variance of a pixel's channels (Ba et al.
/// 2016). Both vectors have one number per channel, filled up to whole blocks.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// The factor of each channel.
    pub weight: &'a [f32],
    /// What is added to each channel.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub eps: f64,
}

impl Executor {
    /// Normalises the channels of each pixel.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes differ, or there are no channels.
    pub fn layer_norm(
        &self,
        norm: LayerNorm<'_>,
        input: Maps<'_>,
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        let layout = input.layout();
        same("layer_norm", layout, output.layout())?;
        let expected = layout.blocks() * BLOCK;
        if expected == 0 || norm.weight.len() != expected || norm.bias.len() != expected {
            return Err(Error::Shape {
                operation: "layer_norm",
                what: "weight and bias",
                expected: format!("{expected} numbers, more than none"),
                found: format!("{} and {}", norm.weight.len(), norm.bias.len()),
            });
        }
        let (pixels, stride) = (layout.pixels(), layout.stride());
        let parts = pixels.div_ceil(CHUNK);
        let values = input.values();
        let shared = Shared::new(output.values());
        self.threads.run(parts, |_, chunk| {
            let range = part(pixels, parts, chunk);
            let first = range.start * BLOCK;
            assert!(values.len() >= (layout.blocks() - 1) * stride + range.end * BLOCK);
            // SAFETY: chunks have disjoint pixels, and lengths were checked.
            unsafe {
                (self.kernels.layer_norm)(&LayerNormPixels {
                    input: values[first..].as_ptr(),
                    output: shared.runs(first, layout.blocks(), stride, range.len() * BLOCK),
                    stride,
                    pixels: range.len(),
                    channels: layout.channels,
                    weight: norm.weight.as_ptr(),
                    bias: norm.bias.as_ptr(),
                    eps: norm.eps,
                });
            }
        });
        Ok(())
    }
}
