use std::fmt;

use thiserror::Error;

use crate::Rectangle;

/// Why a picture was not resized.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A picture does not have the bytes that its sides and channels say.
    #[error("a {side} of {width_px} × {height_px} px has {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// Which of the two pictures.
        side: Side,
        /// Its columns.
        width_px: u32,
        /// Its rows.
        height_px: u32,
        /// As many as pixels and channels.
        expected_bytes: u64,
        /// As many as were given.
        found_bytes: usize,
    },

    /// The rectangle is not all within the picture, or has a side below 0.
    #[error(
        "a picture of {width_px} × {height_px} px has no rectangle of {width} × {height} px at {left}, {top}",
        width = rectangle.width, height = rectangle.height, left = rectangle.left, top = rectangle.top
    )]
    Rectangle {
        /// What was asked for.
        rectangle: Rectangle,
        /// Columns of the picture.
        width_px: u32,
        /// Rows of the picture.
        height_px: u32,
    },
}

/// One of the two pictures of a resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is read.
    Source,
    /// The one that is written.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}
