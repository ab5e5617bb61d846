use crate::bytes::Bytes;
use crate::foreign::Foreign;
use crate::map::Map;
use crate::{Error, Format};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The bytes of a checkpoint and the name that errors give it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Bytes,
}

impl Source {
    /// Maps a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let map = map(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes: Bytes::mapped(map),
        })
    }

    /// The error for a file that is no checkpoint.
    pub(crate) fn foreign(&self, found: Foreign) -> Error {
        Error::UnknownFormat {
            path: self.path.clone(),
            found,
        }
    }

    /// An error of a reader, with the file's name.
    pub(crate) fn malformed(
        &self,
        format: Format,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            format,
            source: source.into(),
        }
    }
}

/// What is no file is refused before it is opened: to open a pipe is to wait for its other end.
fn map(path: &Path) -> io::Result<Map> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Map::new(&File::open(path)?)
}
