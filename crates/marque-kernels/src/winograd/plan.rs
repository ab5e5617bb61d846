use super::WinogradFilters;
use super::tiling::{SIZES, Tile, TileBlock, cover};
use super::transforms::{InputTransform, OutputTransform};
use crate::activation::Finish;
use crate::elementwise::same;
use crate::layout::part;
use crate::shared::Shared;
use crate::tile::{Multiply, Tile as Product};
use crate::{BLOCK, Epilogue, Error, Executor, Layout, Maps, MapsMut, Window};
use std::ops::Range;

/// Bytes of evaluated input that one thread works on: with weights that pass by they must fit into the second cache.
const INPUT_OF_A_PIECE: usize = 768 << 10;
/// Bytes of weights that stay in the second cache beside it.
const WEIGHTS_IN_CACHE: usize = 1 << 20;
/// Tiles that a piece should not have fewer of: the kernel's pixels.
const FEWEST_TILES: usize = 14;
/// Pieces per thread where there is enough to do.
const PIECES_PER_THREAD: usize = 3;
/// Panels of outputs that a kernel multiplies with together.
const GROUP: usize = 2;

/// What a convolution by Winograd's method is made for.
#[derive(Debug, Clone, Copy)]
pub struct WinogradOptions {
    /// The largest tile: 2, 3, 4 or 6 outputs in each direction. The larger, the fewer multiplications, the more weights and the
    /// larger the rounding errors.
    pub tile: usize,
    /// Rows and columns of zeros before the map's first ones.
    pub border: [usize; 2],
    /// The maps that it reads.
    pub from: Layout,
    /// The maps that it writes.
    pub into: Layout,
}

/// What a convolution by Winograd's method works on.
#[derive(Debug, Clone, Copy)]
pub struct WinogradOperands<'a> {
    /// What it multiplies by.
    pub filters: &'a WinogradFilters,
    /// Its input.
    pub input: Maps<'a>,
    /// What is done to its sums.
    pub epilogue: Epilogue<'a>,
}

/// Products of a block of tiles with some panels, and their way into the output.
struct Products<'a> {
    operands: WinogradOperands<'a>,
    block: usize,
    panels: Range<usize>,
    /// The evaluated inputs.
    values: &'a [f32],
    output: Shared<'a>,
}

/// A convolution of three by three taps with stride 1 for maps of one size.
#[derive(Debug)]
pub struct Winograd {
    options: WinogradOptions,
    /// Points of the largest tile in each direction.
    points: [usize; 2],
    blocks: Vec<TileBlock>,
    sharing: Sharing,
    /// Panels of outputs whose products are interpolated together.
    group: usize,
    /// From one block of channels to the next among evaluated inputs.
    offsets: Vec<Vec<usize>>,
    /// Most tiles of a block.
    most_tiles: usize,
}

/// How threads share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Each takes blocks of tiles from the input to the output: every block reads all weights.
    Tiles,
    /// All tiles are evaluated first; then each takes panels of outputs: the weights are read once.
    Panels,
}

impl Winograd {
    /// A convolution on this executor.
    ///
    /// # Errors
    /// [`Error::Shape`] where the tile is of another size, or maps and border do not fit.
    pub fn new(options: WinogradOptions, executor: &Executor) -> Result<Self, Error> {
        let WinogradOptions {
            tile,
            border,
            from,
            into,
        } = options;
        if !SIZES.contains(&tile) {
            return Err(Error::Shape {
                operation: "winograd",
                what: "the tile",
                expected: "2, 3, 4 or 6".to_owned(),
                found: tile.to_string(),
            });
        }
        let window = Window {
            kernel: [3; 2],
            stride: 1,
            dilation: 1,
            border,
        };
        same("winograd", window.output_layout(from, into.channels, into)?, into)?;
        let (rows, columns) = (cover(into.height, tile), cover(into.width, tile));
        let points = [&rows, &columns].map(|extents| extents[0].size + 2);
        let per_image = rows.len() * columns.len();
        let total = per_image * into.batch;
        let input = points[0] * points[1] * from.blocks() * BLOCK * size_of::<f32>();
        let weights =
            points[0] * points[1] * from.blocks() * BLOCK * into.blocks() * BLOCK * size_of::<f32>();
        let threads = executor.threads.count();
        let fewest = (total * input).div_ceil(INPUT_OF_A_PIECE);
        let wanted = if threads > 1 {
            PIECES_PER_THREAD * threads
        } else {
            1
        };
        let pieces = wanted.min(total / FEWEST_TILES).max(fewest).clamp(1, total);
        // As many for each thread, where there are few.
        let even = (pieces / threads * threads).max(threads);
        let pieces = match pieces {
            1 => 1,
            _ if pieces >= PIECES_PER_THREAD * threads => pieces,
            _ if even >= fewest => even.min(total),
            _ => (even + threads).min(total),
        };
        // Panels that are too few for all threads in pairs are computed one by one.
        let group = if into.blocks() < GROUP * threads { 1 } else { GROUP };
        let groups = into.blocks().div_ceil(group);
        // Bytes that are read from beyond the second cache.
        let by_tiles = match weights <= WEIGHTS_IN_CACHE {
            true => weights * threads,
            false => weights.saturating_mul(pieces),
        };
        let by_panels = match fewest <= 1 {
            true => weights.saturating_add((total * input).saturating_mul(threads)),
            false => weights.saturating_add((total * input).saturating_mul(groups)),
        };
        let is_shared = pieces >= threads;
        let sharing = match is_shared && by_tiles <= by_panels {
            true => Sharing::Tiles,
            false => Sharing::Panels,
        };
        // Tiles are kept in lists, which are no smaller a part of the maps than a hundredth.
        let tiles = Vec::<Tile>::new().try_reserve_exact(total);
        tiles.map_err(|_| Error::OutOfMemory {
            bytes: total.saturating_mul(size_of::<Tile>()),
        })?;
        let tile_at = |index: usize| Tile {
            image: index / per_image,
            rows: rows[index % per_image / columns.len()],
            columns: columns[index % columns.len()],
        };
        let pieces = if sharing == Sharing::Tiles { pieces } else { 1 };
        let blocks: Vec<TileBlock> = (0..pieces)
            .map(|piece| TileBlock::new(part(total, pieces, piece).map(tile_at).collect()))
            .collect();
        let offsets = blocks.iter().map(|block| {
            let stride = block.tiles.len() * BLOCK;
            (0..from.blocks()).map(|index| index * stride).collect()
        });
        Ok(Self {
            options,
            points,
            offsets: offsets.collect(),
            most_tiles: total.div_ceil(pieces),
            blocks,
            sharing,
            group,
        })
    }

    /// What it was made for.
    pub fn options(&self) -> &WinogradOptions {
        &self.options
    }

    /// Multiply-adds of its products.
    pub fn multiply_adds(&self) -> usize {
        let products: usize = self.blocks.iter().map(TileBlock::products).sum();
        products * self.options.from.channels * self.options.into.channels
    }

    /// Numbers that its transforms write and read: of inputs and outputs.
    pub fn transformed(&self) -> [usize; 2] {
        let products: usize = self.blocks.iter().map(TileBlock::products).sum();
        [self.options.from.blocks(), self.options.into.blocks()].map(|blocks| products * blocks * BLOCK)
    }

    /// Bytes of weights that it reads.
    pub fn weight_bytes(&self) -> usize {
        let WinogradOptions { from, into, .. } = self.options;
        self.pairs() * from.blocks() * into.blocks() * BLOCK * BLOCK * size_of::<f32>()
    }

    /// The sizes of its tiles: rows, then columns.
    pub fn tiles(&self) -> [Vec<usize>; 2] {
        let WinogradOptions { tile, into, .. } = self.options;
        [into.height, into.width].map(|length| cover(length, tile).iter().map(|extent| extent.size).collect())
    }

    /// Numbers of working memory that [`run`](Self::run) takes on the executor that it was made for.
    pub fn scratch_len(&self, executor: &Executor) -> usize {
        let threads = executor.threads.count();
        match self.sharing {
            Sharing::Tiles => (self.evaluated() + self.products()) * threads,
            Sharing::Panels => self.evaluated() + self.products() * threads,
        }
    }

    fn pairs(&self) -> usize {
        self.points[0] * self.points[1]
    }

    /// Numbers of evaluated inputs of a block of tiles.
    fn evaluated(&self) -> usize {
        self.pairs() * pair_stride(self.options.from.blocks() * self.most_tiles)
    }

    /// Numbers of products of a block of tiles with a group of panels.
    fn products(&self) -> usize {
        self.pairs() * pair_stride(self.group * self.most_tiles)
    }

    /// Computes it, with working memory of [`scratch_len`](Self::scratch_len) numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] where filters, maps or working memory are not those that it was made for.
    pub fn run(
        &self,
        executor: &Executor,
        operands: WinogradOperands<'_>,
        mut output: MapsMut<'_>,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.check(executor, &operands, output.layout(), scratch.len())?;
        let WinogradOperands { filters, input, .. } = operands;
        let output = Shared::new(output.values());
        let threads = &executor.threads;
        match self.sharing {
            Sharing::Tiles => {
                let (evaluated, products) = (self.evaluated(), self.products());
                let scratch = Shared::new(scratch);
                threads.run(self.blocks.len(), |worker, block| {
                    let begin = worker * (evaluated + products);
                    // SAFETY: each thread has working memory of its own.
                    let (values, scratch) = unsafe {
                        let both = scratch.part(begin..begin + evaluated + products);
                        both.split_at_mut(evaluated)
                    };
                    let shared = Shared::new(values);
                    let tiles = &self.blocks[block].tiles;
                    for index in 0..tiles.len() {
                        self.evaluate(executor, (block, index), input, shared);
                    }
                    let work = Products {
                        operands,
                        block,
                        panels: 0..filters.panels(),
                        values,
                        output,
                    };
                    self.finish(executor, work, scratch);
                });
            }
            Sharing::Panels => {
                let (values, scratch) = scratch.split_at_mut(self.evaluated());
                let shared = Shared::new(values);
                threads.run(self.blocks[0].tiles.len(), |_, index| {
                    self.evaluate(executor, (0, index), input, shared);
                });
                let values = &*values;
                let products = self.products();
                let scratch = Shared::new(scratch);
                let groups = filters.panels().div_ceil(self.group);
                threads.run(groups, |worker, group| {
                    // SAFETY: each thread has working memory of its own.
                    let scratch = unsafe { scratch.part(worker * products..(worker + 1) * products) };
                    let work = Products {
                        operands,
                        block: 0,
                        panels: group * self.group..((group + 1) * self.group).min(filters.panels()),
                        values,
                        output,
                    };
                    self.finish(executor, work, scratch);
                });
            }
        }
        Ok(())
    }

    /// Evaluates one tile of the input.
    fn evaluate(
        &self,
        executor: &Executor,
        (block, index): (usize, usize),
        input: Maps<'_>,
        values: Shared<'_>,
    ) {
        let WinogradOptions { border, from, .. } = self.options;
        let tiles = &self.blocks[block].tiles;
        let tile = tiles[index];
        let pair_stride = pair_stride(from.blocks() * tiles.len());
        // Counted from the tile's first pixel, which may lie before the map's.
        let valid = |start: usize, size: usize, border: usize, length: usize| {
            let first = border.saturating_sub(start);
            let end = (length + border).saturating_sub(start).min(size + 2);
            [first.min(end), end]
        };
        let valid = [
            valid(tile.rows.start, tile.rows.size, border[0], from.height),
            valid(tile.columns.start, tile.columns.size, border[1], from.width),
        ];
        let row_stride = from.width * BLOCK;
        let first = from.pixel(tile.image, tile.rows.start, tile.columns.start) * BLOCK;
        let before = border[0] * row_stride + border[1] * BLOCK;
        let output = values.runs(
            index * BLOCK,
            self.pairs(),
            pair_stride,
            (from.blocks() - 1) * tiles.len() * BLOCK + BLOCK,
        );
        // SAFETY: the valid pixels lie within the map; no other tile writes among these products.
        unsafe {
            (executor.kernels.winograd_input)(&InputTransform {
                tile: [tile.rows.size, tile.columns.size],
                input: input.values().as_ptr().wrapping_add(first).wrapping_sub(before),
                row_stride,
                block_stride: from.stride(),
                blocks: from.blocks(),
                valid,
                output,
                points: self.points[1],
                pair_stride,
                output_block_stride: tiles.len() * BLOCK,
            });
        }
    }

    /// Multiplies evaluated inputs with the weights of some panels, and interpolates.
    fn finish(&self, executor: &Executor, work: Products<'_>, scratch: &mut [f32]) {
        let Products {
            operands,
            block,
            panels,
            values,
            output,
        } = work;
        let WinogradOperands {
            filters, epilogue, ..
        } = operands;
        let WinogradOptions { from, into, .. } = self.options;
        let TileBlock { tiles, pairs } = &self.blocks[block];
        let offsets = &self.offsets[block];
        let evaluated_stride = pair_stride(from.blocks() * tiles.len());
        let product_stride = pair_stride(self.group * tiles.len());
        let panel_stride = tiles.len() * BLOCK;
        assert!(values.len() >= self.pairs() * evaluated_stride);
        assert!(scratch.len() >= self.pairs() * product_stride);
        assert!(offsets.len() * BLOCK * BLOCK == filters.per_pair());
        for first in panels.clone().step_by(self.group) {
            let count = self.group.min(panels.end - first);
            for run in pairs {
                let pair = run.row * self.points[1] + run.column;
                let weights = filters.at(first, run.row, run.column);
                assert!(weights.len() >= (count - 1) * filters.per_panel() + filters.per_pair());
                // SAFETY: inputs, products and weights are as long as the kernel reads and writes, as was asserted.
                unsafe {
                    executor.kernels.multiply(&Multiply {
                        first: Product {
                            input: values[pair * evaluated_stride + run.tiles.start * BLOCK..].as_ptr(),
                            offsets: offsets.as_ptr(),
                            offset_count: offsets.len(),
                            run: BLOCK,
                            step: BLOCK,
                            weights: weights.as_ptr(),
                            weight_stride: filters.per_panel(),
                            ahead: weights.as_ptr().wrapping_add(filters.per_pair()),
                            bias: std::ptr::null(),
                            addend: std::ptr::null(),
                            output: scratch[pair * product_stride + run.tiles.start * BLOCK..].as_mut_ptr(),
                            output_stride: panel_stride,
                            finish: Finish::NONE,
                        },
                        rows: 1,
                        row_stride: 0,
                        pixels: run.tiles.len(),
                        panels: count,
                    });
                }
            }
            for (index, tile) in tiles.iter().enumerate() {
                let valid = [
                    tile.rows.size.min(into.height - tile.rows.start),
                    tile.columns.size.min(into.width - tile.columns.start),
                ];
                let place = into.pixel(tile.image, tile.rows.start, tile.columns.start) * BLOCK;
                let written = ((valid[0] - 1) * into.width + valid[1]) * BLOCK;
                for panel in 0..count {
                    let place = (first + panel) * into.stride() + place;
                    let addend = match epilogue.addend {
                        Some(addend) => addend.values()[place..place + written].as_ptr(),
                        None => std::ptr::null(),
                    };
                    // SAFETY: the products of this tile and panel have been written; no other piece writes these outputs.
                    unsafe {
                        (executor.kernels.winograd_output)(&OutputTransform {
                            tile: [tile.rows.size, tile.columns.size],
                            input: scratch[panel * panel_stride + index * BLOCK..].as_ptr(),
                            points: self.points[1],
                            pair_stride: product_stride,
                            bias: epilogue.bias.values()[(first + panel) * BLOCK..][..BLOCK].as_ptr(),
                            addend,
                            output: output.runs(place, 1, 0, written),
                            row_stride: into.width * BLOCK,
                            valid,
                            finish: Finish::of(epilogue.activation, executor.kernels),
                        });
                    }
                }
            }
        }
    }

    fn check(
        &self,
        executor: &Executor,
        operands: &WinogradOperands<'_>,
        into: Layout,
        scratch: usize,
    ) -> Result<(), Error> {
        let WinogradOperands {
            filters,
            input,
            epilogue,
        } = *operands;
        let options = &self.options;
        same("winograd", options.from, input.layout())?;
        same("winograd", options.into, into)?;
        epilogue.bias.check(into.channels)?;
        if let Some(addend) = epilogue.addend {
            same("winograd", into, addend.layout())?;
        }
        let shape = filters.shape();
        let fits = (shape.in_channels, shape.out_channels) == (options.from.channels, into.channels)
            && filters.tile() + 2 >= self.points[0].max(self.points[1])
            && scratch >= self.scratch_len(executor);
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "winograd",
            what: "filters or working memory",
            expected: format!("{options:?}, {} numbers", self.scratch_len(executor)),
            found: format!("{shape:?} for tiles of {}, {scratch} numbers", filters.tile()),
        })
    }
}

/// Numbers from one pair of points to the next, where each has so many blocks. See [`crate::layout::block_stride`].
fn pair_stride(blocks: usize) -> usize {
    crate::layout::block_stride(blocks)
}
