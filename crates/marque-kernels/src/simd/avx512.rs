//! AVX-512F: a block is one register.

use super::Simd;
use std::arch::x86_64::*;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

impl Simd for Avx512 {
    type Block = __m512;
    const SUMS: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, block: __m512) {
        // SAFETY: as the trait asks.
        unsafe { _mm512_storeu_ps(to, block) }
    }

    #[inline(always)]
    unsafe fn add(left: __m512, right: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_add_ps(left, right) }
    }

    #[inline(always)]
    unsafe fn subtract(left: __m512, right: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_sub_ps(left, right) }
    }

    #[inline(always)]
    unsafe fn multiply(left: __m512, right: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_mul_ps(left, right) }
    }

    #[inline(always)]
    unsafe fn multiply_add(left: __m512, right: __m512, sum: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_fmadd_ps(left, right, sum) }
    }

    #[inline(always)]
    unsafe fn divide(left: __m512, right: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe { _mm512_div_ps(left, right) }
    }

    #[inline(always)]
    unsafe fn scale_by_power_of_two(value: __m512, exponent: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe {
            let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(exponent));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), shifted))
        }
    }

    #[inline(always)]
    unsafe fn larger(first: __m512, second: __m512) -> __m512 {
        // SAFETY: as the trait asks. The instruction answers with its second operand where either is no number.
        unsafe { _mm512_max_ps(first, second) }
    }

    #[inline(always)]
    unsafe fn smaller(first: __m512, second: __m512) -> __m512 {
        // SAFETY: as the trait asks. The instruction answers with its second operand where either is no number.
        unsafe { _mm512_min_ps(first, second) }
    }

    #[inline(always)]
    unsafe fn maximum(first: __m512, second: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe {
            let is_no_number = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(first, first);
            _mm512_mask_mov_ps(_mm512_max_ps(first, second), is_no_number, first)
        }
    }

    #[inline(always)]
    unsafe fn keep_between(value: __m512, test: __m512, lower: __m512, upper: __m512) -> __m512 {
        // SAFETY: as the trait asks.
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, lower);
            let between = _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(above, test, upper);
            _mm512_maskz_mov_ps(between, value)
        }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: it is only advice, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_near(from: *const f32) {
        // SAFETY: it is only advice, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
}
