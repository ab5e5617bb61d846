//! Copies of what a piece of a convolution reads, where it cannot read the maps as they lie: with the border's zeros, only the pixels
//! that a stride leaves, or changed on the way.

use crate::activation::Finish;
use crate::depthwise::DepthwiseRows;
use crate::elementwise::{Affine, AffineRow};
use crate::kernels::Kernels;
use crate::layout::block_stride;
use crate::window::Axis;
use crate::{BLOCK, Depthwise, Executor, Layout, Maps, Window};
use std::ops::Range;

/// Images as callers have them: N×C×H×W, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// N, C, H and W.
    pub layout: Layout,
    /// N·C·H·W numbers.
    pub values: &'a [f32],
}

/// What a convolution reads.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Feature maps in blocks.
    Maps(Maps<'a>),
    /// Planar images.
    Image(Image<'a>),
}

impl Source<'_> {
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Source::Maps(maps) => maps.layout(),
            Source::Image(image) => image.layout,
        }
    }
}

/// What is done to the input of a convolution before it, piece by piece, so that it never lies in memory as a whole.
#[derive(Debug, Clone, Copy)]
pub enum Prologue<'a> {
    /// Nothing.
    None,
    /// An affine map per channel: a batch norm that stands before the convolution.
    Affine(Affine<'a>),
    /// A depthwise convolution, before one of 1×1.
    Depthwise(Depthwise<'a>),
}

/// What is copied of one image, for some rows of outputs.
pub(crate) struct RowsToCopy<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) affine: Option<Affine<'a>>,
    pub(crate) image: usize,
    pub(crate) outputs: Range<usize>,
}

/// How the rows that a window needs lie in a copy: blocks, or planes, then rows, the phases of the stride, and columns. In each phase
/// the columns that one tap meets in neighbouring windows are neighbours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowsCopy {
    pub(crate) vertical: Axis,
    pub(crate) horizontal: Axis,
    /// Numbers of a pixel: a block, or 1 in planar images.
    pub(crate) pixel: usize,
    /// Columns of a phase.
    pub(crate) columns: usize,
    /// Most rows of outputs of a copy.
    pub(crate) most_rows: usize,
}

impl RowsCopy {
    pub(crate) fn new(window: Window, outputs: usize, most_rows: usize, pixel: usize) -> Self {
        let [vertical, horizontal] = window.axes();
        Self {
            vertical,
            horizontal,
            pixel,
            columns: horizontal.reach(outputs).div_ceil(window.stride),
            most_rows,
        }
    }

    /// Numbers from one row of the copy to the next.
    pub(crate) fn row_stride(&self) -> usize {
        self.horizontal.stride * self.columns * self.pixel
    }

    /// Numbers from one block, or plane, of the copy to the next.
    pub(crate) fn stride(&self) -> usize {
        let rows = self.vertical.reach(self.most_rows);
        match self.pixel {
            BLOCK => block_stride(rows * self.row_stride() / BLOCK),
            _ => rows * self.row_stride(),
        }
    }

    /// [`stride`](Self::stride), or `None` where it cannot be counted.
    pub(crate) fn checked_stride(&self) -> Option<usize> {
        let row = self.horizontal.stride.checked_mul(self.columns)?;
        let pixels = self.vertical.reach(self.most_rows).checked_mul(row)?;
        pixels.checked_add(1)?.checked_mul(self.pixel)?;
        Some(self.stride())
    }

    /// Where a tap meets the first window of a row, from that row's first number on.
    pub(crate) fn tap(&self, row: usize, column: usize) -> usize {
        let column = column * self.horizontal.dilation;
        let phase = column % self.horizontal.stride * self.columns;
        row * self.vertical.dilation * self.row_stride()
            + (phase + column / self.horizontal.stride) * self.pixel
    }

    /// Copies what the windows of some rows of one image need.
    pub(crate) fn copy(&self, kernels: &Kernels, rows: RowsToCopy<'_>, copy: &mut [f32]) {
        let RowsToCopy {
            source,
            affine,
            image,
            outputs,
        } = rows;
        let from = source.layout();
        let rows = self.vertical.reach(outputs.len());
        let planes = match source {
            Source::Maps(_) => from.blocks(),
            Source::Image(_) => from.channels,
        };
        for plane in 0..planes {
            let target = &mut copy[plane * self.stride()..][..rows * self.row_stride()];
            for (row, target) in target.chunks_exact_mut(self.row_stride()).enumerate() {
                let row = (outputs.start * self.vertical.stride + row).checked_sub(self.vertical.border);
                let Some(row) = row.filter(|&row| row < from.height) else {
                    target.fill(0.0);
                    continue;
                };
                match source {
                    Source::Maps(maps) => {
                        let first = plane * from.stride() + from.pixel(image, row, 0) * BLOCK;
                        let values = &maps.values()[first..first + from.width * BLOCK];
                        match affine {
                            None if self.horizontal.stride == 1 => self.copy_row(values, target),
                            None => self.pick_blocks(values, from.width, target),
                            Some(affine) => {
                                let change = Change {
                                    kernels,
                                    affine,
                                    block: plane,
                                };
                                self.change_row(&change, values, from.width, target);
                            }
                        }
                    }
                    Source::Image(picture) => {
                        let first = ((image * from.channels + plane) * from.height + row) * from.width;
                        let values = &picture.values[first..first + from.width];
                        match self.horizontal.stride {
                            1 => self.copy_row(values, target),
                            _ => self.pick_numbers(values, target),
                        }
                    }
                }
            }
        }
    }

    /// The part of a phase that lies within a map of this width, and the map's column that it begins with.
    fn within(&self, phase: usize, width: usize) -> (Range<usize>, usize) {
        let Axis { stride, border, .. } = self.horizontal;
        let start = border.saturating_sub(phase).div_ceil(stride).min(self.columns);
        let end = (width + border)
            .saturating_sub(phase)
            .div_ceil(stride)
            .clamp(start, self.columns);
        (start..end, (start * stride + phase).saturating_sub(border))
    }

    fn copy_row(&self, values: &[f32], target: &mut [f32]) {
        let (inside, first) = self.within(0, values.len() / self.pixel);
        let inside = inside.start * self.pixel..inside.end * self.pixel;
        target[..inside.start].fill(0.0);
        target[inside.end..].fill(0.0);
        let len = inside.len();
        target[inside].copy_from_slice(&values[first * self.pixel..][..len]);
    }

    fn pick_numbers(&self, values: &[f32], target: &mut [f32]) {
        for (phase, target) in target.chunks_exact_mut(self.columns).enumerate() {
            let (inside, first) = self.within(phase, values.len());
            target[..inside.start].fill(0.0);
            target[inside.end..].fill(0.0);
            let picked = values[first.min(values.len())..]
                .iter()
                .step_by(self.horizontal.stride);
            for (target, &value) in target[inside].iter_mut().zip(picked) {
                *target = value;
            }
        }
    }

    fn pick_blocks(&self, values: &[f32], width: usize, target: &mut [f32]) {
        for (phase, target) in target.chunks_exact_mut(self.columns * BLOCK).enumerate() {
            let (inside, first) = self.within(phase, width);
            target[..inside.start * BLOCK].fill(0.0);
            target[inside.end * BLOCK..].fill(0.0);
            let target = &mut target[inside.start * BLOCK..inside.end * BLOCK];
            for (index, target) in target.chunks_exact_mut(BLOCK).enumerate() {
                let column = first + index * self.horizontal.stride;
                target.copy_from_slice(&values[column * BLOCK..(column + 1) * BLOCK]);
            }
        }
    }

    fn change_row(&self, change: &Change<'_>, values: &[f32], width: usize, target: &mut [f32]) {
        for (phase, target) in target.chunks_exact_mut(self.columns * BLOCK).enumerate() {
            let (inside, first) = self.within(phase, width);
            target[..inside.start * BLOCK].fill(0.0);
            target[inside.end * BLOCK..].fill(0.0);
            if !inside.is_empty() {
                let target = &mut target[inside.start * BLOCK..inside.end * BLOCK];
                change.apply(&values[first * BLOCK..], self.horizontal.stride, target);
            }
        }
    }
}

/// An affine map for the channels of a block.
struct Change<'a> {
    kernels: &'a Kernels,
    affine: Affine<'a>,
    block: usize,
}

impl Change<'_> {
    /// Changes every `stride`-th pixel.
    fn apply(&self, values: &[f32], stride: usize, target: &mut [f32]) {
        let count = target.len() / BLOCK;
        let channels = self.block * BLOCK..(self.block + 1) * BLOCK;
        let values = &values[..((count - 1) * stride + 1) * BLOCK];
        // SAFETY: the slices are as long as the kernel reads and writes.
        unsafe {
            (self.kernels.affine)(&AffineRow {
                input: values.as_ptr(),
                step: stride * BLOCK,
                output: target.as_mut_ptr(),
                count,
                scale: self.affine.scale[channels.clone()].as_ptr(),
                shift: self.affine.shift[channels].as_ptr(),
                finish: Finish::of(self.affine.activation, self.kernels),
            });
        }
    }
}

/// The pixels that some rows of a 1×1 convolution's outputs are made of. Rows are counted through all images.
pub(crate) struct PixelsToCopy<'a> {
    pub(crate) prologue: Prologue<'a>,
    pub(crate) input: Maps<'a>,
    pub(crate) into: Layout,
    /// Step between the pixels that are taken.
    pub(crate) step: usize,
    pub(crate) rows: Range<usize>,
    /// Numbers from one block of channels of the copy to the next.
    pub(crate) stride: usize,
}

impl PixelsToCopy<'_> {
    /// Copies them, each block of channels by itself.
    pub(crate) fn copy(&self, executor: &Executor, copy: &mut [f32]) {
        let Self {
            prologue,
            input,
            into,
            step,
            ref rows,
            stride,
        } = *self;
        let from = input.layout();
        let width = into.width * BLOCK;
        for block in 0..from.blocks() {
            let change = |affine| Change {
                kernels: executor.kernels,
                affine,
                block,
            };
            let target = &mut copy[block * stride..][..rows.len() * width];
            // All pixels lie in a row where none is left out.
            if let (Prologue::Affine(affine), 1) = (prologue, step) {
                let first = block * from.stride() + rows.start * width;
                change(affine).apply(&input.values()[first..], 1, target);
                continue;
            }
            for (row, target) in rows.clone().zip(target.chunks_exact_mut(width)) {
                let (image, row) = (row / into.height, row % into.height);
                if let Prologue::Depthwise(depthwise) = prologue {
                    let rows = DepthwiseRows {
                        into,
                        block,
                        image,
                        rows: row..row + 1,
                    };
                    // SAFETY: shapes were checked when the convolution began, and the target is a row.
                    unsafe { depthwise.rows(executor, input, rows, target.as_mut_ptr()) };
                    continue;
                }
                let first = block * from.stride() + from.pixel(image, row * step, 0) * BLOCK;
                let values = &input.values()[first..first + from.width * BLOCK];
                if let Prologue::Affine(affine) = prologue {
                    change(affine).apply(values, step, target);
                    continue;
                }
                for (column, target) in target.chunks_exact_mut(BLOCK).enumerate() {
                    let place = column * step * BLOCK;
                    target.copy_from_slice(&values[place..place + BLOCK]);
                }
            }
        }
    }
}
