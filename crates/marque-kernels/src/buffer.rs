//! Memory for numbers: aligned to a cache line, in large pages where the system has them.

use crate::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes of a cache line on every processor with kernels here.
const CACHE_LINE: usize = 64;
/// Bytes of a large page on x86-64 and ARM; buffers of at least one begin at its border.
#[cfg(all(target_os = "linux", not(miri)))]
const LARGE_PAGE: usize = 2 << 20;

/// Numbers that begin on a cache line. Large ones lie in large pages where the system allows it, which doubles the speed at which
/// weights are read that no cache holds.
pub struct Buffer {
    /// Of `len` initialised numbers; dangling where there are none.
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: a buffer owns its memory, as a `Vec` does.
unsafe impl Send for Buffer {}
// SAFETY: shared, it can only be read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where the system has none.
    pub fn zeroed(len: usize) -> Result<Self, Error> {
        let out_of_memory = || Error::OutOfMemory {
            bytes: len.saturating_mul(size_of::<f32>()),
        };
        let bytes = len.checked_mul(size_of::<f32>()).ok_or_else(out_of_memory)?;
        let start = match bytes {
            0 => NonNull::dangling(),
            _ => memory::zeroed(bytes).ok_or_else(out_of_memory)?.cast(),
        };
        Ok(Self { start, len })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<f32>();
        if bytes > 0 {
            // SAFETY: `zeroed` has given it for as many bytes.
            unsafe { memory::free(self.start.cast(), bytes) };
        }
    }
}

/// Memory of the allocator, at a border of a cache line.
mod small {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    const CACHE_LINE: usize = super::CACHE_LINE;

    /// `None` where there is none.
    pub(super) fn zeroed(bytes: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(bytes, CACHE_LINE).ok()?;
        // SAFETY: the layout has a size.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    /// # Safety
    /// `start` is what [`zeroed`] has given for so many bytes, and nobody looks at it any more.
    pub(super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: the layout was valid when the memory was given.
        unsafe {
            dealloc(
                start.as_ptr(),
                Layout::from_size_align_unchecked(bytes, CACHE_LINE),
            )
        };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
use small as memory;

/// Memory of the system where it fills large pages. Such pages are zeros until they are written for the first time, by whichever thread;
/// the allocator's aligned memory would be written here and now, by this one.
#[cfg(all(target_os = "linux", not(miri)))]
mod memory {
    use super::{LARGE_PAGE, small};
    use std::ptr::{NonNull, null_mut};

    pub(super) fn zeroed(bytes: usize) -> Option<NonNull<u8>> {
        if bytes < LARGE_PAGE {
            return small::zeroed(bytes);
        }
        let bytes = whole_pages(bytes)?;
        let all = bytes.checked_add(LARGE_PAGE)?;
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping, at a place that the system chooses.
        let mapped = unsafe { libc::mmap(null_mut(), all, access, kind, -1, 0) };
        if mapped == libc::MAP_FAILED {
            return None;
        }
        // What lies before the first border of a large page, and behind the last one, is given back.
        let before = mapped.align_offset(LARGE_PAGE);
        let start: *mut u8 = mapped.cast::<u8>().wrapping_add(before);
        let after = LARGE_PAGE - before;
        // SAFETY: both ranges are parts of the mapping that nothing refers to, and end at borders of pages. The advice, which the system
        // may ignore, must come before the first touch, which is when a page gets its size.
        unsafe {
            if before > 0 {
                libc::munmap(mapped, before);
            }
            if after > 0 {
                libc::munmap(start.add(bytes).cast(), after);
            }
            libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE);
        }
        NonNull::new(start)
    }

    /// # Safety
    /// `start` is what [`zeroed`] has given for so many bytes, and nobody looks at it any more.
    pub(super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        match whole_pages(bytes) {
            // SAFETY: the mapping is as long.
            Some(whole) if bytes >= LARGE_PAGE => unsafe {
                libc::munmap(start.as_ptr().cast(), whole);
            },
            // SAFETY: as the caller says.
            _ => unsafe { small::free(start, bytes) },
        }
    }

    /// A multiple of every size that pages have.
    fn whole_pages(bytes: usize) -> Option<usize> {
        bytes.checked_next_multiple_of(64 << 10)
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` numbers were allocated, zeroed, and are borrowed as long as the buffer is.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Buffer({} numbers)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_aligned_and_writable() {
        for len in [0, 1, 17, (2 << 20) / 4 - 1, (2 << 20) / 4, (2 << 20) + 1] {
            let mut buffer = Buffer::zeroed(len).unwrap();
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&value| value == 0.0));
            if let Some(last) = buffer.last_mut() {
                *last = 1.0;
                assert_eq!(buffer.as_ptr() as usize % CACHE_LINE, 0);
            }
        }
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        for len in [usize::MAX, isize::MAX as usize / 4 + 1, 1 << 48] {
            assert!(matches!(Buffer::zeroed(len), Err(Error::OutOfMemory { .. })));
        }
    }
}
