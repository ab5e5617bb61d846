//! How feature maps lie in memory.

use crate::Error;
use std::ops::Range;

/// Channels that lie side by side: one vector of the kernels.
pub const BLOCK: usize = 16;

/// Pixels whose blocks fill a page. Where the blocks of neighbouring channels begin a whole number of pages apart, they fall into
/// the same few places of the first cache and push each other out.
const PIXELS_OF_A_PAGE: usize = 4096 / (BLOCK * size_of::<f32>());

/// The order of feature maps in memory: blocks of [`BLOCK`] channels, outermost, then images, rows, columns, and the channels of the
/// block innermost: ⌈C/16⌉ × N × H × W × 16. The last block is filled up with channels that mean nothing, but are finite.
///
/// All pixels of a batch are thus one row for what looks at pixels alone, and a concatenation is a range of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// N.
    pub batch: usize,
    /// C.
    pub channels: usize,
    /// H.
    pub height: usize,
    /// W.
    pub width: usize,
}

impl Layout {
    /// A vector of `features` per image.
    pub fn vectors(batch: usize, features: usize) -> Self {
        Self {
            batch,
            channels: features,
            height: 1,
            width: 1,
        }
    }

    /// Blocks of channels.
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Pixels of all images.
    pub fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// Numbers from one block of channels to the next.
    pub fn stride(&self) -> usize {
        block_stride(self.pixels())
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.blocks() * self.stride()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in all, or `None` where the count overflows.
    pub fn checked_len(&self) -> Option<usize> {
        let pixels = self.batch.checked_mul(self.height)?.checked_mul(self.width)?;
        let stride = pixels.checked_add(1)?.checked_mul(BLOCK)?;
        stride.checked_mul(self.blocks())?;
        Some(self.len())
    }

    /// The place of a pixel's block among those of all images.
    pub(crate) fn pixel(&self, image: usize, row: usize, column: usize) -> usize {
        (image * self.height + row) * self.width + column
    }
}

/// Numbers from one block to the next where each has so many pixels.
pub(crate) fn block_stride(pixels: usize) -> usize {
    let gap = usize::from(pixels > 0 && pixels.is_multiple_of(PIXELS_OF_A_PAGE));
    (pixels + gap) * BLOCK
}

/// Feature maps that are read.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'a> {
    layout: Layout,
    values: &'a [f32],
}

/// Feature maps that are written.
#[derive(Debug)]
pub struct MapsMut<'a> {
    layout: Layout,
    values: &'a mut [f32],
}

impl<'a> Maps<'a> {
    /// Maps of this layout.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many as the layout has.
    pub fn new(layout: Layout, values: &'a [f32]) -> Result<Self, Error> {
        check_len(layout, values.len())?;
        Ok(Self { layout, values })
    }

    /// Their layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Their numbers.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The planar copy of them: N×C×H×W, row-major.
    pub fn to_planar(&self) -> Vec<f32> {
        let Layout {
            batch,
            channels,
            height,
            width,
        } = self.layout;
        let area = height * width;
        let mut planar = vec![0.0; batch * channels * area];
        for (index, plane) in planar.chunks_exact_mut(area.max(1)).enumerate() {
            let (image, channel) = (index / channels, index % channels);
            let first = channel / BLOCK * self.layout.stride() + image * area * BLOCK + channel % BLOCK;
            for (pixel, value) in plane.iter_mut().enumerate() {
                *value = self.values[first + pixel * BLOCK];
            }
        }
        planar
    }
}

impl<'a> MapsMut<'a> {
    /// Maps of this layout.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many as the layout has.
    pub fn new(layout: Layout, values: &'a mut [f32]) -> Result<Self, Error> {
        check_len(layout, values.len())?;
        Ok(Self { layout, values })
    }

    /// Their layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Their numbers.
    pub fn values(&mut self) -> &mut [f32] {
        self.values
    }

    /// Takes over planar maps: N×C×H×W, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many.
    pub fn fill_from_planar(&mut self, planar: &[f32]) -> Result<(), Error> {
        let Layout {
            batch,
            channels,
            height,
            width,
        } = self.layout;
        let area = height * width;
        let expected = batch * channels * area;
        if planar.len() != expected {
            return Err(Error::Shape {
                operation: "fill_from_planar",
                what: "the numbers",
                expected: format!("{expected} for {:?}", self.layout),
                found: planar.len().to_string(),
            });
        }
        let stride = self.layout.stride();
        self.values.fill(0.0);
        for (index, plane) in planar.chunks_exact(area.max(1)).enumerate() {
            let (image, channel) = (index / channels, index % channels);
            let first = channel / BLOCK * stride + image * area * BLOCK + channel % BLOCK;
            for (pixel, &value) in plane.iter().enumerate() {
                self.values[first + pixel * BLOCK] = value;
            }
        }
        Ok(())
    }
}

fn check_len(layout: Layout, found: usize) -> Result<(), Error> {
    if layout.checked_len() == Some(found) {
        return Ok(());
    }
    Err(Error::Shape {
        operation: "maps",
        what: "the numbers",
        expected: format!("{:?} for {layout:?}", layout.checked_len()),
        found: found.to_string(),
    })
}

/// The `index`-th of `parts` almost equal parts of `0..total`.
pub(crate) fn part(total: usize, parts: usize, index: usize) -> Range<usize> {
    total * index / parts..total * (index + 1) / parts
}
