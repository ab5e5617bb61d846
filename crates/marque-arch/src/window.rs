use crate::ImageSize;
use serde::{Deserialize, Serialize};

/// What is added around a feature map before a window slides over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// As many rows above as below, and as many columns on the left as on the right: PyTorch's padding.
    Symmetric {
        /// Rows added on each side.
        height: usize,
        /// Columns added on each side.
        width: usize,
    },
    /// As much as makes the output `⌈input / stride⌉` long: Keras's and TensorFlow's `same`. Where the amount is odd, the
    /// surplus row or column comes below or on the right, so that with stride 2 it depends on the input's size.
    Same,
}

impl Padding {
    /// Nothing is added.
    pub const NONE: Padding = Padding::equal(0);

    /// As much on all four sides.
    pub const fn equal(amount: usize) -> Self {
        Padding::Symmetric {
            height: amount,
            width: amount,
        }
    }
}

/// What is added on the four sides of one feature map, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the left.
    pub left: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Border {
    /// Whether opposite sides get equal amounts, as engines take them without a copy of the feature map.
    pub fn is_symmetric(self) -> bool {
        self.top == self.bottom && self.left == self.right
    }
}

/// A window that slides over a feature map: what convolutions and poolings share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns between the first and the last tap, both included.
    pub extent: ImageSize,
    /// Step between windows, in both directions.
    pub stride: usize,
    /// What is added around the feature map.
    pub padding: Padding,
    /// Whether a last window that only begins within the padded map counts.
    pub ceil_mode: bool,
}

impl Window {
    /// What is added around a feature map of `size`, or `None` where the arithmetic overflows.
    pub fn border(&self, size: ImageSize) -> Option<Border> {
        let (top, bottom) = self.sides(size.height, self.extent.height, Side::Height)?;
        let (left, right) = self.sides(size.width, self.extent.width, Side::Width)?;
        Some(Border {
            top,
            bottom,
            left,
            right,
        })
    }

    fn sides(&self, length: usize, window: usize, side: Side) -> Option<(usize, usize)> {
        match (self.padding, side) {
            (Padding::Symmetric { height, .. }, Side::Height) => Some((height, height)),
            (Padding::Symmetric { width, .. }, Side::Width) => Some((width, width)),
            (Padding::Same, _) => {
                let windows = length.div_ceil(self.stride);
                let covered = windows
                    .saturating_sub(1)
                    .checked_mul(self.stride)?
                    .checked_add(window)?;
                let amount = covered.saturating_sub(length);
                Some((amount / 2, amount - amount / 2))
            }
        }
    }

    /// The size of `size` with its border, or `None` where the arithmetic overflows.
    pub(crate) fn padded(&self, size: ImageSize) -> Option<ImageSize> {
        let border = self.border(size)?;
        Some(ImageSize {
            height: size.height.checked_add(border.top)?.checked_add(border.bottom)?,
            width: size.width.checked_add(border.left)?.checked_add(border.right)?,
        })
    }

    /// How many windows fit, or `None` if not even one does.
    pub(crate) fn output(&self, size: ImageSize) -> Option<ImageSize> {
        let (border, padded) = (self.border(size)?, self.padded(size)?);
        if size.height == 0 || size.width == 0 {
            return None;
        }
        Some(ImageSize {
            height: self.count(padded.height, self.extent.height, size.height + border.top)?,
            width: self.count(padded.width, self.extent.width, size.width + border.left)?,
        })
    }

    /// `end` is where the map ends and the border behind it begins: PyTorch drops a window that would begin there.
    fn count(&self, padded: usize, window: usize, end: usize) -> Option<usize> {
        if !self.ceil_mode {
            return Some(padded.checked_sub(window)? / self.stride + 1);
        }
        // The last window may stick out by less than a step.
        let room = padded.checked_add(self.stride - 1)?.checked_sub(window)?;
        let last = room / self.stride;
        Some(if last * self.stride >= end { last } else { last + 1 })
    }
}

#[derive(Clone, Copy)]
enum Side {
    Height,
    Width,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(side: usize, stride: usize, padding: Padding) -> Window {
        Window {
            extent: ImageSize::square(side),
            stride,
            padding,
            ceil_mode: false,
        }
    }

    #[test]
    fn same_padding_depends_on_the_size_where_the_stride_is_two() {
        let same = window(3, 2, Padding::Same);
        let size = ImageSize {
            height: 74,
            width: 147,
        };
        let border = same.border(size).unwrap();
        assert_eq!(
            (border.top, border.bottom, border.left, border.right),
            (0, 1, 1, 1)
        );
        assert!(!border.is_symmetric());
        assert_eq!(
            same.output(size).unwrap(),
            ImageSize {
                height: 37,
                width: 74
            }
        );
        let seven = window(7, 2, Padding::Same)
            .border(ImageSize::square(224))
            .unwrap();
        assert_eq!((seven.top, seven.bottom), (2, 3));
        // A 1×1 window with stride 2 leaves pixels out; nothing is to be added.
        let one = window(1, 2, Padding::Same).border(ImageSize::square(9)).unwrap();
        assert_eq!((one.top, one.bottom), (0, 0));
    }

    #[test]
    fn ceil_mode_counts_a_window_that_begins_within_the_map() {
        let mut pool = window(3, 2, Padding::NONE);
        assert_eq!(pool.output(ImageSize::square(112)).unwrap().height, 55);
        pool.ceil_mode = true;
        assert_eq!(pool.output(ImageSize::square(112)).unwrap().height, 56);
        // A 2×2 window on a single pixel sticks out by one.
        let pool = Window {
            ceil_mode: true,
            ..window(2, 2, Padding::NONE)
        };
        assert_eq!(pool.output(ImageSize::square(1)).unwrap().height, 1);
        // Windows begin at 0, 2 and 4 of a padded 6; the one at 4 would lie in the right border alone.
        let pool = Window {
            ceil_mode: true,
            ..window(2, 2, Padding::equal(1))
        };
        assert_eq!(pool.output(ImageSize::square(3)).unwrap().height, 2);
    }

    #[test]
    fn a_window_larger_than_its_map_does_not_fit() {
        assert_eq!(window(5, 1, Padding::NONE).output(ImageSize::square(4)), None);
        assert!(window(5, 1, Padding::Same).output(ImageSize::square(1)).is_some());
        assert_eq!(window(1, 1, Padding::equal(1)).output(ImageSize::square(0)), None);
    }
}
