use crate::ImageSize;
use std::fmt;

/// The shape of one sample, without the batch dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A stack of feature maps, C×H×W.
    Map {
        /// C.
        channels: usize,
        /// H×W.
        size: ImageSize,
    },
    /// A plain vector.
    Vector {
        /// Its length.
        features: usize,
    },
}

impl Shape {
    /// Numbers in one sample, or `None` where the count overflows.
    pub fn elements(&self) -> Option<usize> {
        match *self {
            Shape::Map { channels, size } => channels.checked_mul(size.height)?.checked_mul(size.width),
            Shape::Vector { features } => Some(features),
        }
    }
}

/// `64×56×56` for maps, `512` for vectors.
impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map { channels, size } => write!(formatter, "{channels}×{size}"),
            Shape::Vector { features } => write!(formatter, "{features}"),
        }
    }
}
