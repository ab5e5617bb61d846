//! From an address into a `.part` file, in as many attempts as it takes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::http::{self, Answer, Rest};
use super::{Error, FetchOptions};

const BUFFER_BYTES: usize = 1 << 18;

/// An attempt that brings so much was a good one, even if it broke off.
const WORTHWHILE_BYTES: u64 = 1 << 20;

/// Time between two reports of progress.
const REPORT: Duration = Duration::from_millis(100);

/// What is fetched, and what it can be at most.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    /// The size, where it is known to the byte.
    pub(super) bytes: Option<u64>,
    pub(super) limit: u64,
    /// Whether a wrong mixture of two versions would be noticed afterwards.
    pub(super) has_checksum: bool,
}

/// What has arrived.
pub(super) struct Arrival {
    /// The SHA-256 that the hub announced.
    pub(super) announced: Option<String>,
    /// Whether it was put together from several attempts.
    pub(super) resumed: bool,
}

/// A file that is not whole yet, and what is known of the version that it is of.
pub(super) struct Part {
    path: PathBuf,
    version: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Version {
    url: String,
    validator: Option<String>,
    announced: Option<String>,
}

impl Part {
    /// The part of the file that is to be at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self {
            path: with(".part"),
            version: with(".part.json"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn discard(&self) -> Result<(), Error> {
        remove(&self.path)?;
        remove(&self.version)
    }

    /// Gives the whole file its name.
    pub(super) fn keep_as(&self, path: &Path) -> Result<(), Error> {
        fs::rename(&self.path, path).map_err(Error::file("write", path))?;
        remove(&self.version)?;
        sync_folder(path)
    }

    fn len(&self) -> Result<u64, Error> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::file("read", &self.path)(error)),
        }
    }

    /// An unreadable note is as good as none: the part is then of an unknown version.
    fn version_of(&self, url: &str) -> Option<Version> {
        let text = fs::read(&self.version).ok()?;
        let version: Version = serde_json::from_slice(&text).ok()?;
        (version.url == url).then_some(version)
    }

    fn note(&self, version: &Version) -> Result<(), Error> {
        marque_fs::write_atomically(&self.version, |file| Ok(serde_json::to_writer(file, version)?))
            .map_err(Error::file("write", &self.version))
    }
}

pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Error::file("write", folder))
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), Error> {
    Ok(())
}

/// Fetches into the part, going on with what is there, until it is whole or no further attempt makes sense.
pub(super) fn download(wanted: &Wanted, part: &Part, options: &FetchOptions) -> Result<Arrival, Error> {
    if let Some(path) = wanted.url.strip_prefix("file://") {
        return copy_local(wanted, Path::new(path), part, options);
    }
    let mut pauses = options.pauses.iter();
    loop {
        let before = part.len()?;
        let error = match attempt(wanted, part, options) {
            Ok(arrival) => return Ok(arrival),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        if part.len()? >= before + WORTHWHILE_BYTES {
            pauses = options.pauses.iter();
        }
        let Some(pause) = pauses.next() else {
            return Err(error);
        };
        std::thread::sleep(*pause);
    }
}

fn copy_local(wanted: &Wanted, from: &Path, part: &Part, options: &FetchOptions) -> Result<Arrival, Error> {
    part.discard()?;
    let file = File::open(from).map_err(Error::file("read", from))?;
    let total = file.metadata().map_err(Error::file("read", from))?.len();
    bounded(wanted, wanted.url, Some(total))?;
    let mut answer = Answer {
        url: wanted.url.to_owned(),
        status: 200,
        validator: None,
        from: None,
        total: Some(total),
        announced: None,
        body: Box::new(file),
    };
    receive(wanted, &mut answer, part, options)?;
    Ok(Arrival {
        announced: None,
        resumed: false,
    })
}

fn attempt(wanted: &Wanted, part: &Part, options: &FetchOptions) -> Result<Arrival, Error> {
    let mut have = part.len()?;
    let mut version = part.version_of(wanted.url);
    let known = version
        .as_ref()
        .is_some_and(|version| version.validator.is_some());
    if have > wanted.limit || (have > 0 && !known && !wanted.has_checksum) {
        part.discard()?;
        have = 0;
    }
    if have > 0 && wanted.bytes == Some(have) && wanted.has_checksum {
        return Ok(Arrival {
            announced: None,
            resumed: true,
        });
    }
    let validator = version.as_ref().and_then(|version| version.validator.as_deref());
    let rest = (have > 0).then_some(Rest {
        from: have,
        validator,
    });
    let mut answer = http::get(wanted.url, rest.as_ref(), options)?;
    let other = |now: &String| known && Some(now.as_str()) != validator;
    let changed = answer.status == 206 && answer.validator.as_ref().is_some_and(other);
    if answer.status == 416 || changed || (answer.status == 206 && answer.from != Some(have)) {
        // What is there is not the beginning of what the server has now.
        part.discard()?;
        version = None;
        answer = http::get(wanted.url, None, options)?;
    }
    match answer.status {
        200 => part.discard()?,
        206 if answer.from == Some(part.len()?) => {}
        status => {
            return Err(Error::Status {
                url: answer.url,
                status,
            });
        }
    }
    bounded(wanted, &answer.url, answer.total)?;
    let earlier = version.and_then(|version| version.announced);
    let announced = answer.announced.clone().or(earlier);
    part.note(&Version {
        url: wanted.url.to_owned(),
        validator: answer.validator.clone(),
        announced: announced.clone(),
    })?;
    receive(wanted, &mut answer, part, options)?;
    Ok(Arrival {
        announced,
        resumed: answer.status == 206,
    })
}

/// Refuses a file for the size that is announced, before a byte of it is read.
fn bounded(wanted: &Wanted, url: &str, total: Option<u64>) -> Result<(), Error> {
    let Some(found) = total else { return Ok(()) };
    if let Some(expected) = wanted.bytes.filter(|expected| *expected != found) {
        return Err(Error::Size {
            origin: url.to_owned(),
            expected,
            found,
        });
    }
    if found > wanted.limit {
        return Err(too_large(wanted, url));
    }
    Ok(())
}

fn too_large(wanted: &Wanted, url: &str) -> Error {
    Error::TooLarge {
        origin: url.to_owned(),
        limit: wanted.limit,
    }
}

/// Appends the body to the part and syncs it to the disk.
fn receive(wanted: &Wanted, answer: &mut Answer, part: &Part, options: &FetchOptions) -> Result<(), Error> {
    let opened = OpenOptions::new().create(true).append(true).open(part.path());
    let mut file = opened.map_err(Error::file("write", part.path()))?;
    let mut bytes = part.len()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut reported = Instant::now();
    options.report(bytes, answer.total);
    loop {
        let count = match answer.body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(answer, bytes, error)),
        };
        bytes += count as u64;
        if bytes > wanted.limit {
            drop(file);
            part.discard()?;
            return Err(too_large(wanted, &answer.url));
        }
        file.write_all(&buffer[..count])
            .map_err(Error::file("write", part.path()))?;
        if reported.elapsed() >= REPORT {
            options.report(bytes, answer.total);
            reported = Instant::now();
        }
    }
    if answer.total.is_some_and(|total| total > bytes) {
        return Err(broken(answer, bytes, io::ErrorKind::UnexpectedEof.into()));
    }
    options.report(bytes, answer.total);
    file.sync_all().map_err(Error::file("write", part.path()))
}

fn broken(answer: &Answer, found: u64, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::BrokeOff {
            url: answer.url.clone(),
            expected: answer.total,
            found,
        };
    }
    Error::Connection {
        url: answer.url.clone(),
        source: Box::new(ureq::Error::Io(error)),
    }
}
