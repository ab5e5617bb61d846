//! What is done to numbers one by one.

use crate::activation::{Activation, Finish};
use crate::layout::part;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::{BLOCK, Error, Executor, Layout, Maps, MapsMut};

/// `scale · x + shift` finished, for pixels of one block.
///
/// # Safety
/// `input` is read and `output` written at `count` blocks, the input's `step` numbers apart; scale and shift are a block each.
pub(crate) struct AffineRow {
    pub(crate) input: *const f32,
    pub(crate) step: usize,
    pub(crate) output: *mut f32,
    pub(crate) count: usize,
    pub(crate) scale: *const f32,
    pub(crate) shift: *const f32,
    pub(crate) finish: Finish,
}

/// # Safety
/// As [`AffineRow`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn affine<S: Simd>(row: &AffineRow) {
    // SAFETY: as the caller says.
    unsafe {
        let (scale, shift) = (S::load(row.scale), S::load(row.shift));
        for pixel in 0..row.count {
            let value = S::multiply_add(S::load(row.input.add(pixel * row.step)), scale, shift);
            S::store(row.output.add(pixel * BLOCK), row.finish.bound::<S>(value));
        }
        row.finish.bend(row.output, row.count);
    }
}

/// `first + second`, finished.
///
/// # Safety
/// All three are of `count` blocks. `first` and `output` may be the same.
pub(crate) struct AddRow {
    pub(crate) first: *const f32,
    pub(crate) second: *const f32,
    pub(crate) output: *mut f32,
    pub(crate) count: usize,
    pub(crate) finish: Finish,
}

/// # Safety
/// As [`AddRow`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd>(row: &AddRow) {
    // SAFETY: as the caller says.
    unsafe {
        for place in (0..row.count).map(|block| block * BLOCK) {
            let sum = S::add(S::load(row.first.add(place)), S::load(row.second.add(place)));
            S::store(row.output.add(place), row.finish.bound::<S>(sum));
        }
        row.finish.bend(row.output, row.count);
    }
}

/// Blocks that one chunk is given.
const CHUNK: usize = 1024;

/// What is the same for each number of a channel: `activation(scale · x + shift)`, as a batch norm in evaluation is. Both vectors
/// have one number per channel, filled up to whole blocks.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// The factor of each channel.
    pub scale: &'a [f32],
    /// What is added to each channel.
    pub shift: &'a [f32],
    /// What is done to the results.
    pub activation: Activation,
}

impl Executor {
    /// Applies an affine map per channel.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes differ.
    pub fn affine(&self, affine: Affine<'_>, input: Maps<'_>, mut output: MapsMut<'_>) -> Result<(), Error> {
        let layout = input.layout();
        same("affine", layout, output.layout())?;
        affine.check(layout.blocks())?;
        let (pixels, stride) = (layout.pixels(), layout.stride());
        let parts = pixels.div_ceil(CHUNK);
        let shared = Shared::new(output.values());
        self.threads.run(layout.blocks() * parts, |_, chunk| {
            let block = chunk / parts;
            let pixel = part(pixels, parts, chunk % parts);
            let place = block * stride + pixel.start * BLOCK;
            let values = &input.values()[place..place + pixel.len() * BLOCK];
            // SAFETY: chunks have disjoint pixels, and lengths were checked.
            unsafe {
                let output = shared.part(place..place + values.len());
                (self.kernels.affine)(&AffineRow {
                    input: values.as_ptr(),
                    step: BLOCK,
                    output: output.as_mut_ptr(),
                    count: pixel.len(),
                    scale: affine.scale[block * BLOCK..].as_ptr(),
                    shift: affine.shift[block * BLOCK..].as_ptr(),
                    finish: Finish::of(affine.activation, self.kernels),
                });
            }
        });
        Ok(())
    }

    /// The sum of two maps, and what is done to it.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes differ.
    pub fn add(
        &self,
        activation: Activation,
        [first, second]: [Maps<'_>; 2],
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        same("add", first.layout(), second.layout())?;
        same("add", first.layout(), output.layout())?;
        let blocks = first.values().len() / BLOCK;
        let parts = blocks.div_ceil(CHUNK);
        let shared = Shared::new(output.values());
        self.threads.run(parts, |_, chunk| {
            let block = part(blocks, parts, chunk);
            let place = block.start * BLOCK..block.end * BLOCK;
            let (first, second) = (&first.values()[place.clone()], &second.values()[place.clone()]);
            // SAFETY: chunks have disjoint blocks, and all three have as many.
            unsafe {
                (self.kernels.add)(&AddRow {
                    first: first.as_ptr(),
                    second: second.as_ptr(),
                    output: shared.part(place).as_mut_ptr(),
                    count: block.len(),
                    finish: Finish::of(activation, self.kernels),
                });
            }
        });
        Ok(())
    }

    /// Adds `input` to what the output holds, and does to the sums what is asked for.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes differ.
    pub fn add_to(
        &self,
        activation: Activation,
        input: Maps<'_>,
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        same("add_to", input.layout(), output.layout())?;
        let blocks = input.values().len() / BLOCK;
        let parts = blocks.div_ceil(CHUNK);
        let shared = Shared::new(output.values());
        self.threads.run(parts, |_, chunk| {
            let block = part(blocks, parts, chunk);
            let place = block.start * BLOCK..block.end * BLOCK;
            let input = &input.values()[place.clone()];
            // SAFETY: chunks have disjoint blocks, and both have as many; a block is read before it is written.
            unsafe {
                let output = shared.part(place).as_mut_ptr();
                (self.kernels.add)(&AddRow {
                    first: output,
                    second: input.as_ptr(),
                    output,
                    count: block.len(),
                    finish: Finish::of(activation, self.kernels),
                });
            }
        });
        Ok(())
    }

    /// Maps times a number for each of their channels and images: squeeze and excitation's last step (Hu et al. 2018).
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes differ, or the factors are not one per channel and image.
    pub fn scale_channels(
        &self,
        factors: Maps<'_>,
        input: Maps<'_>,
        mut output: MapsMut<'_>,
    ) -> Result<(), Error> {
        const ZEROS: [f32; BLOCK] = [0.0; BLOCK];
        let layout = input.layout();
        same("scale_channels", layout, output.layout())?;
        let pixel = Layout {
            height: 1,
            width: 1,
            ..layout
        };
        same("scale_channels", pixel, factors.layout())?;
        let area = layout.height * layout.width;
        let parts = area.div_ceil(CHUNK);
        let shared = Shared::new(output.values());
        let chunks = layout.blocks() * layout.batch * parts;
        self.run_light(layout.len(), chunks, |chunk| {
            let (block, image) = (chunk / parts / layout.batch, chunk / parts % layout.batch);
            let pixels = part(area, parts, chunk % parts);
            let place = block * layout.stride() + (image * area + pixels.start) * BLOCK;
            let values = &input.values()[place..place + pixels.len() * BLOCK];
            let scale = &factors.values()[block * pixel.stride() + image * BLOCK..][..BLOCK];
            // SAFETY: chunks have disjoint pixels, and lengths were checked.
            unsafe {
                (self.kernels.affine)(&AffineRow {
                    input: values.as_ptr(),
                    step: BLOCK,
                    output: shared.part(place..place + values.len()).as_mut_ptr(),
                    count: pixels.len(),
                    scale: scale.as_ptr(),
                    shift: ZEROS.as_ptr(),
                    finish: Finish::NONE,
                });
            }
        });
        Ok(())
    }

    /// Copies channels of `input` behind the first `to` channels of `output`, whose others stay as they are.
    ///
    /// # Errors
    /// [`Error::Shape`] where the maps differ in size, or the output has too few channels.
    pub fn copy_channels(&self, input: Maps<'_>, to: usize, mut output: MapsMut<'_>) -> Result<(), Error> {
        let (from, into) = (input.layout(), output.layout());
        let expected = Layout {
            channels: into.channels,
            ..from
        };
        same("copy_channels", expected, into)?;
        if to + from.channels > into.channels {
            return Err(Error::Shape {
                operation: "copy_channels",
                what: "the output's channels",
                expected: format!("at least {}", to + from.channels),
                found: into.channels.to_string(),
            });
        }
        let stride = from.stride();
        let values = output.values();
        if to.is_multiple_of(BLOCK) && from.channels.is_multiple_of(BLOCK) {
            let first = to / BLOCK * stride;
            values[first..first + input.values().len()].copy_from_slice(input.values());
            return Ok(());
        }
        for channel in 0..from.channels {
            let source = channel / BLOCK * stride + channel % BLOCK;
            let target = (to + channel) / BLOCK * stride + (to + channel) % BLOCK;
            for place in (0..from.pixels()).map(|pixel| pixel * BLOCK) {
                values[target + place] = input.values()[source + place];
            }
        }
        Ok(())
    }

    /// Copies `count` channels of maps, from `from` on, to those from `to` on, which are others.
    ///
    /// # Errors
    /// [`Error::Shape`] where the maps have too few channels, or some would be copied to themselves.
    pub fn repeat_channels(
        &self,
        from: usize,
        count: usize,
        to: usize,
        mut maps: MapsMut<'_>,
    ) -> Result<(), Error> {
        let layout = maps.layout();
        let fits = layout
            .channels
            .checked_sub(count)
            .is_some_and(|last| from.max(to) <= last && from.abs_diff(to) >= count);
        if !fits {
            return Err(Error::Shape {
                operation: "repeat_channels",
                what: "the channels",
                expected: format!("{count} from one place to another among {}", layout.channels),
                found: format!("from {from} to {to}"),
            });
        }
        let stride = layout.stride();
        let place = |channel: usize| channel / BLOCK * stride + channel % BLOCK;
        let values = maps.values();
        for channel in 0..count {
            let (source, target) = (place(from + channel), place(to + channel));
            for pixel in (0..layout.pixels()).map(|pixel| pixel * BLOCK) {
                values[target + pixel] = values[source + pixel];
            }
        }
        Ok(())
    }

    /// Makes all channels from `from` on zeros.
    pub fn clear_channels(&self, from: usize, mut output: MapsMut<'_>) {
        let layout = output.layout();
        let stride = layout.stride();
        for lane in from..layout.blocks() * BLOCK {
            let first = lane / BLOCK * stride + lane % BLOCK;
            for place in (0..layout.pixels()).map(|pixel| first + pixel * BLOCK) {
                output.values()[place] = 0.0;
            }
        }
    }

    /// Every `stride`-th row and column, beginning with the first.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes do not fit.
    pub fn subsample(&self, stride: usize, input: Maps<'_>, mut output: MapsMut<'_>) -> Result<(), Error> {
        let (from, into) = (input.layout(), output.layout());
        let stride = stride.max(1);
        let expected = Layout {
            height: from.height.div_ceil(stride),
            width: from.width.div_ceil(stride),
            ..from
        };
        same("subsample", expected, into)?;
        let values = output.values();
        for block in 0..from.blocks() {
            for image in 0..from.batch {
                for row in 0..into.height {
                    for column in 0..into.width {
                        let source =
                            block * from.stride() + from.pixel(image, row * stride, column * stride) * BLOCK;
                        let target = block * into.stride() + into.pixel(image, row, column) * BLOCK;
                        values[target..target + BLOCK]
                            .copy_from_slice(&input.values()[source..source + BLOCK]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Maps as vectors: C×H×W → C·H·W, channels outermost.
    ///
    /// # Errors
    /// [`Error::Shape`] where shapes do not fit.
    pub fn flatten(&self, input: Maps<'_>, mut output: MapsMut<'_>) -> Result<(), Error> {
        let (from, into) = (input.layout(), output.layout());
        let area = from.height * from.width;
        same("flatten", Layout::vectors(from.batch, from.channels * area), into)?;
        let values = output.values();
        for channel in 0..from.channels {
            for image in 0..from.batch {
                let source = channel / BLOCK * from.stride() + image * area * BLOCK + channel % BLOCK;
                for pixel in 0..area {
                    let feature = channel * area + pixel;
                    let target = feature / BLOCK * into.stride() + image * BLOCK + feature % BLOCK;
                    values[target] = input.values()[source + pixel * BLOCK];
                }
            }
        }
        Ok(())
    }
}

impl Affine<'_> {
    /// Whether there is a number for each channel of so many blocks.
    pub(crate) fn check(&self, blocks: usize) -> Result<(), Error> {
        for vector in [self.scale, self.shift] {
            if vector.len() != blocks * BLOCK {
                return Err(Error::Shape {
                    operation: "affine",
                    what: "scale and shift",
                    expected: format!("{} numbers", blocks * BLOCK),
                    found: vector.len().to_string(),
                });
            }
        }
        Ok(())
    }
}

/// Whether two layouts are the same.
pub(crate) fn same(operation: &'static str, expected: Layout, found: Layout) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Shape {
        operation,
        what: "the output",
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}
