//! Vectors of sixteen numbers, one for each channel of a block, on whatever the processor has for them.
//!
//! Kernels are written once over [`Simd`] and instantiated for each instruction set inside functions that have its features
//! enabled. Everything here is inlined into them; called from elsewhere, it would run on a processor that may lack them, which is
//! why each function is unsafe.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod simd128;

/// Sixteen numbers and what is done to all of them at once.
///
/// # Safety
/// The processor must have the instruction set that the implementation is named after, and pointers must be valid for sixteen
/// numbers.
pub(crate) trait Simd: Copy + 'static {
    /// The sixteen numbers, in as many registers as it takes.
    type Block: Copy;
    /// Blocks that are summed at a time where nothing but loads stands between: with them, the registers are full.
    const SUMS: usize;

    unsafe fn splat(value: f32) -> Self::Block;
    unsafe fn load(from: *const f32) -> Self::Block;
    unsafe fn store(to: *mut f32, block: Self::Block);
    unsafe fn add(left: Self::Block, right: Self::Block) -> Self::Block;
    unsafe fn subtract(left: Self::Block, right: Self::Block) -> Self::Block;
    unsafe fn multiply(left: Self::Block, right: Self::Block) -> Self::Block;
    /// `left · right + sum`; rounded once where the instruction set can.
    unsafe fn multiply_add(left: Self::Block, right: Self::Block, sum: Self::Block) -> Self::Block;
    unsafe fn divide(left: Self::Block, right: Self::Block) -> Self::Block;
    /// `value · 2ⁿ`, where the lowest bits of `exponent` are n as an integer, and all of its that are not shifted out by 23 places.
    unsafe fn scale_by_power_of_two(value: Self::Block, exponent: Self::Block) -> Self::Block;
    /// The larger of each pair. Where `second` is no number, neither is the result; so a rectifier hands it on, as LibTorch's does.
    unsafe fn larger(first: Self::Block, second: Self::Block) -> Self::Block;
    /// The smaller of each pair. Where `second` is no number, neither is the result.
    unsafe fn smaller(first: Self::Block, second: Self::Block) -> Self::Block;
    /// The larger of each pair, and no number where either is none.
    unsafe fn maximum(first: Self::Block, second: Self::Block) -> Self::Block;
    /// The numbers of `value` where `test` lies between the bounds and on none of them; 0 elsewhere.
    unsafe fn keep_between(
        value: Self::Block,
        test: Self::Block,
        lower: Self::Block,
        upper: Self::Block,
    ) -> Self::Block;
    /// Asks for a cache line that will be read soon; the pointer need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
    /// The same for one that will be read at once.
    #[inline(always)]
    unsafe fn prefetch_near(_: *const f32) {}
}
