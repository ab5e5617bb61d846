//! Memory for numbers: aligned to a cache line, in large pages where the system has them.

use crate::Error;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes of a cache line on every processor with kernels here.
const CACHE_LINE: usize = 64;
/// Bytes of a large page on x86-64 and ARM; buffers of at least one begin at its border.
const LARGE_PAGE: usize = 2 << 20;

/// Numbers that begin on a cache line. Large ones lie in large pages where the system allows it, which doubles the speed at which
/// weights are read that no cache holds.
pub struct Buffer {
    /// Of `len` initialised numbers; dangling where there are none.
    start: NonNull<f32>,
    len: usize,
    alignment: usize,
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
        let alignment = if bytes >= LARGE_PAGE {
            LARGE_PAGE
        } else {
            CACHE_LINE
        };
        let layout = Layout::from_size_align(bytes, alignment).map_err(|_| out_of_memory())?;
        if bytes == 0 {
            return Ok(Self {
                start: NonNull::dangling(),
                len,
                alignment,
            });
        }
        let start = if alignment == LARGE_PAGE {
            // The advice must come before the first touch, which is when a page gets its size.
            // SAFETY: the layout has a size, and so many bytes are there to be written.
            unsafe {
                let start = NonNull::new(alloc(layout)).ok_or_else(out_of_memory)?;
                ask_for_large_pages(start, bytes);
                start.write_bytes(0, bytes);
                start
            }
        } else {
            // SAFETY: the layout has a size.
            NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(out_of_memory)?
        };
        Ok(Self {
            start: start.cast(),
            len,
            alignment,
        })
    }
}

/// It is only advice: memory works without.
#[cfg(target_os = "linux")]
fn ask_for_large_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the range is one allocation of the caller's, which begins on a page; the advice changes no content.
    unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: NonNull<u8>, _: usize) {}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<f32>();
        if bytes > 0 {
            // SAFETY: allocated with this size and alignment, which were valid then.
            unsafe {
                let layout = Layout::from_size_align_unchecked(bytes, self.alignment);
                dealloc(self.start.as_ptr().cast(), layout);
            }
        }
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
        for len in [0, 1, 17, LARGE_PAGE] {
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
