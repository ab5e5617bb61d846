//! No instruction set in particular: what the compiler makes of loops over sixteen numbers.

use super::Simd;
use std::array::from_fn;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    type Block = [f32; 16];
    const SUMS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Block {
        [value; 16]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Block {
        // SAFETY: as the trait asks; an array of numbers is aligned like one of them.
        unsafe { *from.cast::<[f32; 16]>() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, block: Self::Block) {
        // SAFETY: as the trait asks; an array of numbers is aligned like one of them.
        unsafe { *to.cast::<[f32; 16]>() = block }
    }

    #[inline(always)]
    unsafe fn add(left: Self::Block, right: Self::Block) -> Self::Block {
        from_fn(|lane| left[lane] + right[lane])
    }

    #[inline(always)]
    unsafe fn subtract(left: Self::Block, right: Self::Block) -> Self::Block {
        from_fn(|lane| left[lane] - right[lane])
    }

    #[inline(always)]
    unsafe fn multiply(left: Self::Block, right: Self::Block) -> Self::Block {
        from_fn(|lane| left[lane] * right[lane])
    }

    #[inline(always)]
    unsafe fn multiply_add(left: Self::Block, right: Self::Block, sum: Self::Block) -> Self::Block {
        from_fn(|lane| left[lane] * right[lane] + sum[lane])
    }

    #[inline(always)]
    unsafe fn divide(left: Self::Block, right: Self::Block) -> Self::Block {
        from_fn(|lane| left[lane] / right[lane])
    }

    #[inline(always)]
    unsafe fn scale_by_power_of_two(value: Self::Block, exponent: Self::Block) -> Self::Block {
        from_fn(|lane| {
            let shifted = exponent[lane].to_bits() << 23;
            f32::from_bits(value[lane].to_bits().wrapping_add(shifted))
        })
    }

    #[inline(always)]
    unsafe fn larger(first: Self::Block, second: Self::Block) -> Self::Block {
        from_fn(|lane| {
            let (first, second) = (first[lane], second[lane]);
            if first > second { first } else { second }
        })
    }

    #[inline(always)]
    unsafe fn smaller(first: Self::Block, second: Self::Block) -> Self::Block {
        from_fn(|lane| {
            let (first, second) = (first[lane], second[lane]);
            if first < second { first } else { second }
        })
    }

    #[inline(always)]
    unsafe fn maximum(first: Self::Block, second: Self::Block) -> Self::Block {
        from_fn(|lane| {
            let (first, second) = (first[lane], second[lane]);
            if first > second || first.is_nan() {
                first
            } else {
                second
            }
        })
    }

    #[inline(always)]
    unsafe fn keep_between(
        value: Self::Block,
        test: Self::Block,
        lower: Self::Block,
        upper: Self::Block,
    ) -> Self::Block {
        from_fn(|lane| {
            let is_between = test[lane] > lower[lane] && test[lane] < upper[lane];
            if is_between { value[lane] } else { 0.0 }
        })
    }
}
