//! How a direct convolution reads its input, and in which pieces it is computed.

use super::gather::RowsCopy;
use super::{DirectOptions, FilterOrder, Grid, Work};
use crate::layout::block_stride;
use crate::{BLOCK, Error};

/// How pixels are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    /// Where they lie: 1×1, one after the other.
    InPlace,
    /// Where they lie: a window that is the whole map, image after image.
    WholeMaps,
    /// From copies of pixels with so many numbers from block to block.
    Pixels { stride: usize },
    /// From copies of rows.
    Rows(RowsCopy),
}

/// How the input is read, and how the work is shared.
#[derive(Debug)]
pub(super) struct Arrangement {
    pub(super) reading: Reading,
    pub(super) grid: Grid,
    /// Numbers from one block of the input to the next, where it is read.
    pub(super) stride: usize,
    /// Numbers of working memory of each thread.
    pub(super) scratch: usize,
}

impl Arrangement {
    /// For so many threads.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where a copy of rows would take more than there can be.
    pub(super) fn of(options: &DirectOptions, threads: usize) -> Result<Self, Error> {
        if options.is_pointwise() && !options.has_prologue && options.window.stride == 1 {
            Ok(Self::in_place(options, threads))
        } else if options.sees_whole_maps() {
            Ok(Self::whole_maps(options, threads))
        } else if options.is_pointwise() {
            Ok(Self::copied_pixels(options, threads))
        } else {
            Self::copied_rows(options, threads)
        }
    }

    fn in_place(options: &DirectOptions, threads: usize) -> Self {
        let work = Work {
            units: options.into.pixels(),
            input_effort: 1,
            fewest_units: 28,
            ..work(options)
        };
        Self {
            reading: Reading::InPlace,
            grid: work.grid(threads),
            stride: options.from.stride(),
            scratch: 0,
        }
    }

    fn whole_maps(options: &DirectOptions, threads: usize) -> Self {
        let work = Work {
            units: 1,
            ..work(options)
        };
        Self {
            reading: Reading::WholeMaps,
            grid: work.grid(threads),
            stride: options.from.stride(),
            scratch: 0,
        }
    }

    fn copied_pixels(options: &DirectOptions, threads: usize) -> Self {
        let work = work(options);
        let grid = work.grid(threads);
        let stride = block_stride(work.units.div_ceil(grid.units) * options.into.width);
        Self {
            reading: Reading::Pixels { stride },
            grid,
            stride,
            scratch: options.planes() * stride,
        }
    }

    /// No piece has rows of two images.
    fn copied_rows(options: &DirectOptions, threads: usize) -> Result<Self, Error> {
        let (into, planes) = (options.into, options.planes());
        let work = work(options);
        let of_image = Work {
            units: into.height,
            input: work.input / into.batch.max(1),
            ..work
        };
        let wanted = work.grid(threads);
        let parts = wanted
            .units
            .div_ceil(into.batch)
            .max(of_image.grid(1).units)
            .min(into.height);
        let copy = RowsCopy::new(
            options.window,
            into.width,
            into.height.div_ceil(parts),
            options.pixel(),
        );
        // Taps may lie far apart on a small map.
        let numbers = || copy.checked_stride()?.checked_mul(planes)?.checked_mul(threads);
        if numbers().is_none_or(|numbers| numbers > isize::MAX as usize / size_of::<f32>()) {
            return Err(Error::OutOfMemory { bytes: usize::MAX });
        }
        let stride = copy.stride();
        Ok(Self {
            reading: Reading::Rows(copy),
            grid: Grid {
                units: parts * into.batch,
                panels: wanted.panels,
            },
            stride,
            scratch: planes * stride,
        })
    }

    /// Where the kernel finds a pixel's input, from the pixel's first number on: for each run of channels its taps. With groups each
    /// panel takes those of the runs that it has weights for.
    pub(super) fn offsets(&self, options: &DirectOptions) -> Vec<usize> {
        let dilation = options.window.dilation;
        let tap = |row: usize, column: usize| match self.reading {
            Reading::InPlace | Reading::Pixels { .. } => 0,
            Reading::WholeMaps => (row * dilation * options.from.width + column * dilation) * BLOCK,
            Reading::Rows(copy) => copy.tap(row, column),
        };
        let width = options.shape.kernel[1];
        let taps: Vec<usize> = (0..options.shape.taps())
            .map(|index| tap(index / width, index % width))
            .collect();
        let run = options.shape.run(options.order);
        let per_plane = options.pixel() / run;
        (0..options.planes() * per_plane)
            .map(|index| index / per_plane * self.stride + index % per_plane * run)
            .flat_map(|first| taps.iter().map(move |tap| first + tap))
            .collect()
    }
}

impl DirectOptions {
    /// Whether it mixes the channels of single pixels.
    pub(super) fn is_pointwise(&self) -> bool {
        self.shape.kernel == [1, 1] && self.window.border == [0, 0] && self.order == FilterOrder::Blocked
    }

    /// Whether its one window is the whole map, or a part of it from the first pixel on.
    fn sees_whole_maps(&self) -> bool {
        let [vertical, horizontal] = self.window.axes().map(|axis| axis.reach(1));
        self.window.border == [0, 0]
            && (self.into.height, self.into.width) == (1, 1)
            && vertical <= self.from.height
            && horizontal <= self.from.width
            && self.order == FilterOrder::Blocked
            && !self.has_prologue
    }

    /// Numbers from one pixel of the input to the next.
    fn pixel(&self) -> usize {
        match self.order {
            FilterOrder::Blocked => BLOCK,
            FilterOrder::Planar => 1,
        }
    }

    /// Blocks of input channels, or channels of planar maps.
    fn planes(&self) -> usize {
        match self.order {
            FilterOrder::Blocked => self.from.blocks(),
            FilterOrder::Planar => self.from.channels,
        }
    }
}

/// All of it, in rows of outputs.
fn work(options: &DirectOptions) -> Work {
    let (shape, into) = (options.shape, options.into);
    let stride = options.window.stride;
    let row_bytes = (options.planes() * into.width * options.pixel() * size_of::<f32>())
        .saturating_mul(stride)
        .saturating_mul(stride);
    let rows = into.batch * into.height;
    Work {
        units: rows,
        panels: into.blocks(),
        group: 2,
        input: rows.saturating_mul(row_bytes),
        input_effort: 3,
        weights: shape.taps() * shape.group_channels() * into.blocks() * BLOCK * size_of::<f32>(),
        multiply_adds: into.pixels().saturating_mul(shape.len()),
        fewest_units: 28usize.div_ceil(into.width),
    }
}
