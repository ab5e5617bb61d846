//! The types that maps are stored in.

use crate::simd::Simd;

/// A bfloat16 number, by its bits: the upper half of an `f32`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Bf16 {
    /// The nearest number, the even one of two; what is no number stays none.
    #[inline(always)]
    pub fn nearest(value: f32) -> Self {
        let bits = value.to_bits();
        // A half of the last place that is kept, less one where that place is even.
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        let quiet = (bits >> 16) | 0x40;
        Self(if value.is_nan() { quiet } else { rounded } as u16)
    }

    /// The same number with more places.
    pub fn widened(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// A type that maps are stored in. Sums are `f32` for all.
pub(crate) trait Element: Copy + 'static {
    /// # Safety
    /// As [`Simd`] asks.
    unsafe fn load<S: Simd>(from: *const Self) -> S::Block;

    /// # Safety
    /// As [`Simd`] asks.
    unsafe fn store<S: Simd>(to: *mut Self, block: S::Block);
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S::Block {
        // SAFETY: as the caller says.
        unsafe { S::load(from) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, block: S::Block) {
        // SAFETY: as the caller says.
        unsafe { S::store(to, block) }
    }
}

// Loops over sixteen numbers, of which compilers make the few instructions that each instruction set has for it.
impl Element for Bf16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S::Block {
        // SAFETY: as the caller says; an array of numbers is aligned like one of them.
        unsafe {
            let stored = *from.cast::<[u16; 16]>();
            let mut widened = [0u32; 16];
            for (wide, &narrow) in widened.iter_mut().zip(&stored) {
                *wide = u32::from(narrow) << 16;
            }
            S::load(widened.as_ptr().cast())
        }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, block: S::Block) {
        let mut values = [0.0f32; 16];
        // SAFETY: as the caller says; an array of numbers is aligned like one of them.
        unsafe {
            S::store(values.as_mut_ptr(), block);
            let stored = &mut *to.cast::<[u16; 16]>();
            for (narrow, &value) in stored.iter_mut().zip(&values) {
                *narrow = Bf16::nearest(value).0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_even_ones() {
        for (value, expected) in [
            (1.0, 0x3f80),
            (-2.5, 0xc020),
            (f32::from_bits(0x3f80_8000), 0x3f80),
            (f32::from_bits(0x3f81_8000), 0x3f82),
            (f32::from_bits(0x3f80_8001), 0x3f81),
            (f32::MAX, 0x7f80),
            (f32::NEG_INFINITY, 0xff80),
            (0.0, 0),
        ] {
            assert_eq!(Bf16::nearest(value), Bf16(expected), "{value}");
        }
        assert!(Bf16::nearest(f32::from_bits(0x7f80_0001)).widened().is_nan());
        assert!(Bf16::nearest(f32::from_bits(0x7fff_ffff)).widened().is_nan());
        for bits in 0..=u16::MAX {
            let number = Bf16(bits);
            if !number.widened().is_nan() {
                assert_eq!(Bf16::nearest(number.widened()), number);
            }
        }
    }
}
