//! Depthwise convolutions: one filter per channel.

use crate::activation::{Activation, Finish};
use crate::convolution::Bias;
use crate::elementwise::same;
use crate::layout::part;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::window::Axis;
use crate::{BLOCK, Buffer, Error, Executor, FilterShape, Layout, Maps, MapsMut, Weight, Window};
use std::ops::Range;

/// One row of outputs of a block.
///
/// # Safety
/// `input` is the first column of the map's row under the first of `rows` taps; that many rows of `width` blocks, `row_stride`
/// numbers apart, are read; so are `taps` blocks of weights for each row, and the bias; `outputs` blocks are written.
pub(crate) struct DepthwiseRow {
    pub(crate) input: *const f32,
    pub(crate) rows: usize,
    pub(crate) row_stride: usize,
    pub(crate) width: usize,
    pub(crate) columns: Axis,
    pub(crate) weights: *const f32,
    pub(crate) bias: *const f32,
    pub(crate) output: *mut f32,
    pub(crate) outputs: usize,
    /// What inputs are raised to: 0 for a rectifier before the convolution.
    pub(crate) input_floor: f32,
    /// Of outputs.
    pub(crate) finish: Finish,
}

/// # Safety
/// As [`DepthwiseRow`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn row<S: Simd>(row: &DepthwiseRow) {
    let columns = row.columns;
    // Outputs all of whose taps lie within the map.
    let reach = (columns.taps - 1) * columns.dilation;
    let last = (row.width + columns.border).checked_sub(reach + 1);
    let begin = columns.border.div_ceil(columns.stride).min(row.outputs);
    let end = last
        .map_or(0, |last| last / columns.stride + 1)
        .clamp(begin, row.outputs);
    // SAFETY: all taps of the outputs in the middle lie within the map; those of the others are asked for.
    unsafe {
        for output in (0..begin).chain(end..row.outputs) {
            some_taps::<S>(row, output);
        }
        match (columns.taps, columns.stride, columns.dilation, S::SUMS) {
            (3, 1, 1, 8) => all_taps::<S, 3, 1, 8>(row, begin, end),
            (3, 1, 1, _) => all_taps::<S, 3, 1, 4>(row, begin, end),
            (3, 2, 1, 8) => all_taps::<S, 3, 2, 8>(row, begin, end),
            (3, 2, 1, _) => all_taps::<S, 3, 2, 4>(row, begin, end),
            (5, 1, 1, 8) => all_taps::<S, 5, 1, 8>(row, begin, end),
            (5, 1, 1, _) => all_taps::<S, 5, 1, 4>(row, begin, end),
            (5, 2, 1, 8) => all_taps::<S, 5, 2, 8>(row, begin, end),
            (5, 2, 1, _) => all_taps::<S, 5, 2, 4>(row, begin, end),
            _ => (begin..end).for_each(|output| some_taps::<S>(row, output)),
        }
        row.finish.bend(row.output, row.outputs);
    }
}

/// An output with the taps that lie within the map.
///
/// # Safety
/// As [`row`].
#[inline(always)]
unsafe fn some_taps<S: Simd>(row: &DepthwiseRow, output: usize) {
    let taps = row.columns.taps_within(output, row.width);
    // SAFETY: as the caller says.
    unsafe {
        let input_floor = S::splat(row.input_floor);
        let mut sum = S::load(row.bias);
        for line in 0..row.rows {
            for tap in taps.clone() {
                let column = output * row.columns.stride + tap * row.columns.dilation - row.columns.border;
                let value = S::load(row.input.add(line * row.row_stride + column * BLOCK));
                let weight = S::load(row.weights.add((line * row.columns.taps + tap) * BLOCK));
                sum = S::multiply_add(S::larger(input_floor, value), weight, sum);
            }
        }
        S::store(row.output.add(output * BLOCK), row.finish.bound::<S>(sum));
    }
}

/// Outputs all of whose taps lie within the map, `TOGETHER` at a time, which share the loads of weights.
///
/// # Safety
/// As [`row`].
#[inline(always)]
unsafe fn all_taps<S: Simd, const TAPS: usize, const STRIDE: usize, const TOGETHER: usize>(
    row: &DepthwiseRow,
    begin: usize,
    end: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        let input_floor = S::splat(row.input_floor);
        let bias = S::load(row.bias);
        let mut output = begin;
        while output + TOGETHER <= end {
            let mut sums = [bias; TOGETHER];
            for line in 0..row.rows {
                let column = output * STRIDE - row.columns.border;
                let values = row.input.add(line * row.row_stride + column * BLOCK);
                let weights = row.weights.add(line * TAPS * BLOCK);
                for tap in 0..TAPS {
                    let weight = S::load(weights.add(tap * BLOCK));
                    for (place, sum) in sums.iter_mut().enumerate() {
                        let value = S::load(values.add((place * STRIDE + tap) * BLOCK));
                        *sum = S::multiply_add(S::larger(input_floor, value), weight, *sum);
                    }
                }
            }
            for (place, &sum) in sums.iter().enumerate() {
                let output = row.output.add((output + place) * BLOCK);
                S::store(output, row.finish.bound::<S>(sum));
            }
            output += TOGETHER;
        }
        for output in output..end {
            some_taps::<S>(row, output);
        }
    }
}

/// The filters of a depthwise convolution, a block of channels side by side for each tap.
#[derive(Debug)]
pub struct DepthwiseFilters {
    channels: usize,
    kernel: [usize; 2],
    /// `[block][tap][channel]`.
    weights: Buffer,
}

impl DepthwiseFilters {
    /// Packs filters, channel by channel and row by row: C×1×H×W, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many, [`Error::OutOfMemory`].
    pub fn pack(channels: usize, kernel: [usize; 2], filters: Weight<'_>) -> Result<Self, Error> {
        let taps = kernel[0] * kernel[1];
        let shape = FilterShape {
            in_channels: channels,
            out_channels: channels,
            kernel,
            groups: channels,
        };
        filters.check("depthwise", shape)?;
        let mut weights = Buffer::zeroed(channels.div_ceil(BLOCK) * taps * BLOCK)?;
        for channel in 0..channels {
            for (tap, weight) in filters.filter(channel, taps).range(0..taps).enumerate() {
                weights[(channel / BLOCK * taps + tap) * BLOCK + channel % BLOCK] = weight as f32;
            }
        }
        Ok(Self {
            channels,
            kernel,
            weights,
        })
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        size_of_val::<[f32]>(&self.weights)
    }
}

/// Rows of outputs of one block of channels and one image.
pub(crate) struct DepthwiseRows {
    pub(crate) into: Layout,
    pub(crate) block: usize,
    pub(crate) image: usize,
    pub(crate) rows: Range<usize>,
}

/// A depthwise convolution: filters, bias, and rectifiers before and behind it.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise<'a> {
    /// Its filters.
    pub filters: &'a DepthwiseFilters,
    /// Its bias.
    pub bias: &'a Bias,
    /// How it slides; the kernel is the filters'.
    pub window: Window,
    /// Whether negative inputs count as 0.
    pub rectify_input: bool,
    /// What is done to its outputs.
    pub activation: Activation,
}

impl Depthwise<'_> {
    /// Computes some rows of outputs of one block and image, into memory that begins with the first of them.
    ///
    /// # Safety
    /// The shapes must have been checked by [`check`](Self::check), and `output` be valid for the rows' blocks.
    pub(crate) unsafe fn rows(
        &self,
        executor: &Executor,
        input: Maps<'_>,
        place: DepthwiseRows,
        output: *mut f32,
    ) {
        let DepthwiseRows {
            into,
            block,
            image,
            rows,
        } = place;
        let from = input.layout();
        let [vertical, columns] = self.window.axes();
        for (index, row) in rows.enumerate() {
            let taps = vertical.taps_within(row, from.height);
            // A window in the border alone reads nothing.
            let (first, read) = match taps.is_empty() {
                true => (0, 0),
                false => (
                    row * vertical.stride + taps.start * vertical.dilation - vertical.border,
                    (taps.len() - 1) * vertical.dilation + 1,
                ),
            };
            let source = block * from.stride() + from.pixel(image, first, 0) * BLOCK;
            let weights = (block * vertical.taps + taps.start) * columns.taps * BLOCK;
            // SAFETY: the rows under the taps lie within the map, and the weights are those of the same taps.
            unsafe {
                (executor.kernels.depthwise)(&DepthwiseRow {
                    input: input.values()[source..source + read * from.width * BLOCK].as_ptr(),
                    rows: taps.len(),
                    row_stride: vertical.dilation * from.width * BLOCK,
                    width: from.width,
                    columns,
                    weights: self.filters.weights[weights..weights + taps.len() * columns.taps * BLOCK]
                        .as_ptr(),
                    bias: self.bias.values()[block * BLOCK..(block + 1) * BLOCK].as_ptr(),
                    output: output.add(index * into.width * BLOCK),
                    outputs: into.width,
                    input_floor: if self.rectify_input {
                        0.0
                    } else {
                        f32::NEG_INFINITY
                    },
                    finish: Finish::of(self.activation, executor.kernels),
                });
            }
        }
    }

    /// Whether filters, bias and maps fit.
    pub(crate) fn check(&self, from: Layout, into: Layout) -> Result<(), Error> {
        let filters = self.filters;
        let expected = Layout {
            channels: filters.channels,
            ..from
        };
        same("depthwise", expected, from)?;
        same(
            "depthwise",
            self.window.bordered_layout(from, filters.channels, into)?,
            into,
        )?;
        self.bias.check(filters.channels)?;
        if self.window.kernel != filters.kernel {
            return Err(Error::Shape {
                operation: "depthwise",
                what: "the window",
                expected: format!("{:?}", filters.kernel),
                found: format!("{:?}", self.window.kernel),
            });
        }
        Ok(())
    }
}

impl Executor {
    /// Computes a depthwise convolution.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes do not fit.
    pub fn depthwise(
        &self,
        depthwise: Depthwise<'_>,
        input: Maps<'_>,
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        let into = output.layout();
        depthwise.check(input.layout(), into)?;
        let shared = Shared::new(output.values());
        // A chunk is worth waking a thread for from some ten thousand outputs on.
        let parts = (into.height * into.width * BLOCK / 16384).clamp(1, into.height);
        self.threads.run(into.blocks() * into.batch * parts, |_, chunk| {
            let (block, image) = (chunk / parts / into.batch, chunk / parts % into.batch);
            let rows = part(into.height, parts, chunk % parts);
            let place = block * into.stride() + into.pixel(image, rows.start, 0) * BLOCK;
            // SAFETY: shapes were checked, and chunks have disjoint rows.
            unsafe {
                let output = shared.part(place..place + rows.len() * into.width * BLOCK);
                let output = output.as_mut_ptr();
                let rows = DepthwiseRows {
                    into,
                    block,
                    image,
                    rows,
                };
                depthwise.rows(self, input, rows, output);
            }
        });
        Ok(())
    }
}
