//! Pooling of all kinds: the largest value or the mean of windows, of the whole map, or of a grid of cells.

use crate::elementwise::same;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::window::Axis;
use crate::{BLOCK, Error, Executor, Maps, MapsMut, Window};

/// One row of outputs of a block.
///
/// # Safety
/// `input` is the first column of the first row of the map that windows reach; `rows` rows of `width` blocks, `row_stride` numbers
/// apart, are read there, and `outputs` blocks written. No window lies outside of the row altogether.
pub(crate) struct PoolRow {
    pub(crate) kind: Pooling,
    pub(crate) input: *const f32,
    pub(crate) rows: usize,
    pub(crate) row_stride: usize,
    pub(crate) width: usize,
    pub(crate) columns: Axis,
    pub(crate) output: *mut f32,
    pub(crate) outputs: usize,
    /// What a mean is multiplied by.
    pub(crate) factor: f32,
}

/// # Safety
/// As [`PoolRow`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn row<S: Simd>(row: &PoolRow) {
    for output in 0..row.outputs {
        let columns = row.columns.covered(output, row.width);
        // SAFETY: as the caller says.
        unsafe {
            let mut result = match row.kind {
                Pooling::Max => S::splat(f32::NEG_INFINITY),
                Pooling::Mean => S::splat(0.0),
            };
            for line in 0..row.rows {
                for column in columns.clone() {
                    let value = S::load(row.input.add(line * row.row_stride + column * BLOCK));
                    result = match row.kind {
                        Pooling::Max => S::maximum(result, value),
                        Pooling::Mean => S::add(result, value),
                    };
                }
            }
            if row.kind == Pooling::Mean {
                result = S::multiply(result, S::splat(row.factor));
            }
            S::store(row.output.add(output * BLOCK), result);
        }
    }
}

/// What a pooling makes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest value; the border counts as minus infinity.
    Max,
    /// The sum over the window's size; the border counts as zeros.
    Mean,
}

impl Executor {
    /// Pools windows.
    ///
    /// # Errors
    /// [`Error::Shape`] where the output is not of the size that the window gives.
    pub fn pool(
        &self,
        kind: Pooling,
        window: Window,
        input: Maps<'_>,
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        let (from, into) = (input.layout(), output.layout());
        same("pool", window.output_layout(from, from.channels, into)?, into)?;
        if window.dilation != 1 {
            return Err(Error::Shape {
                operation: "pool",
                what: "the dilation",
                expected: "1".to_owned(),
                found: window.dilation.to_string(),
            });
        }
        let [rows, columns] = window.axes();
        let shared = Shared::new(output.values());
        let count = (window.kernel[0] * window.kernel[1]) as f32;
        self.threads.run(into.blocks() * into.batch, |_, chunk| {
            let (block, image) = (chunk / into.batch, chunk % into.batch);
            for line in 0..into.height {
                let covered = rows.covered(line, from.height);
                let source = block * from.stride() + from.pixel(image, covered.start, 0) * BLOCK;
                let target = block * into.stride() + into.pixel(image, line, 0) * BLOCK;
                let read = covered.len() * from.width * BLOCK;
                let values = &input.values()[source..source + read];
                // SAFETY: chunks have disjoint blocks or images; the rows are those of `values`.
                unsafe {
                    (self.kernels.pool)(&PoolRow {
                        kind,
                        input: values.as_ptr(),
                        rows: covered.len(),
                        row_stride: from.width * BLOCK,
                        width: from.width,
                        columns,
                        output: shared.part(target..target + into.width * BLOCK).as_mut_ptr(),
                        outputs: into.width,
                        factor: 1.0 / count,
                    });
                }
            }
        });
        Ok(())
    }

    /// The means of a grid of cells that cover the map, as many as the output has pixels. Cells of a map that they do not divide
    /// overlap, as PyTorch's do.
    ///
    /// # Errors
    /// [`Error::Shape`] where batches or channels differ.
    pub fn adaptive_mean(&self, input: Maps<'_>, mut output: MapsMut<'_>) -> Result<(), Error> {
        let (from, into) = (input.layout(), output.layout());
        let expected = crate::Layout {
            height: into.height,
            width: into.width,
            ..from
        };
        same("adaptive_mean", expected, into)?;
        // Cell `index` of `cells` over `length`.
        let cell = |index: usize, cells: usize, length: usize| {
            index * length / cells..((index + 1) * length).div_ceil(cells)
        };
        let shared = Shared::new(output.values());
        self.run_light(from.len(), into.blocks() * into.batch, |chunk| {
            let (block, image) = (chunk / into.batch, chunk % into.batch);
            for pixel in 0..into.height * into.width {
                let rows = cell(pixel / into.width, into.height, from.height);
                let columns = cell(pixel % into.width, into.width, from.width);
                let source = block * from.stride() + from.pixel(image, rows.start, columns.start) * BLOCK;
                let end =
                    block * from.stride() + (from.pixel(image, rows.end - 1, columns.end - 1) + 1) * BLOCK;
                let values = &input.values()[source..end];
                let target = block * into.stride() + (into.pixel(image, 0, 0) + pixel) * BLOCK;
                // SAFETY: chunks have disjoint blocks or images; the cell's rows lie within `values`.
                unsafe {
                    (self.kernels.pool)(&PoolRow {
                        kind: Pooling::Mean,
                        input: values.as_ptr(),
                        rows: rows.len(),
                        row_stride: from.width * BLOCK,
                        width: columns.len(),
                        columns: Axis::whole(columns.len()),
                        output: shared.part(target..target + BLOCK).as_mut_ptr(),
                        outputs: 1,
                        factor: 1.0 / (rows.len() * columns.len()) as f32,
                    });
                }
            }
        });
        Ok(())
    }

    /// The mean over H and W.
    ///
    /// # Errors
    /// [`Error::Shape`] where batches or channels differ, or the output is larger than a pixel.
    pub fn global_mean(&self, input: Maps<'_>, output: MapsMut<'_>) -> Result<(), Error> {
        let from = input.layout();
        same(
            "global_mean",
            crate::Layout {
                height: 1,
                width: 1,
                ..from
            },
            output.layout(),
        )?;
        self.adaptive_mean(input, output)
    }
}
