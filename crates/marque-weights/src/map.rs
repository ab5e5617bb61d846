//! Files as memory. All `unsafe` code of this crate is here.

use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

/// A whole file, mapped for reading.
///
/// Its bytes are read from the disk when they are first looked at. Files that marque writes are replaced by renaming,
/// never changed in place, so that a map of one stays what it was. Should another program cut a file short while it is
/// mapped, the operating system ends the process that looks at the lost part.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps a file; one of no bytes gives an empty map.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the map is private to this type and handed out as shared slices only. What remains is the hazard that
        // another process changes the file, which no caller can rule out; parsers check what they read once and work on
        // copies of lengths and offsets, so that changed bytes can give wrong numbers, never an access out of bounds.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(map))
    }

    /// Tells the operating system that these bytes are not needed for now, so that they no longer count as this
    /// process's memory. Looking at them again reads them again. It is only advice, and Unix alone takes it.
    #[cfg(unix)]
    pub(crate) fn forget(&self, range: Range<usize>) {
        // SAFETY: the map is read-only and backed by a file, so that forgotten pages come back with the same contents.
        // A refusal costs memory and nothing else.
        let _ = unsafe {
            self.0
                .unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
        };
    }

    #[cfg(not(unix))]
    pub(crate) fn forget(&self, _: Range<usize>) {}
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
