use crate::{Error, Layout};
use std::ops::Range;

/// How a convolution or a pooling slides over a map; pairs are (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps in each direction.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: usize,
    /// Distance between taps; 1 is dense.
    pub dilation: usize,
    /// Rows before the map's first one and columns before its first one. What lies behind the last ones follows from the output's
    /// size.
    pub border: [usize; 2],
}

/// One direction of a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) taps: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) border: usize,
}

impl Window {
    /// A dense square window with stride 1 and no border.
    pub fn square(kernel: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: 1,
            dilation: 1,
            border: [0; 2],
        }
    }

    /// Both directions.
    pub(crate) fn axes(&self) -> [Axis; 2] {
        [0, 1].map(|axis| Axis {
            taps: self.kernel[axis],
            stride: self.stride,
            dilation: self.dilation,
            border: self.border[axis],
        })
    }

    /// The layout of an output with so many channels, checked to be one whose windows all touch the map.
    pub(crate) fn output_layout(&self, from: Layout, channels: usize, into: Layout) -> Result<Layout, Error> {
        if self.touches(from, into) {
            return Ok(Layout {
                channels,
                batch: from.batch,
                ..into
            });
        }
        Err(Error::Shape {
            operation: "window",
            what: "the output",
            expected: format!("of a size whose windows all touch {from:?}, for {self:?}"),
            found: format!("{into:?}"),
        })
    }

    /// As [`output_layout`](Self::output_layout), but windows may lie in the border altogether, which is as wide behind a map as
    /// before it, or a row or column wider.
    pub(crate) fn bordered_layout(
        &self,
        from: Layout,
        channels: usize,
        into: Layout,
    ) -> Result<Layout, Error> {
        let [rows, columns] = self.axes();
        let is_window = !self.kernel.contains(&0) && self.stride > 0 && self.dilation > 0;
        if is_window
            && rows.is_within_border(into.height, from.height)
            && columns.is_within_border(into.width, from.width)
        {
            return Ok(Layout {
                channels,
                batch: from.batch,
                ..into
            });
        }
        self.output_layout(from, channels, into)
    }

    /// Whether each window of an output has a tap within the map.
    pub fn touches(&self, from: Layout, into: Layout) -> bool {
        let [rows, columns] = self.axes();
        self.stride > 0
            && self.dilation > 0
            && rows.touches(into.height, from.height)
            && columns.touches(into.width, from.width)
    }
}

impl Axis {
    /// A window that is the whole map.
    pub(crate) fn whole(length: usize) -> Self {
        Self {
            taps: length,
            stride: 1,
            dilation: 1,
            border: 0,
        }
    }

    /// The taps of window `index` that lie within a map of `length`.
    pub(crate) fn taps_within(&self, index: usize, length: usize) -> Range<usize> {
        let first = index * self.stride;
        let start = self.border.saturating_sub(first).div_ceil(self.dilation);
        let end = (length + self.border)
            .saturating_sub(first)
            .div_ceil(self.dilation);
        start.min(self.taps)..end.min(self.taps)
    }

    /// The pixels of a dense window `index` that lie within a map of `length`.
    #[inline(always)]
    pub(crate) fn covered(&self, index: usize, length: usize) -> Range<usize> {
        let first = index * self.stride;
        let end = (first + self.taps).saturating_sub(self.border).min(length);
        first.saturating_sub(self.border).min(end)..end
    }

    /// Whether each of `count` windows has a tap within a map of `length`.
    fn touches(&self, count: usize, length: usize) -> bool {
        count > 0 && (0..count).all(|index| !self.taps_within(index, length).is_empty())
    }

    /// Whether `count` windows reach no further than the border of a map of `length`.
    fn is_within_border(&self, count: usize, length: usize) -> bool {
        count > 0 && self.reach(count) <= length + 2 * self.border + 1
    }

    /// Pixels from the first tap to the last, both included, of `count` windows.
    pub(crate) fn reach(&self, count: usize) -> usize {
        (count - 1) * self.stride + (self.taps - 1) * self.dilation + 1
    }
}
