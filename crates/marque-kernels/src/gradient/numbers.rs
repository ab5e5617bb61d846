//! Maps that are read and written.

use super::Bf16;

/// A map's numbers.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// In single precision.
    F32(&'a [f32]),
    /// In bfloat16.
    Bf16(&'a [Bf16]),
}

/// A map's numbers, to be written.
#[derive(Debug)]
pub enum NumbersMut<'a> {
    /// In single precision.
    F32(&'a mut [f32]),
    /// In bfloat16.
    Bf16(&'a mut [Bf16]),
}

impl Numbers<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::Bf16(numbers) => numbers.len(),
        }
    }
}

impl NumbersMut<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::Bf16(numbers) => numbers.len(),
        }
    }
}
