//! A file without a name, for what has no place of its own to be read from.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Span;
use crate::Error;

/// A file in the system's folder for temporary files that is gone when the last handle on it is, however the process ends.
pub(super) struct Spool<'a> {
    /// What is unpacked, for messages.
    of: &'a Path,
    file: BufWriter<File>,
    length: u64,
}

impl<'a> Spool<'a> {
    /// # Errors
    /// [`Error::Temporary`].
    pub(super) fn new(of: &'a Path) -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(|source| failed(of, source))?;
        Ok(Self {
            of,
            file: BufWriter::with_capacity(1 << 20, file),
            length: 0,
        })
    }

    /// Puts bytes at the end.
    ///
    /// # Errors
    /// [`Error::Temporary`].
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Span, Error> {
        self.file
            .write_all(bytes)
            .map_err(|source| failed(self.of, source))?;
        let span = Span {
            offset: self.length,
            length: bytes.len() as u64,
        };
        self.length += span.length;
        Ok(span)
    }

    /// The file, to read from.
    ///
    /// # Errors
    /// [`Error::Temporary`].
    pub(super) fn finish(self) -> Result<File, Error> {
        let of = self.of;
        self.file
            .into_inner()
            .map_err(|error| failed(of, error.into_error()))
    }
}

fn failed(of: &Path, source: io::Error) -> Error {
    Error::Temporary {
        path: of.to_owned(),
        folder: folder(),
        source,
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir()
}
