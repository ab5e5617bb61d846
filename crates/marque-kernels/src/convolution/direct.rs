//! Convolution by its definition: every tap of every channel is a multiply-add.

use super::gather::{PixelsToCopy, RowsCopy, RowsToCopy};
use super::{Epilogue, FilterOrder, FilterShape, Filters, Grid, Prologue, Source, Work};
use crate::elementwise::{floor, same};
use crate::layout::{block_stride, part};
use crate::shared::Shared;
use crate::tile::{Multiply, Tile};
use crate::{BLOCK, Error, Executor, Layout, MapsMut, Window};

/// What a direct convolution is made for.
#[derive(Debug, Clone, Copy)]
pub struct DirectOptions {
    /// Dimensions of its filters.
    pub shape: FilterShape,
    /// How the maps lie that it reads.
    pub order: FilterOrder,
    /// How it slides.
    pub window: Window,
    /// The maps that it reads.
    pub from: Layout,
    /// The maps that it writes.
    pub into: Layout,
    /// Whether something is done to its input on the way.
    pub has_prologue: bool,
}

/// What a direct convolution works on.
#[derive(Debug, Clone, Copy)]
pub struct DirectOperands<'a> {
    /// What it multiplies by.
    pub filters: &'a Filters,
    /// What is done to its input on the way.
    pub prologue: Prologue<'a>,
    /// Its input.
    pub source: Source<'a>,
    /// What is done to its sums.
    pub epilogue: Epilogue<'a>,
}

/// A convolution for maps of one size: where the kernel finds what it multiplies, and how the work is shared.
#[derive(Debug)]
pub struct Direct {
    options: DirectOptions,
    reading: Reading,
    /// Where the kernel finds a pixel's input, from the pixel's first number on.
    offsets: Vec<usize>,
    /// From one block of input to the next, for panels that do not begin with the first one.
    block_offset: usize,
    grid: Grid,
    /// Numbers of working memory of each thread.
    scratch: usize,
}

/// How pixels are read.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Where they lie: 1×1, one after the other.
    InPlace,
    /// Where they lie: a window that is the whole map, image after image.
    WholeMaps,
    /// From copies of pixels with so many numbers from block to block.
    Pixels { stride: usize },
    /// From copies of rows.
    Rows(RowsCopy),
}

impl Direct {
    /// A convolution on this executor.
    ///
    /// # Errors
    /// [`Error::Shape`] where filters, maps and window do not fit.
    pub fn new(options: DirectOptions, executor: &Executor) -> Result<Self, Error> {
        let DirectOptions {
            shape,
            order,
            window,
            from,
            into,
            has_prologue,
        } = options;
        shape.check("convolution", shape.len())?;
        same(
            "convolution",
            Layout {
                channels: shape.in_channels,
                ..from
            },
            from,
        )?;
        same(
            "convolution",
            Layout {
                channels: shape.out_channels,
                ..into
            },
            into,
        )?;
        if has_prologue && order == FilterOrder::Planar {
            return Err(Error::Shape {
                operation: "convolution",
                what: "the input",
                expected: "maps in blocks, where something is done to them on the way".to_owned(),
                found: format!("{order:?}"),
            });
        }
        let is_pointwise = shape.kernel == [1, 1] && window.border == [0, 0] && order == FilterOrder::Blocked;
        if !(has_prologue && is_pointwise) {
            // A depthwise prologue has a window of its own, and checks it. What reads the map where it lies must not read beyond it.
            let expected = match is_pointwise {
                true => window.output_layout(from, shape.out_channels, into)?,
                false => window.bordered_layout(from, shape.out_channels, into)?,
            };
            same("convolution", expected, into)?;
        }
        if window.kernel != shape.kernel {
            return Err(Error::Shape {
                operation: "convolution",
                what: "the window",
                expected: format!("{:?}", shape.kernel),
                found: format!("{:?}", window.kernel),
            });
        }
        let threads = executor.threads.count();
        let pixel = match order {
            FilterOrder::Blocked => BLOCK,
            FilterOrder::Planar => 1,
        };
        let planes = match order {
            FilterOrder::Blocked => from.blocks(),
            FilterOrder::Planar => from.channels,
        };
        let [vertical, horizontal] = window.axes().map(|axis| axis.reach(1));
        let is_whole = window.border == [0, 0]
            && (into.height, into.width) == (1, 1)
            && vertical <= from.height
            && horizontal <= from.width
            && order == FilterOrder::Blocked
            && !has_prologue;
        let panels = into.blocks();
        let row_bytes = (planes * into.width * pixel * size_of::<f32>())
            .saturating_mul(window.stride)
            .saturating_mul(window.stride);
        let work = Work {
            units: into.batch * into.height,
            panels,
            group: 2,
            input: (into.batch * into.height).saturating_mul(row_bytes),
            input_effort: 3,
            weights: shape.taps() * shape.group_channels() * panels * BLOCK * size_of::<f32>(),
            multiply_adds: into.pixels().saturating_mul(shape.len()),
            fewest_units: 28usize.div_ceil(into.width),
        };
        let (reading, grid, stride, scratch);
        if is_pointwise && !has_prologue && window.stride == 1 {
            reading = Reading::InPlace;
            stride = from.stride();
            grid = Work {
                units: into.pixels(),
                input_effort: 1,
                fewest_units: 28,
                ..work
            }
            .grid(threads);
            scratch = 0;
        } else if is_whole {
            reading = Reading::WholeMaps;
            stride = from.stride();
            grid = Work { units: 1, ..work }.grid(threads);
            scratch = 0;
        } else if is_pointwise {
            grid = work.grid(threads);
            let most = work.units.div_ceil(grid.units) * into.width;
            stride = block_stride(most);
            reading = Reading::Pixels { stride };
            scratch = planes * stride;
        } else {
            // No piece has rows of two images.
            let grid_of_image = Work {
                units: into.height,
                input: into.height.saturating_mul(row_bytes),
                ..work
            };
            let wanted = work.grid(threads);
            let parts = wanted
                .units
                .div_ceil(into.batch)
                .max(grid_of_image.grid(1).units)
                .min(into.height);
            grid = Grid {
                units: parts * into.batch,
                panels: wanted.panels,
            };
            let copy = RowsCopy::new(window, into.width, into.height.div_ceil(parts), pixel);
            // Taps may lie far apart on a small map.
            let numbers = || copy.checked_stride()?.checked_mul(planes)?.checked_mul(threads);
            if numbers().is_none_or(|numbers| numbers > isize::MAX as usize / size_of::<f32>()) {
                return Err(Error::OutOfMemory { bytes: usize::MAX });
            }
            stride = copy.stride();
            reading = Reading::Rows(copy);
            scratch = planes * stride;
        }
        let tap = |row: usize, column: usize| match reading {
            Reading::InPlace | Reading::Pixels { .. } => 0,
            Reading::WholeMaps => (row * window.dilation * from.width + column * window.dilation) * BLOCK,
            Reading::Rows(copy) => copy.tap(row, column),
        };
        let taps: Vec<usize> = (0..shape.taps())
            .map(|index| tap(index / shape.kernel[1], index % shape.kernel[1]))
            .collect();
        // With groups each panel takes as many of the first ones as it has weights for.
        let offsets = (0..planes)
            .flat_map(|block| taps.iter().map(move |tap| block * stride + tap))
            .collect();
        Ok(Self {
            options,
            reading,
            offsets,
            block_offset: stride,
            grid,
            scratch,
        })
    }

    /// What it was made for.
    pub fn options(&self) -> &DirectOptions {
        &self.options
    }

    /// Numbers of working memory that [`run`](Self::run) takes on the executor that it was made for.
    pub fn scratch_len(&self, executor: &Executor) -> usize {
        self.scratch * executor.threads.count()
    }

    /// Computes it, with working memory of [`scratch_len`](Self::scratch_len) numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] where filters, maps or working memory are not those that it was made for.
    pub fn run(
        &self,
        executor: &Executor,
        operands: DirectOperands<'_>,
        mut output: MapsMut<'_>,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.check(executor, &operands, output.layout(), scratch.len())?;
        let DirectOperands {
            filters,
            prologue,
            source,
            epilogue,
        } = operands;
        let DirectOptions {
            shape,
            window,
            from,
            into,
            ..
        } = self.options;
        let (output_len, scratches) = (output.values().len(), Shared::new(scratch));
        let output = Shared::new(output.values());
        let groups = filters.panels().div_ceil(2);
        executor.threads.run(self.grid.pieces(), |worker, piece| {
            let (unit, panel) = (piece % self.grid.units, piece / self.grid.units);
            let groups = part(groups, self.grid.panels, panel);
            let panels = groups.start * 2..(groups.end * 2).min(filters.panels());
            // SAFETY: each thread has working memory of its own.
            let scratch = unsafe { scratches.part(worker * self.scratch..(worker + 1) * self.scratch) };
            // The input, from the first pixel on; rows of pixels and their lengths; the place of the first output.
            let (input, rows, row_stride, pixels, place): (&[f32], usize, usize, usize, usize);
            let mut step = BLOCK;
            match (self.reading, source) {
                (Reading::InPlace, Source::Maps(maps)) => {
                    let range = part(into.pixels(), self.grid.units, unit);
                    input = &maps.values()[range.start * BLOCK..];
                    (rows, row_stride, pixels, place) = (1, 0, range.len(), range.start);
                }
                (Reading::WholeMaps, Source::Maps(maps)) => {
                    input = maps.values();
                    step = from.height * from.width * BLOCK;
                    (rows, row_stride, pixels, place) = (1, 0, into.batch, 0);
                }
                (Reading::Pixels { stride }, Source::Maps(maps)) => {
                    let range = part(into.batch * into.height, self.grid.units, unit);
                    PixelsToCopy {
                        prologue,
                        input: maps,
                        into,
                        step: window.stride,
                        rows: range.clone(),
                        stride,
                    }
                    .copy(executor, scratch);
                    input = scratch;
                    (rows, row_stride) = (1, 0);
                    (pixels, place) = (range.len() * into.width, range.start * into.width);
                }
                (Reading::Rows(copy), source) => {
                    let parts = self.grid.units / into.batch;
                    let image = unit / parts;
                    let range = part(into.height, parts, unit % parts);
                    let affine = match prologue {
                        Prologue::Affine(affine) => Some(affine),
                        Prologue::None | Prologue::Depthwise(_) => None,
                    };
                    let copied = RowsToCopy {
                        source,
                        affine,
                        image,
                        outputs: range.clone(),
                    };
                    copy.copy(executor.kernels, copied, scratch);
                    input = scratch;
                    step = copy.pixel;
                    (rows, row_stride) = (range.len(), window.stride * copy.row_stride());
                    (pixels, place) = (into.width, into.pixel(image, range.start, 0));
                }
                // `check` has refused images that are to be read as maps.
                (_, Source::Image(_)) => return,
            }
            if rows == 0 || pixels == 0 || panels.is_empty() {
                return;
            }
            // Panels of groups begin with blocks of their own.
            let together = if shape.groups == 1 { panels.len() } else { 1 };
            for panels in panels
                .clone()
                .step_by(together)
                .map(|panel| panel..panel + together)
            {
                let offsets = &self.offsets[..filters.blocks() * shape.taps()];
                let input = &input[filters.first_block(panels.start) * self.block_offset..];
                let run = step_run(step);
                let last = offsets.iter().copied().max().unwrap_or(0);
                assert!(last + (rows - 1) * row_stride + (pixels - 1) * step + run <= input.len());
                let first = panels.start * into.stride() + place * BLOCK;
                let written = rows * pixels * BLOCK;
                let addend = match epilogue.addend {
                    Some(addend) => {
                        assert!(addend.values().len() == output_len);
                        addend.values()[first..].as_ptr()
                    }
                    None => std::ptr::null(),
                };
                let weights =
                    &filters.weights()[panels.start * filters.per_panel()..panels.end * filters.per_panel()];
                assert!(offsets.len() * run * BLOCK == filters.per_panel());
                // SAFETY: the input, weights, bias and outputs are as long as the kernel reads and writes, as was just asserted;
                // pieces have disjoint panels or pixels.
                unsafe {
                    executor.kernels.multiply(&Multiply {
                        first: Tile {
                            input: input.as_ptr(),
                            offsets: offsets.as_ptr(),
                            offset_count: offsets.len(),
                            run,
                            step,
                            weights: weights.as_ptr(),
                            weight_stride: filters.per_panel(),
                            ahead: weights.as_ptr().wrapping_add(2 * filters.per_panel()),
                            bias: epilogue.bias.values()[panels.start * BLOCK..panels.end * BLOCK].as_ptr(),
                            addend,
                            output: output.runs(first, panels.len(), into.stride(), written),
                            output_stride: into.stride(),
                            floor: floor(epilogue.rectify),
                        },
                        rows,
                        row_stride,
                        pixels,
                        panels: panels.len(),
                    });
                }
            }
        });
        Ok(())
    }

    fn check(
        &self,
        executor: &Executor,
        operands: &DirectOperands<'_>,
        into: Layout,
        scratch: usize,
    ) -> Result<(), Error> {
        let DirectOperands {
            filters,
            prologue,
            source,
            epilogue,
        } = *operands;
        let wrong = |what, expected: String, found: String| {
            Err(Error::Shape {
                operation: "convolution",
                what,
                expected,
                found,
            })
        };
        let options = &self.options;
        if (filters.shape(), filters.order()) != (options.shape, options.order) {
            let expected = format!("{:?}, {:?}", options.shape, options.order);
            return wrong(
                "the filters",
                expected,
                format!("{:?}, {:?}", filters.shape(), filters.order()),
            );
        }
        let order = match source {
            Source::Maps(_) => FilterOrder::Blocked,
            Source::Image(image) => {
                let Layout {
                    batch,
                    channels,
                    height,
                    width,
                } = image.layout;
                if image.values.len() != batch * channels * height * width {
                    return wrong(
                        "the image",
                        format!("{:?}", image.layout),
                        image.values.len().to_string(),
                    );
                }
                FilterOrder::Planar
            }
        };
        if order != options.order {
            return wrong("the input", format!("{:?}", options.order), format!("{order:?}"));
        }
        same("convolution", options.from, source.layout())?;
        same("convolution", options.into, into)?;
        epilogue.bias.check(options.shape.out_channels)?;
        if let Some(addend) = epilogue.addend {
            same("convolution", options.into, addend.layout())?;
        }
        match prologue {
            Prologue::None if !options.has_prologue => (),
            Prologue::Affine(affine) if options.has_prologue => {
                let channels = options.shape.out_channels;
                let fitting = options
                    .window
                    .output_layout(options.from, channels, options.into)?;
                same("convolution", fitting, options.into)?;
                affine.check(options.from.blocks())?;
            }
            Prologue::Depthwise(depthwise) if matches!(self.reading, Reading::Pixels { .. }) => {
                let between = Layout {
                    channels: options.from.channels,
                    ..options.into
                };
                depthwise.check(options.from, between)?;
            }
            _ => {
                let found = format!("{prologue:?}");
                return wrong("the prologue", format!("one: {}", options.has_prologue), found);
            }
        }
        if scratch < self.scratch_len(executor) {
            let expected = self.scratch_len(executor).to_string();
            return wrong("the working memory", expected, scratch.to_string());
        }
        Ok(())
    }
}

/// Input channels side by side in pixels of this step.
fn step_run(step: usize) -> usize {
    if step == 1 { 1 } else { BLOCK }
}
