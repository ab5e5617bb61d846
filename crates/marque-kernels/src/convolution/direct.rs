//! Convolution by its definition: every tap of every channel is a multiply-add.

use super::arrangement::{Arrangement, Reading};
use super::gather::{PixelsToCopy, RowsToCopy};
use super::{Epilogue, FilterOrder, FilterShape, Filters, Prologue, Source};
use crate::activation::Finish;
use crate::elementwise::same;
use crate::layout::part;
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

impl DirectOptions {
    /// Whether filters, maps and window fit.
    fn check(&self) -> Result<(), Error> {
        let Self {
            shape,
            order,
            window,
            from,
            into,
            has_prologue,
        } = *self;
        let wrong = |what, expected: String, found: String| Error::Shape {
            operation: "convolution",
            what,
            expected,
            found,
        };
        shape.check("convolution", shape.len())?;
        let with_channels =
            |channels: usize, maps: Layout| same("convolution", Layout { channels, ..maps }, maps);
        with_channels(shape.in_channels, from)?;
        with_channels(shape.out_channels, into)?;
        if has_prologue && order == FilterOrder::Planar {
            let expected = "maps in blocks, where something is done to them on the way".to_owned();
            return Err(wrong("the input", expected, format!("{order:?}")));
        }
        // A depthwise prologue has a window of its own, and checks it. What reads the map where it lies must not read beyond it.
        if !(has_prologue && self.is_pointwise()) {
            let expected = match self.is_pointwise() {
                true => window.output_layout(from, shape.out_channels, into)?,
                false => window.bordered_layout(from, shape.out_channels, into)?,
            };
            same("convolution", expected, into)?;
        }
        if window.kernel != shape.kernel {
            let [expected, found] = [shape.kernel, window.kernel].map(|kernel| format!("{kernel:?}"));
            return Err(wrong("the window", expected, found));
        }
        Ok(())
    }
}

/// A convolution for maps of one size: where the kernel finds what it multiplies, and how the work is shared.
#[derive(Debug)]
pub struct Direct {
    options: DirectOptions,
    arrangement: Arrangement,
    /// Input channels side by side at each offset.
    run: usize,
    /// Where the kernel finds a pixel's input, from the pixel's first number on.
    offsets: Vec<usize>,
}

/// The input of a piece of the work, where the kernel reads it.
struct PieceInput<'a> {
    /// From the first pixel on.
    values: &'a [f32],
    /// Rows of pixels.
    rows: usize,
    /// Numbers from one row to the next.
    row_stride: usize,
    /// Pixels of a row.
    pixels: usize,
    /// Numbers from one pixel to the next.
    step: usize,
    /// Where the first of its outputs lies, in pixels.
    place: usize,
}

impl Direct {
    /// A convolution on this executor.
    ///
    /// # Errors
    /// [`Error::Shape`] where filters, maps and window do not fit, [`Error::OutOfMemory`] where no memory would do.
    pub fn new(options: DirectOptions, executor: &Executor) -> Result<Self, Error> {
        options.check()?;
        let arrangement = Arrangement::of(&options, executor.threads.count())?;
        Ok(Self {
            options,
            run: options.shape.run(options.order),
            offsets: arrangement.offsets(&options),
            arrangement,
        })
    }

    /// What it was made for.
    pub fn options(&self) -> &DirectOptions {
        &self.options
    }

    /// Numbers of working memory that [`run`](Self::run) takes on the executor that it was made for.
    pub fn scratch_len(&self, executor: &Executor) -> usize {
        self.arrangement.scratch * executor.threads.count()
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
            filters, epilogue, ..
        } = operands;
        let (into, grid) = (self.options.into, self.arrangement.grid);
        let (output_len, scratches) = (output.values().len(), Shared::new(scratch));
        let output = Shared::new(output.values());
        let all_panels = filters.panels();
        let groups = all_panels.len().div_ceil(2);
        let (taps, run) = (self.options.shape.taps(), self.run);
        executor.threads.run(grid.pieces(), |worker, piece| {
            let (unit, panel) = (piece % grid.units, piece / grid.units);
            let groups = part(groups, grid.panels, panel);
            let panels = groups.start * 2..(groups.end * 2).min(all_panels.len());
            let own = worker * self.arrangement.scratch..(worker + 1) * self.arrangement.scratch;
            // SAFETY: each thread has working memory of its own.
            let scratch = unsafe { scratches.part(own) };
            let Some(piece) = self.input(executor, &operands, unit, scratch) else {
                return;
            };
            if piece.rows == 0 || piece.pixels == 0 || panels.is_empty() {
                return;
            }
            // Panels of groups have inputs of their own.
            let together = if self.options.shape.groups == 1 {
                panels.len()
            } else {
                1
            };
            for panels in panels
                .clone()
                .step_by(together)
                .map(|panel| panel..panel + together)
            {
                let runs = &all_panels[panels.start].runs;
                let offsets = &self.offsets[runs.start * taps..runs.end * taps];
                let last_offset = offsets.iter().copied().max().unwrap_or(0);
                let last =
                    last_offset + (piece.rows - 1) * piece.row_stride + (piece.pixels - 1) * piece.step;
                assert!(last + run <= piece.values.len());
                let first = panels.start * into.stride() + piece.place * BLOCK;
                let written = piece.rows * piece.pixels * BLOCK;
                let addend = match epilogue.addend {
                    Some(addend) => {
                        assert!(addend.values().len() == output_len);
                        addend.values()[first..].as_ptr()
                    }
                    None => std::ptr::null(),
                };
                let weights = filters.weights(panels.clone());
                let per_panel = offsets.len() * run * BLOCK;
                assert!(weights.len() == panels.len() * per_panel);
                // SAFETY: the input, weights, bias and outputs are as long as the kernel reads and writes, as was just asserted;
                // pieces have disjoint panels or pixels.
                unsafe {
                    executor.kernels.multiply(&Multiply {
                        first: Tile {
                            input: piece.values.as_ptr(),
                            offsets: offsets.as_ptr(),
                            offset_count: offsets.len(),
                            run,
                            step: piece.step,
                            weights: weights.as_ptr(),
                            weight_stride: per_panel,
                            ahead: weights.as_ptr().wrapping_add(2 * per_panel),
                            bias: epilogue.bias.values()[panels.start * BLOCK..panels.end * BLOCK].as_ptr(),
                            addend,
                            output: output.runs(first, panels.len(), into.stride(), written),
                            output_stride: into.stride(),
                            finish: Finish::of(epilogue.activation, executor.kernels),
                        },
                        rows: piece.rows,
                        row_stride: piece.row_stride,
                        pixels: piece.pixels,
                        panels: panels.len(),
                    });
                }
            }
        });
        Ok(())
    }

    /// The input of a part of the units, copied into `scratch` where it is not read where it lies. [`check`](Self::check) has refused
    /// images that are to be read as maps, of which there is none.
    fn input<'a>(
        &self,
        executor: &Executor,
        operands: &DirectOperands<'a>,
        unit: usize,
        scratch: &'a mut [f32],
    ) -> Option<PieceInput<'a>> {
        let DirectOptions {
            window, from, into, ..
        } = self.options;
        let units = self.arrangement.grid.units;
        Some(match (self.arrangement.reading, operands.source) {
            (Reading::InPlace, Source::Maps(maps)) => {
                let range = part(into.pixels(), units, unit);
                PieceInput {
                    values: &maps.values()[range.start * BLOCK..],
                    rows: 1,
                    row_stride: 0,
                    pixels: range.len(),
                    step: BLOCK,
                    place: range.start,
                }
            }
            (Reading::WholeMaps, Source::Maps(maps)) => PieceInput {
                values: maps.values(),
                rows: 1,
                row_stride: 0,
                pixels: into.batch,
                step: from.height * from.width * BLOCK,
                place: 0,
            },
            (Reading::Pixels { stride }, Source::Maps(maps)) => {
                let range = part(into.batch * into.height, units, unit);
                PixelsToCopy {
                    prologue: operands.prologue,
                    input: maps,
                    into,
                    step: window.stride,
                    rows: range.clone(),
                    stride,
                }
                .copy(executor, scratch);
                PieceInput {
                    values: scratch,
                    rows: 1,
                    row_stride: 0,
                    pixels: range.len() * into.width,
                    step: BLOCK,
                    place: range.start * into.width,
                }
            }
            (Reading::Rows(copy), source) => {
                let parts = units / into.batch;
                let image = unit / parts;
                let range = part(into.height, parts, unit % parts);
                let affine = match operands.prologue {
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
                PieceInput {
                    values: scratch,
                    rows: range.len(),
                    row_stride: window.stride * copy.row_stride(),
                    pixels: into.width,
                    step: copy.pixel,
                    place: into.pixel(image, range.start, 0),
                }
            }
            (_, Source::Image(_)) => return None,
        })
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
            Prologue::Depthwise(depthwise) if matches!(self.arrangement.reading, Reading::Pixels { .. }) => {
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
