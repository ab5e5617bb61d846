//! Archives of photos: tar files, plain ones and WebDataset's, and Parquet tables.
//!
//! An archive is gone through once, when it is opened. From then on a photo is a span of bytes at a known place, so that photos are
//! read in any order, on many threads, and an epoch is shuffled as a whole. Nothing is unpacked to where a name in the archive says.

mod layout;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
mod spool;
mod tar;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::facts::Facts;
use crate::{Error, PhotoState, Source};

/// What an archive is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tar,
    CompressedTar,
    Parquet,
}

impl Kind {
    /// That of a file; `None` for one that is no archive. Only what has no mark of its own is known by its name.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn of(file: &Path) -> Result<Option<Kind>, Error> {
        let failed = |source| read_failed(file, source);
        let mut head = Vec::new();
        File::open(file)
            .and_then(|opened| opened.take(512).read_to_end(&mut head))
            .map_err(failed)?;
        let is_called_tar = Kind::of_name(file).is_some_and(|kind| kind != Kind::Parquet);
        Ok(match &head[..] {
            [b'P', b'A', b'R', b'1', ..] => Some(Kind::Parquet),
            [0x1f, 0x8b, ..] if is_called_tar => Some(Kind::CompressedTar),
            head if head.get(257..262) == Some(b"ustar") => Some(Kind::Tar),
            // The first tar had no mark.
            _ if is_called_tar => Some(Kind::Tar),
            _ => None,
        })
    }

    /// What a file of this name is likely to be.
    pub(crate) fn of_name(file: &Path) -> Option<Kind> {
        let name = file.file_name()?.to_string_lossy().to_lowercase();
        let ends = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
        if ends(".tar") {
            Some(Kind::Tar)
        } else if ends(".tar.gz") || ends(".tgz") {
            Some(Kind::CompressedTar)
        } else if ends(".parquet") {
            Some(Kind::Parquet)
        } else {
            None
        }
    }
}

/// A photo in an archive.
#[derive(Debug)]
pub(crate) struct Member {
    /// The path of the archive and the name in it.
    pub(crate) path: PathBuf,
    pub(crate) facts: Facts,
}

/// An archive that has been gone through.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What its photos are read from.
    pub(crate) source: Source,
    /// Its photos in their order.
    pub(crate) photos: Vec<Member>,
    /// What in it is no photo of a class.
    pub(crate) ignored: Vec<PathBuf>,
}

/// Goes through the archive at `file`.
///
/// # Errors
/// [`Error::List`] for one that cannot be read without guessing, [`Error::Read`], [`Error::Temporary`] where a compressed one finds no
/// room, and [`Error::FeatureMissing`].
pub(crate) fn open(file: &Path, kind: Kind) -> Result<Opened, Error> {
    match kind {
        Kind::Tar => tar::open(file),
        Kind::CompressedTar => tar::open_compressed(file),
        #[cfg(feature = "parquet")]
        Kind::Parquet => parquet::open(file),
        #[cfg(not(feature = "parquet"))]
        Kind::Parquet => Err(Error::FeatureMissing {
            path: file.to_owned(),
            what: "a Parquet table",
            feature: "parquet",
        }),
    }
}

/// Archives that paths lead into, each opened once.
#[derive(Default)]
pub(crate) struct Archives(BTreeMap<PathBuf, Source>);

impl Archives {
    /// What a photo is read from whose path leads into an archive; `None` for any other.
    ///
    /// # Errors
    /// Those of [`open`].
    pub(crate) fn holding(&mut self, photo: &Path) -> Result<Option<Source>, Error> {
        // Told by their names: to look at what lies above each photo of a long list would take its time.
        let above = photo.ancestors().skip(1);
        let Some(file) = above.into_iter().find(|path| Kind::of_name(path).is_some()) else {
            return Ok(None);
        };
        if let Some(source) = self.0.get(file) {
            return Ok(Some(source.clone()));
        }
        if !file.is_file() {
            return Ok(None);
        }
        let Some(kind) = Kind::of(file)? else {
            return Ok(None);
        };
        let source = open(file, kind)?.source;
        self.0.insert(file.to_owned(), source.clone());
        Ok(Some(source))
    }
}

fn read_failed(file: &Path, source: std::io::Error) -> Error {
    Error::Read {
        path: file.to_owned(),
        source,
    }
}

/// Length and time of the last change of a file that is open.
fn state_of(opened: &File, file: &Path) -> Result<(u64, Option<SystemTime>), Error> {
    let found = opened.metadata().map_err(|source| read_failed(file, source))?;
    Ok((found.len(), found.modified().ok()))
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    offset: u64,
    length: u64,
}

impl Span {
    fn state(self, changed: Option<SystemTime>) -> PhotoState {
        PhotoState {
            bytes: self.length,
            changed,
        }
    }
}
