//! What is done to numbers one by one before they are stored.

use crate::simd::Simd;

/// A function of single numbers that kernels apply before they store what they have computed. No number stays no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6) (Krizhevsky 2010).
    Relu6,
}

/// The least and the largest value of what is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    least: f32,
    largest: f32,
}

impl Bounds {
    /// What lets every number through.
    pub(crate) const NONE: Self = Self {
        least: f32::NEG_INFINITY,
        largest: f32::INFINITY,
    };

    /// Numbers between these bounds, and what is no number.
    ///
    /// # Safety
    /// The processor must have the vectors' instruction set.
    #[inline(always)]
    pub(crate) unsafe fn apply<S: Simd>(self, block: S::Block) -> S::Block {
        // SAFETY: as the caller says.
        unsafe { S::smaller(S::splat(self.largest), S::larger(S::splat(self.least), block)) }
    }
}

impl From<Activation> for Bounds {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Identity => Self::NONE,
            Activation::Relu => Self {
                least: 0.0,
                largest: f32::INFINITY,
            },
            Activation::Relu6 => Self {
                least: 0.0,
                largest: 6.0,
            },
        }
    }
}
