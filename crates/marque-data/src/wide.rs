//! Loops over pixels compiled for the wider registers that a processor may have.
//!
//! Programs are compiled for every processor of a kind, and so for 16 bytes at a time; most processors compute with 32. A
//! function that is compiled for them may only be called where they are, which the compiler cannot know: the one `unsafe`
//! block of this crate stands here. The results are the same bits: no sum has another order, and nothing is fused.

/// A loop. Its `run` must be `#[inline(always)]`, as must be what it calls, to be compiled for the wider registers.
pub(crate) trait Loop {
    /// Carries it out.
    fn run(self);
}

/// Runs a loop with the widest registers that there are.
pub(crate) fn run(work: impl Loop) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been asked for AVX2, the only thing that the function needs.
        unsafe { with_avx2(work) };
        return;
    }
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(work: impl Loop) {
    work.run();
}
