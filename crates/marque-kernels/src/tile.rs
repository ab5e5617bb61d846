//! The one inner loop of convolutions and fully connected layers: some pixels times some panels of sixteen outputs.
//!
//! Sums stay in registers from the first input channel to the last. Weights are packed into panels, in the order in which they are
//! read; pixels are read where they lie, one number at a time, by a table of offsets. Nothing is copied for the sake of the loop.
//! It serves 1×1 convolutions, the products of Winograd's method, where a pixel is a tile, other convolutions, whose table has entries
//! for every tap, and fully connected layers, where a pixel is an image.

use crate::BLOCK;
use crate::activation::Finish;
use crate::kernels::Kernels;
use crate::layout::part;
use crate::simd::Simd;

/// What is multiplied for one tile. Offsets and strides count numbers.
///
/// # Safety
/// A kernel reads, for each offset and each of its pixels, `run` numbers from `input + offset + pixel · step` on; `run` blocks of
/// weights per offset in each panel; a block of the bias per panel; and writes, where it also reads the addend if there is one, a
/// block for each pixel and panel at `pixel · BLOCK + panel · output_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) input: *const f32,
    pub(crate) offsets: *const usize,
    pub(crate) offset_count: usize,
    /// Input channels side by side at each offset.
    pub(crate) run: usize,
    /// From one pixel to the next.
    pub(crate) step: usize,
    pub(crate) weights: *const f32,
    /// From one panel's weights to the next one's.
    pub(crate) weight_stride: usize,
    /// Weights that are needed next, of the same panels; of one panel or two a tile asks for them while it multiplies, so that they come
    /// in time from memory. They need not be there.
    pub(crate) ahead: *const f32,
    /// A block per panel; null for zeros.
    pub(crate) bias: *const f32,
    /// Of the same geometry as the output; null for none.
    pub(crate) addend: *const f32,
    pub(crate) output: *mut f32,
    /// From one panel's outputs to the next one's.
    pub(crate) output_stride: usize,
    /// Of outputs.
    pub(crate) finish: Finish,
}

/// Rows of pixels and a range of panels, from the tile of the first ones on.
pub(crate) struct Multiply {
    pub(crate) first: Tile,
    pub(crate) rows: usize,
    /// From one row of pixels to the next in the input; in the output they follow each other.
    pub(crate) row_stride: usize,
    /// Pixels of a row.
    pub(crate) pixels: usize,
    pub(crate) panels: usize,
}

/// Computes rows tile by tile: each is split evenly, since a tile of one pixel costs almost as much as one of four. The weights of
/// some panels are used for all pixels before the next ones are read.
///
/// # Safety
/// As [`Tile`] asks, for all pixels and panels; the processor must have the kernels' instruction set.
pub(crate) unsafe fn multiply(kernels: &Kernels, work: &Multiply) {
    let Multiply {
        first,
        rows,
        row_stride,
        pixels,
        panels,
    } = *work;
    let kind = match first.step {
        BLOCK => 0,
        1 => 3,
        _ => 4,
    };
    let parts = pixels.div_ceil(kernels.pixels);
    // Tiles have as many pixels, or one more.
    let sizes = [pixels / parts, pixels.div_ceil(parts)];
    let has_kernel = |count: usize| {
        let has_kernel = |size: usize| kernels.tiles[kind][size - 1][count - 1].is_some();
        sizes.into_iter().all(has_kernel)
    };
    let mut panel = 0;
    while panel < panels {
        let count = (2..=4.min(panels - panel))
            .rev()
            .find(|&count| has_kernel(count))
            .unwrap_or(1);
        for row in 0..rows {
            for tile in 0..parts {
                let pixel = part(pixels, parts, tile);
                let output = (row * pixels + pixel.start) * BLOCK + panel * first.output_stride;
                // The first tiles ask for the weights that are needed next, of one panel each; a tile that is alone, of two.
                let tile = row * parts + tile;
                let streams = match kind {
                    0 if rows * parts == 1 => count.min(2),
                    0 if tile < count => 1,
                    _ => 0,
                };
                let Some(kernel) = kernels.tiles[kind + streams][pixel.len() - 1][count - 1] else {
                    unreachable!("every table has kernels for one panel, and others have been looked for");
                };
                // SAFETY: within what the caller describes.
                unsafe {
                    let moved = |pointer: *const f32, by: usize| match pointer.is_null() {
                        true => pointer,
                        false => pointer.add(by),
                    };
                    kernel(&Tile {
                        input: first.input.add(row * row_stride + pixel.start * first.step),
                        weights: first.weights.add(panel * first.weight_stride),
                        bias: moved(first.bias, panel * BLOCK),
                        addend: moved(first.addend, output),
                        output: first.output.add(output),
                        ahead: first.ahead.wrapping_add((panel + tile) * first.weight_stride),
                        ..first
                    });
                }
            }
        }
        panel += count;
    }
}

/// One tile. `STEP` is the tile's step, or 0 for the one that it names; `AHEAD` is of how many panels it asks for the weights that are
/// needed next, a cache line with each step.
///
/// # Safety
/// As [`Tile`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn compute<
    S: Simd,
    const PIXELS: usize,
    const PANELS: usize,
    const STEP: usize,
    const AHEAD: usize,
>(
    tile: &Tile,
) {
    // SAFETY: all pointers move within what the caller describes.
    unsafe {
        let step = if STEP == 0 { tile.step } else { STEP };
        let mut sums = [[S::splat(0.0); PANELS]; PIXELS];
        if !tile.bias.is_null() {
            for panel in 0..PANELS {
                let bias = S::load(tile.bias.add(panel * BLOCK));
                for sums in &mut sums {
                    sums[panel] = bias;
                }
            }
        }
        let (mut weights, mut ahead) = (tile.weights, tile.ahead);
        for offset in 0..tile.offset_count {
            let mut values = tile.input.add(*tile.offsets.add(offset));
            let following = if offset + 1 < tile.offset_count {
                *tile.offsets.add(offset + 1)
            } else {
                0
            };
            let mut following = tile.input.add(following);
            for _ in 0..tile.run {
                let mut panels = [S::splat(0.0); PANELS];
                for (panel, block) in panels.iter_mut().enumerate() {
                    *block = S::load(weights.add(panel * tile.weight_stride));
                }
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let value = S::splat(*values.add(pixel * step));
                    for (sum, &weights) in sums.iter_mut().zip(&panels) {
                        *sum = S::multiply_add(value, weights, *sum);
                    }
                }
                for stream in 0..AHEAD {
                    S::prefetch(ahead.wrapping_add(stream * tile.weight_stride));
                }
                ahead = ahead.wrapping_add(BLOCK);
                if STEP == BLOCK {
                    S::prefetch_near(following);
                    following = following.wrapping_add(BLOCK);
                }
                weights = weights.add(BLOCK);
                values = values.add(1);
            }
        }
        for (pixel, sums) in sums.iter().enumerate() {
            for (panel, &sum) in sums.iter().enumerate() {
                let place = pixel * BLOCK + panel * tile.output_stride;
                let sum = match tile.addend.is_null() {
                    true => sum,
                    false => S::add(sum, S::load(tile.addend.add(place))),
                };
                S::store(tile.output.add(place), tile.finish.bound::<S>(sum));
            }
        }
        for panel in 0..PANELS {
            tile.finish
                .bend(tile.output.add(panel * tile.output_stride), PIXELS);
        }
    }
}
