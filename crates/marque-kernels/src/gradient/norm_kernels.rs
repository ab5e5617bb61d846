//! The kernels of batch normalisation: one walk through memory each.

use super::Element;
use crate::BLOCK;
use crate::simd::Simd;

/// Pixels that share the loads of what belongs to their channels.
const TOGETHER: usize = 4;

/// Means and sums of squared deviations of some pixels.
///
/// # Safety
/// `input` is `pixels` pixels of `channels` numbers, at least a block of them and at least a pixel; `mean` and `squares` are as many.
pub(crate) struct NormMoments<E> {
    pub(crate) input: *const E,
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
    pub(crate) mean: *mut f32,
    pub(crate) squares: *mut f32,
}

/// Pixels that are scaled, shifted and bounded.
///
/// # Safety
/// `input` and `output` are `pixels` pixels of `channels` numbers, at least a block of them, and two places; scale and shift are as many.
pub(crate) struct NormForward<E> {
    pub(crate) input: *const E,
    pub(crate) output: *mut E,
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
    pub(crate) scale: *const f32,
    pub(crate) shift: *const f32,
    pub(crate) bounds: [f32; 2],
}

/// The way back. `results` are, for the sums, those of the gradient and of its products with deviations from the mean; for the input,
/// three coefficients of each channel: those of the gradient and of the deviation from the mean, and what is added.
///
/// # Safety
/// As [`NormForward`], with `gradient` like `input`; means and all results are one number for each channel. `output` is written for
/// the input alone, the first two results for the sums alone.
pub(crate) struct NormBackward<E> {
    pub(crate) input: *const E,
    pub(crate) gradient: *const E,
    pub(crate) output: *mut E,
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
    pub(crate) scale: *const f32,
    pub(crate) shift: *const f32,
    pub(crate) mean: *const f32,
    pub(crate) bounds: [f32; 2],
    pub(crate) results: [*mut f32; 3],
}

/// The first channel of each block; the last block overlaps the one before where the channels do not fill it.
#[inline(always)]
fn first_of(block: usize, channels: usize) -> usize {
    (block * BLOCK).min(channels - BLOCK)
}

/// # Safety
/// As [`NormMoments`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn moments<S: Simd, E: Element>(work: &NormMoments<E>) {
    let (pixels, channels) = (work.pixels, work.channels);
    // SAFETY: as the caller says.
    unsafe {
        let share = S::splat(1.0 / pixels as f32);
        for block in 0..channels.div_ceil(BLOCK) {
            let first = first_of(block, channels);
            let input = work.input.add(first);
            let mut sums = [S::splat(0.0); TOGETHER];
            for pixel in 0..pixels {
                let sum = &mut sums[pixel % TOGETHER];
                *sum = S::add(*sum, E::load::<S>(input.add(pixel * channels)));
            }
            let mean = S::multiply(share, total::<S>(sums));
            let mut squares = [S::splat(0.0); TOGETHER];
            for pixel in 0..pixels {
                let deviation = S::subtract(E::load::<S>(input.add(pixel * channels)), mean);
                let sum = &mut squares[pixel % TOGETHER];
                *sum = S::multiply_add(deviation, deviation, *sum);
            }
            S::store(work.mean.add(first), mean);
            S::store(work.squares.add(first), total::<S>(squares));
        }
    }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn total<S: Simd>(sums: [S::Block; TOGETHER]) -> S::Block {
    // SAFETY: as the caller says.
    unsafe { S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])) }
}

/// # Safety
/// As [`NormForward`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn normalise<S: Simd, E: Element>(work: &NormForward<E>) {
    let mut pixel = 0;
    // SAFETY: as the caller says.
    unsafe {
        while pixel < work.pixels {
            if pixel + TOGETHER <= work.pixels {
                normalise_some::<S, E, TOGETHER>(work, pixel);
                pixel += TOGETHER;
            } else {
                normalise_some::<S, E, 1>(work, pixel);
                pixel += 1;
            }
        }
    }
}

/// # Safety
/// As [`normalise`].
#[inline(always)]
unsafe fn normalise_some<S: Simd, E: Element, const PIXELS: usize>(work: &NormForward<E>, pixel: usize) {
    let channels = work.channels;
    // SAFETY: as the caller says.
    unsafe {
        let [lower, upper] = [S::splat(work.bounds[0]), S::splat(work.bounds[1])];
        for block in 0..channels.div_ceil(BLOCK) {
            let first = first_of(block, channels);
            let scale = S::load(work.scale.add(first));
            let shift = S::load(work.shift.add(first));
            for offset in 0..PIXELS {
                let place = (pixel + offset) * channels + first;
                let value = S::multiply_add(E::load::<S>(work.input.add(place)), scale, shift);
                E::store::<S>(work.output.add(place), S::smaller(upper, S::larger(lower, value)));
            }
        }
    }
}

/// # Safety
/// As [`NormBackward`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn norm_sums<S: Simd, E: Element>(work: &NormBackward<E>) {
    // SAFETY: as the caller says.
    unsafe {
        let zero = S::splat(0.0);
        for block in 0..work.channels.div_ceil(BLOCK) {
            let first = first_of(block, work.channels);
            S::store(work.results[0].add(first), zero);
            S::store(work.results[1].add(first), zero);
        }
        let mut pixel = 0;
        while pixel < work.pixels {
            if pixel + TOGETHER <= work.pixels {
                sum_some::<S, E, TOGETHER>(work, pixel);
                pixel += TOGETHER;
            } else {
                sum_some::<S, E, 1>(work, pixel);
                pixel += 1;
            }
        }
    }
}

/// # Safety
/// As [`norm_sums`].
#[inline(always)]
unsafe fn sum_some<S: Simd, E: Element, const PIXELS: usize>(work: &NormBackward<E>, pixel: usize) {
    let channels = work.channels;
    let whole = channels / BLOCK;
    // SAFETY: as the caller says.
    unsafe {
        for block in 0..whole {
            sum_block::<S, E, PIXELS>(work, pixel, block * BLOCK, BLOCK);
        }
        if whole * BLOCK < channels {
            // Of the block that overlaps, only what is not summed yet.
            sum_block::<S, E, PIXELS>(work, pixel, channels - BLOCK, channels - whole * BLOCK);
        }
    }
}

/// Adds to the sums of the last `count` channels of a block.
///
/// # Safety
/// As [`norm_sums`].
#[inline(always)]
unsafe fn sum_block<S: Simd, E: Element, const PIXELS: usize>(
    work: &NormBackward<E>,
    pixel: usize,
    first: usize,
    count: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        let mean = S::load(work.mean.add(first));
        let mut sums = S::splat(0.0);
        let mut products = S::splat(0.0);
        for offset in 0..PIXELS {
            let place = (pixel + offset) * work.channels + first;
            let input = E::load::<S>(work.input.add(place));
            let gradient = passed::<S, E>(work, first, place, input);
            sums = S::add(sums, gradient);
            products = S::multiply_add(gradient, S::subtract(input, mean), products);
        }
        for (result, added) in work.results.iter().zip([sums, products]) {
            let result = result.add(first);
            if count == BLOCK {
                S::store(result, S::add(S::load(result), added));
            } else {
                let mut numbers = [0.0f32; BLOCK];
                S::store(numbers.as_mut_ptr(), added);
                for (lane, number) in numbers.into_iter().enumerate().skip(BLOCK - count) {
                    *result.add(lane) += number;
                }
            }
        }
    }
}

/// The gradient that the rectifier lets pass.
///
/// # Safety
/// As [`NormBackward`] asks.
#[inline(always)]
unsafe fn passed<S: Simd, E: Element>(
    work: &NormBackward<E>,
    first: usize,
    place: usize,
    input: S::Block,
) -> S::Block {
    // SAFETY: as the caller says.
    unsafe {
        let scale = S::load(work.scale.add(first));
        let shift = S::load(work.shift.add(first));
        let value = S::multiply_add(input, scale, shift);
        let gradient = E::load::<S>(work.gradient.add(place));
        S::keep_between(
            gradient,
            value,
            S::splat(work.bounds[0]),
            S::splat(work.bounds[1]),
        )
    }
}

/// # Safety
/// As [`NormBackward`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn norm_input<S: Simd, E: Element>(work: &NormBackward<E>) {
    let mut pixel = 0;
    // SAFETY: as the caller says.
    unsafe {
        while pixel < work.pixels {
            if pixel + TOGETHER <= work.pixels {
                input_of_some::<S, E, TOGETHER>(work, pixel);
                pixel += TOGETHER;
            } else {
                input_of_some::<S, E, 1>(work, pixel);
                pixel += 1;
            }
        }
    }
}

/// # Safety
/// As [`norm_input`].
#[inline(always)]
unsafe fn input_of_some<S: Simd, E: Element, const PIXELS: usize>(work: &NormBackward<E>, pixel: usize) {
    let channels = work.channels;
    // SAFETY: as the caller says.
    unsafe {
        for block in 0..channels.div_ceil(BLOCK) {
            let first = first_of(block, channels);
            let of_gradient = S::load(work.results[0].add(first));
            let of_deviation = S::load(work.results[1].add(first));
            let mean = S::load(work.mean.add(first));
            let added = S::load(work.results[2].add(first));
            for offset in 0..PIXELS {
                let place = (pixel + offset) * channels + first;
                let input = E::load::<S>(work.input.add(place));
                let gradient = passed::<S, E>(work, first, place, input);
                let value = S::multiply_add(S::subtract(input, mean), of_deviation, added);
                E::store::<S>(
                    work.output.add(place),
                    S::multiply_add(gradient, of_gradient, value),
                );
            }
        }
    }
}
