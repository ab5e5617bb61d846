//! NEON, which every 64-bit ARM processor has: a block is four registers.

use super::Simd;
use std::arch::aarch64::*;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

/// Applies a function of two registers to all four quarters.
macro_rules! quarters {
    ($function:ident, $left:expr, $right:expr) => {
        // SAFETY: as the trait asks.
        unsafe {
            [
                $function($left[0], $right[0]),
                $function($left[1], $right[1]),
                $function($left[2], $right[2]),
                $function($left[3], $right[3]),
            ]
        }
    };
}

impl Simd for Neon {
    type Block = [float32x4_t; 4];
    const SUMS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe { [vdupq_n_f32(value); 4] }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            [
                vld1q_f32(from),
                vld1q_f32(from.add(4)),
                vld1q_f32(from.add(8)),
                vld1q_f32(from.add(12)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, block: Self::Block) {
        for (quarter, values) in block.into_iter().enumerate() {
            // SAFETY: as the trait asks.
            unsafe { vst1q_f32(to.add(4 * quarter), values) }
        }
    }

    #[inline(always)]
    unsafe fn add(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(vaddq_f32, left, right)
    }

    #[inline(always)]
    unsafe fn subtract(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(vsubq_f32, left, right)
    }

    #[inline(always)]
    unsafe fn multiply(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(vmulq_f32, left, right)
    }

    #[inline(always)]
    unsafe fn multiply_add(left: Self::Block, right: Self::Block, sum: Self::Block) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            [
                vfmaq_f32(sum[0], left[0], right[0]),
                vfmaq_f32(sum[1], left[1], right[1]),
                vfmaq_f32(sum[2], left[2], right[2]),
                vfmaq_f32(sum[3], left[3], right[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn divide(left: Self::Block, right: Self::Block) -> Self::Block {
        quarters!(vdivq_f32, left, right)
    }

    #[inline(always)]
    unsafe fn scale_by_power_of_two(value: Self::Block, exponent: Self::Block) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            let quarter = |value, exponent| {
                let shifted = vshlq_n_s32::<23>(vreinterpretq_s32_f32(exponent));
                vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(value), shifted))
            };
            [
                quarter(value[0], exponent[0]),
                quarter(value[1], exponent[1]),
                quarter(value[2], exponent[2]),
                quarter(value[3], exponent[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn larger(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction hands on what is no number from either side.
        quarters!(vmaxq_f32, first, second)
    }

    #[inline(always)]
    unsafe fn smaller(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction hands on what is no number from either side.
        quarters!(vminq_f32, first, second)
    }

    #[inline(always)]
    unsafe fn maximum(first: Self::Block, second: Self::Block) -> Self::Block {
        quarters!(vmaxq_f32, first, second)
    }

    #[inline(always)]
    unsafe fn keep_between(
        value: Self::Block,
        test: Self::Block,
        lower: Self::Block,
        upper: Self::Block,
    ) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            let quarter = |quarter: usize| {
                let above = vcgtq_f32(test[quarter], lower[quarter]);
                let between = vandq_u32(above, vcltq_f32(test[quarter], upper[quarter]));
                vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(value[quarter]), between))
            };
            [quarter(0), quarter(1), quarter(2), quarter(3)]
        }
    }
}
