//! Zip archives from strangers.

use crate::bytes::Bytes;
use std::io::{Cursor, Read, Seek};
use zip::read::{ArchiveOffset, Config, ZipFile};
use zip::result::ZipResult;
use zip::{CompressionMethod, ZipArchive};

/// What an archive may unpack to, however small it is.
const MIN_BUDGET_BYTES: u64 = 256 << 20;
/// What it may unpack to for each of its own bytes. Weights hardly shrink; even nine zeros in ten numbers come to less.
const MAX_RATIO: u64 = 16;

/// What can be wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("as a zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("it has two entries of the same name")]
    Duplicate,
    #[error("its entry {entry:?} cannot be unpacked: {source}")]
    Unpack { entry: String, source: std::io::Error },
    #[error("its entry {entry:?} unpacks to more than {limit} bytes")]
    TooLarge { entry: String, limit: u64 },
    #[error("its entry {entry:?} is said to have {claimed} bytes and unpacks to more or fewer")]
    WrongSize { entry: String, claimed: u64 },
    #[error("its entry {entry:?} does not lie within the file")]
    Outside { entry: String },
    #[error("it has no entry {entry:?}")]
    NoEntry { entry: String },
}

/// The archive that begins with the first byte of `reader`.
///
/// Left to guess what stands before an archive, the zip crate takes the list of entries to end where the last record
/// begins. In PyTorch's archives two more records of 76 bytes in all are between the two, whatever the archive's size;
/// and where the first entry of the list is as long as they are, the guess is wrong by one entry. Nothing may stand
/// before the archives that are read here, so that there is nothing to guess.
fn open_zip<R: Read + Seek>(reader: R) -> ZipResult<ZipArchive<R>> {
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    ZipArchive::with_config(config, reader)
}

/// A zip archive in memory or in a mapped file.
pub(crate) struct Archive {
    bytes: Bytes,
    names: Vec<String>,
    zip: ZipArchive<Cursor<Bytes>>,
    budget: u64,
}

impl Archive {
    /// Reads the list of entries. Nothing is unpacked.
    pub(crate) fn open(bytes: &Bytes) -> Result<Self, ArchiveError> {
        let zip = open_zip(Cursor::new(bytes.clone()))?;
        if zip.has_duplicate_names() {
            return Err(ArchiveError::Duplicate);
        }
        let names = zip.file_names().map(|name| name.map(|name| name.into_owned()));
        let names = names.collect::<Result<_, _>>()?;
        Ok(Self {
            bytes: bytes.clone(),
            names,
            zip,
            budget: MIN_BUDGET_BYTES.max((bytes.len() as u64).saturating_mul(MAX_RATIO)),
        })
    }

    /// The names of all entries, in the archive's order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    /// How long the archive claims that an entry is.
    pub(crate) fn size(&mut self, name: &str) -> Result<u64, ArchiveError> {
        Ok(self.file(name)?.size())
    }

    /// The first bytes of an entry, at most `count`.
    pub(crate) fn read_start(&mut self, name: &str, count: u64) -> Result<Vec<u8>, ArchiveError> {
        unpack(&mut self.file(name)?, name, count)
    }

    /// The contents of the entry called `name`: a part of the archive's own bytes if it is stored as it is, unpacked into
    /// memory otherwise. What the archive claims about sizes is not believed: no more than `limit` bytes are ever unpacked,
    /// and all entries together to no more than 256 MiB or sixteen times the archive's size, whichever is more.
    /// Checksums are compared of what is unpacked; [`check`](Self::check) does so for the rest.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Bytes, ArchiveError> {
        let limit = limit.min(self.budget);
        let whole = self.bytes.clone();
        let mut file = self.file(name)?;
        let claimed = file.size();
        if file.compression() == CompressionMethod::Stored {
            let within = file.data_start().and_then(|start| {
                let start = usize::try_from(start).ok()?;
                let end = start.checked_add(usize::try_from(claimed).ok()?)?;
                whole.slice(start..end)
            });
            return within.ok_or_else(|| ArchiveError::Outside {
                entry: name.to_owned(),
            });
        }
        if claimed > limit {
            return Err(ArchiveError::TooLarge {
                entry: name.to_owned(),
                limit,
            });
        }
        let contents = unpack(&mut file, name, claimed.saturating_add(1))?;
        drop(file);
        if contents.len() as u64 != claimed {
            return Err(ArchiveError::WrongSize {
                entry: name.to_owned(),
                claimed,
            });
        }
        self.charge(name, claimed)?;
        Ok(contents.into())
    }

    /// Takes bytes that an entry will need in memory out of what the archive may unpack to.
    pub(crate) fn charge(&mut self, name: &str, bytes: u64) -> Result<(), ArchiveError> {
        let limit = self.budget;
        self.budget = limit.checked_sub(bytes).ok_or_else(|| ArchiveError::TooLarge {
            entry: name.to_owned(),
            limit,
        })?;
        Ok(())
    }

    /// Compares a stored entry with its checksum; others are compared when they are unpacked. This reads it all, and
    /// counts as if it were unpacked, since many entries may be the same bytes.
    pub(crate) fn check(&mut self, name: &str) -> Result<(), ArchiveError> {
        let file = self.file(name)?;
        let size = file.size();
        // A fuzzer would spend its time on guessing sums.
        if file.compression() != CompressionMethod::Stored || cfg!(fuzzing) {
            return Ok(());
        }
        drop(file);
        self.charge(name, size)?;
        match std::io::copy(&mut self.file(name)?, &mut std::io::sink()) {
            Ok(_) => Ok(()),
            Err(source) => Err(ArchiveError::Unpack {
                entry: name.to_owned(),
                source,
            }),
        }
    }

    fn file(&mut self, name: &str) -> Result<ZipFile<'_, Cursor<Bytes>>, ArchiveError> {
        let position = self
            .zip
            .index_for_name(name)
            .ok_or_else(|| ArchiveError::NoEntry {
                entry: name.to_owned(),
            })?;
        Ok(self.zip.by_index(position)?)
    }
}

fn unpack(file: &mut impl Read, name: &str, count: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut contents = Vec::new();
    match file.take(count).read_to_end(&mut contents) {
        Ok(_) => Ok(contents),
        Err(source) => Err(ArchiveError::Unpack {
            entry: name.to_owned(),
            source,
        }),
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
