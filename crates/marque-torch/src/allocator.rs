//! The C library's allocator, which LibTorch takes the memory of its tensors from: the one place of this crate with unsafe
//! code.

/// Tells the C library's allocator to keep what LibTorch lets go, for the whole process and from now on, and answers whether
/// it does as told.
///
/// A training step takes some gigabytes for its feature maps and gradients and lets them go again. By default the GNU C
/// library gives large pieces straight back to the system, which clears every page anew when the next step asks for it:
/// a fifth of the time of a step of Xception at 224×224, batch 16. Kept memory is reused instead, at the price of some
/// fragmentation (a tenth to a quarter more at the peak) and of a process that does not shrink.
///
/// Programs that train, or that run one network over and over, call it first in `main`, and train on the thread that `main`
/// runs on: pieces of over 64 MiB that other threads ask for come from the system all the same. It is a setting of the
/// whole process, which is why no other function of this crate calls it. Elsewhere than on Linux with the GNU C library it
/// does nothing and answers `false`.
pub fn keep_freed_memory() -> bool {
    set()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set() -> bool {
    // SAFETY: `mallopt` takes two integers, may be called at any time and from any thread, and leaves the allocator as it
    // was if it refuses.
    let (no_maps, no_trim) = unsafe {
        (
            libc::mallopt(libc::M_MMAP_MAX, 0),
            libc::mallopt(libc::M_TRIM_THRESHOLD, -1),
        )
    };
    no_maps == 1 && no_trim == 1
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set() -> bool {
    false
}
