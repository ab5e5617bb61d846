//! Reading photos that are spans of a file.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Span, read_failed};
use crate::decode::MAX_FILE_BYTES;
use crate::{Error, PhotoSource, PhotoState};

/// Photos that are spans of one file.
pub(super) struct Packed {
    contents: Contents,
    spans: HashMap<PathBuf, Span>,
}

/// The file that spans are of.
pub(super) enum Contents {
    /// The archive itself, as it was when it was gone through. It is opened for each photo, since there may be more archives than files
    /// that a process may hold open.
    Archive { path: PathBuf, length: u64 },
    /// What the archive held, unpacked into a file without a name.
    Unpacked { file: File, changed: Option<SystemTime> },
}

impl Packed {
    pub(super) fn new(contents: Contents, spans: HashMap<PathBuf, Span>) -> Packed {
        Packed { contents, spans }
    }
}

impl PhotoSource for Packed {
    fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let Some(&span) = self.spans.get(path) else {
            return Err(Error::NoPhoto {
                path: path.to_owned(),
            });
        };
        if span.length > MAX_FILE_BYTES {
            return Err(Error::FileTooLarge {
                path: path.to_owned(),
                found_bytes: span.length,
                limit_bytes: MAX_FILE_BYTES,
            });
        }
        let mut bytes = vec![0; span.length as usize];
        let read = match &self.contents {
            Contents::Archive { path, .. } => {
                File::open(path).and_then(|file| read_exact_at(&file, &mut bytes, span.offset))
            }
            Contents::Unpacked { file, .. } => read_exact_at(file, &mut bytes, span.offset),
        };
        read.map_err(|source| read_failed(path, source))?;
        Ok(bytes)
    }

    fn state(&self, path: &Path) -> Option<PhotoState> {
        let span = self.spans.get(path)?;
        match &self.contents {
            Contents::Archive { path, length } => {
                // In an archive of another length photos may lie elsewhere.
                let found = std::fs::metadata(path).ok()?;
                (found.len() == *length).then(|| span.state(found.modified().ok()))
            }
            Contents::Unpacked { changed, .. } => Some(span.state(*changed)),
        }
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed")
            .field("photos", &self.spans.len())
            .finish_non_exhaustive()
    }
}

/// Fills `bytes` from a place of a file without moving its cursor, which other threads share.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    // It moves the cursor, but says itself where it reads.
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
