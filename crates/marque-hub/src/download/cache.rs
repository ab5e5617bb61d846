//! The folder of files that have been checked, and notes that spare checking them again.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::transfer::{self, Part};
use super::{Error, digest};
use crate::catalog::Checksum;

/// One file of the cache: where it is, and how it is told from any other.
pub(super) struct Slot<'a> {
    pub(super) folder: &'a Path,
    pub(super) file: &'a str,
    pub(super) bytes: Option<u64>,
    pub(super) limit: u64,
    pub(super) checksum: &'a Checksum,
}

/// What a file was like when it was found right.
///
/// Hashing a file costs far more than looking at its size and time; a change that keeps both is a fault of the disk
/// and not of a download.
#[derive(Serialize, Deserialize)]
struct Record {
    path: String,
    bytes: u64,
    modified_ns: u64,
    sha256: String,
    checksum: String,
}

/// Held until dropped: one process or thread at a time fetches a file.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock goes when the file is closed")] Option<File>);

impl Slot<'_> {
    /// Where the file is in the cache.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(self.file)
    }

    fn record_path(&self) -> PathBuf {
        self.folder.join(format!("{}.checked.json", self.file))
    }

    /// Waits for whoever else is fetching the file.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        fs::create_dir_all(self.folder).map_err(Error::file("make", self.folder))?;
        let path = self.folder.join(format!("{}.lock", self.file));
        let file = File::create(&path).map_err(Error::file("write", &path))?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => file.lock(),
            Err(TryLockError::Error(error)) => Err(error),
        };
        match locked {
            Ok(()) => Ok(Lock(Some(file))),
            // Some network file systems have no locks; the checksum still keeps a muddled file out.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Lock(None)),
            Err(error) => Err(Error::file("lock", path)(error)),
        }
    }

    /// A file that was checked before and has not changed since: the one in the cache or one elsewhere.
    pub(super) fn recorded(&self) -> Option<PathBuf> {
        let record = self.record()?;
        let path = PathBuf::from(&record.path);
        let (bytes, modified_ns) = state(&path).ok()?;
        (record.bytes == bytes && record.modified_ns == modified_ns).then_some(path)
    }

    fn record(&self) -> Option<Record> {
        let text = fs::read(self.record_path()).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.checksum == self.checksum.to_string()).then_some(record)
    }

    /// Takes back what was noted, so that the file is read again before it is used.
    pub(super) fn forget(&self) -> Result<(), Error> {
        transfer::remove(&self.record_path())
    }

    /// Reads the file at `path` to its end and says whether it is the right one; if so, this is noted.
    pub(super) fn check(&self, path: &Path, announced: Option<&str>) -> Result<(), Error> {
        let before = state(path).map_err(Error::file("read", path))?;
        let origin = path.display().to_string();
        if let Some(expected) = self.bytes.filter(|expected| *expected != before.0) {
            return Err(Error::Size {
                origin,
                expected,
                found: before.0,
            });
        }
        let earlier = self.record().map(|record| record.sha256);
        let announced = announced.or(earlier.as_deref());
        if matches!(self.checksum, Checksum::Hub(_)) && announced.is_none() {
            return Err(Error::Unannounced { url: origin });
        }
        let digests = digest::of_file(path, self.checksum, self.limit)?;
        digests.check(&origin, self.bytes, self.checksum, announced)?;
        self.note(path, before, digests.sha256)
    }

    /// Copies the file into the cache, where it appears only if it is the right one.
    ///
    /// `path` is what is read from, `origin` how it is called when it is wrong.
    pub(super) fn fill(&self, from: impl Read, path: &Path, origin: &str) -> Result<(), Error> {
        let part = Part::of(&self.path());
        part.discard()?;
        let filled = self.copy(from, path, origin, &part);
        if filled.is_err() {
            part.discard()?;
        }
        filled
    }

    fn copy(&self, from: impl Read, path: &Path, origin: &str, part: &Part) -> Result<(), Error> {
        let file = File::create(part.path()).map_err(Error::file("write", part.path()))?;
        let copied = digest::copy(from, &file, self.checksum, self.limit);
        let digests = copied.map_err(Error::file("copy", path))?;
        let digests = digests.ok_or_else(|| Error::TooLarge {
            origin: origin.to_owned(),
            limit: self.limit,
        })?;
        file.sync_all().map_err(Error::file("write", part.path()))?;
        digests.check(origin, self.bytes, self.checksum, None)?;
        self.keep(part, digests.sha256)
    }

    /// Gives a part that came from `url` its name if it is the right file.
    pub(super) fn accept(&self, part: &Part, url: &str, announced: Option<&str>) -> Result<(), Error> {
        let digests = digest::of_file(part.path(), self.checksum, self.limit)?;
        digests.check(url, self.bytes, self.checksum, announced)?;
        self.keep(part, digests.sha256)
    }

    fn keep(&self, part: &Part, sha256: String) -> Result<(), Error> {
        let path = self.path();
        part.keep_as(&path)?;
        let now = state(&path).map_err(Error::file("read", &path))?;
        self.note(&path, now, sha256)
    }

    /// Notes that the file at `path` was found right when it had this size and time.
    fn note(&self, path: &Path, (bytes, modified_ns): (u64, u64), sha256: String) -> Result<(), Error> {
        let Some(text) = path.to_str() else {
            // Such a path cannot be noted, and the file is checked anew each time.
            return Ok(());
        };
        let record = Record {
            path: text.to_owned(),
            bytes,
            modified_ns,
            sha256,
            checksum: self.checksum.to_string(),
        };
        let to = self.record_path();
        marque_fs::write_atomically(&to, |file| Ok(serde_json::to_writer(file, &record)?))
            .map_err(Error::file("write", to))
    }
}

/// Size and time of the last change in nanoseconds.
fn state(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    let modified = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .map_err(io::Error::other)?;
    Ok((metadata.len(), modified.as_nanos() as u64))
}
