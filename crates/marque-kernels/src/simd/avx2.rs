//! AVX2 with fused multiply-add: a block is two registers.

use super::Simd;
use std::arch::x86_64::*;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// Applies a function of two registers to both halves.
macro_rules! halves {
    ($function:ident, $left:expr, $right:expr) => {
        // SAFETY: as the trait asks.
        unsafe { [$function($left[0], $right[0]), $function($left[1], $right[1])] }
    };
}

impl Simd for Avx2 {
    type Block = [__m256; 2];
    const SUMS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, block: Self::Block) {
        // SAFETY: as the trait asks.
        unsafe {
            _mm256_storeu_ps(to, block[0]);
            _mm256_storeu_ps(to.add(8), block[1]);
        }
    }

    #[inline(always)]
    unsafe fn add(left: Self::Block, right: Self::Block) -> Self::Block {
        halves!(_mm256_add_ps, left, right)
    }

    #[inline(always)]
    unsafe fn subtract(left: Self::Block, right: Self::Block) -> Self::Block {
        halves!(_mm256_sub_ps, left, right)
    }

    #[inline(always)]
    unsafe fn multiply(left: Self::Block, right: Self::Block) -> Self::Block {
        halves!(_mm256_mul_ps, left, right)
    }

    #[inline(always)]
    unsafe fn multiply_add(left: Self::Block, right: Self::Block, sum: Self::Block) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            [
                _mm256_fmadd_ps(left[0], right[0], sum[0]),
                _mm256_fmadd_ps(left[1], right[1], sum[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn divide(left: Self::Block, right: Self::Block) -> Self::Block {
        halves!(_mm256_div_ps, left, right)
    }

    #[inline(always)]
    unsafe fn scale_by_power_of_two(value: Self::Block, exponent: Self::Block) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            let half = |value, exponent| {
                let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(exponent));
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shifted))
            };
            [half(value[0], exponent[0]), half(value[1], exponent[1])]
        }
    }

    #[inline(always)]
    unsafe fn larger(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction answers with its second operand where either is no number.
        halves!(_mm256_max_ps, first, second)
    }

    #[inline(always)]
    unsafe fn smaller(first: Self::Block, second: Self::Block) -> Self::Block {
        // The instruction answers with its second operand where either is no number.
        halves!(_mm256_min_ps, first, second)
    }

    #[inline(always)]
    unsafe fn maximum(first: Self::Block, second: Self::Block) -> Self::Block {
        // SAFETY: as the trait asks.
        unsafe {
            let half = |first, second| {
                let is_no_number = _mm256_cmp_ps::<_CMP_UNORD_Q>(first, first);
                _mm256_blendv_ps(_mm256_max_ps(first, second), first, is_no_number)
            };
            [half(first[0], second[0]), half(first[1], second[1])]
        }
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
            let mut kept = value;
            for half in 0..2 {
                let above = _mm256_cmp_ps::<_CMP_GT_OQ>(test[half], lower[half]);
                let below = _mm256_cmp_ps::<_CMP_LT_OQ>(test[half], upper[half]);
                kept[half] = _mm256_and_ps(value[half], _mm256_and_ps(above, below));
            }
            kept
        }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: it is only advice, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }
}
