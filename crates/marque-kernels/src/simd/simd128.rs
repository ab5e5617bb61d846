//! SIMD128 of WebAssembly: a block is four registers. There is no fused multiply-add.

use super::Simd;
use std::arch::wasm32::*;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

/// Applies a function of two registers to all four quarters.
macro_rules! quarters {
    ($function:ident, $left:expr, $right:expr) => {
        [
            $function($left[0], $right[0]),
            $function($left[1], $right[1]),
            $function($left[2], $right[2]),
            $function($left[3], $right[3]),
        ]
    };
}

impl Simd for Simd128 {
    type Block = [v128; 4];
    const SUMS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Block {
        [f32x4_splat(value); 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            [
                v128_load(from.cast()),
                v128_load(from.add(4).cast()),
                v128_load(from.add(8).cast()),
                v128_load(from.add(12).cast()),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, block: Self::Block) {
        for (quarter, values) in block.into_iter().enumerate() {
            // SAFETY: as the trait asks.
            unsafe { v128_store(to.add(4 * quarter).cast(), values) }
        }
    }

    #[inline(always)]
    unsafe fn add(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(f32x4_add, left, right)
    }

    #[inline(always)]
    unsafe fn subtract(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(f32x4_sub, left, right)
    }

    #[inline(always)]
    unsafe fn multiply(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(f32x4_mul, left, right)
    }

    #[inline(always)]
    unsafe fn multiply_add(left: Self::Block, right: Self::Block, sum: Self::Block) -> Self::Block {
        let product = quarters!(f32x4_mul, left, right);
        quarters!(f32x4_add, product, sum)
    }

    #[inline(always)]
    unsafe fn divide(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(f32x4_div, left, right)
    }

    #[inline(always)]
    unsafe fn scale_by_power_of_two(value: Self::Block, exponent: Self::Block) -> Self::Block {
        let quarter = |value, exponent| i32x4_add(value, i32x4_shl(exponent, 23));
        [
            quarter(value[0], exponent[0]),
            quarter(value[1], exponent[1]),
            quarter(value[2], exponent[2]),
            quarter(value[3], exponent[3]),
        ]
    }

    #[inline(always)]
    unsafe fn larger(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction hands on what is no number from either side.
        quarters!(f32x4_max, first, second)
    }

    #[inline(always)]
    unsafe fn smaller(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction hands on what is no number from either side.
        quarters!(f32x4_min, first, second)
    }

    #[inline(always)]
    unsafe fn maximum(first: Self::Block, second: Self::Block) -> Self::Block {
        quarters!(f32x4_max, first, second)
    }

    #[inline(always)]
    unsafe fn keep_between(
        value: Self::Block,
        test: Self::Block,
        lower: Self::Block,
        upper: Self::Block,
    ) -> Self::Block {
        let quarter = |quarter: usize| {
            let above = f32x4_gt(test[quarter], lower[quarter]);
            let below = f32x4_lt(test[quarter], upper[quarter]);
            v128_and(value[quarter], v128_and(above, below))
        };
        [quarter(0), quarter(1), quarter(2), quarter(3)]
    }
}
