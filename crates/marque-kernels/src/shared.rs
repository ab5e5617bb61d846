//! Memory that threads write disjoint parts of.

use std::marker::PhantomData;
use std::ops::Range;

/// A slice whose parts are handed to the chunks of a parallel region.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: numbers may be written from any thread; that no two write the same is what its functions ask of their callers.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(values: &'a mut [f32]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            len: values.len(),
            borrowed: PhantomData,
        }
    }

    /// A part, to be written by one chunk alone.
    ///
    /// # Safety
    /// No other reference to these numbers may be in use.
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that was borrowed for 'a, and exclusive, as the caller says.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Where `count` runs of `len` numbers lie, `stride` apart from `start` on.
    pub(crate) fn runs(&self, start: usize, count: usize, stride: usize, len: usize) -> *mut f32 {
        assert!(count > 0 && start + (count - 1) * stride + len <= self.len);
        // SAFETY: within the slice.
        unsafe { self.start.add(start) }
    }
}
