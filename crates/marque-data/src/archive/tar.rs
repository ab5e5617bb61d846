//! Tar files: where each of their files lies.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::layout::{self, Arranged};
use super::packed::{Contents, Packed};
use super::spool::Spool;
use super::{Member, Opened, Span, read_failed, state_of};
use crate::folder::is_residue;
use crate::{Error, Source};

/// A file in a tar file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name: components that are names, and at least one.
    pub(super) name: PathBuf,
    pub(super) span: Span,
}

/// Goes through a tar file.
pub(super) fn open(file: &Path) -> Result<Opened, Error> {
    let mut opened = File::open(file).map_err(|source| read_failed(file, source))?;
    let (length, _) = state_of(&opened, file)?;
    let listed = list(&mut opened, file, length)?;
    let contents = Contents::Archive {
        path: file.to_owned(),
        length,
    };
    finish(file, listed, &mut opened, contents)
}

/// What is read at a time while a compressed archive is unpacked.
const CHUNK_BYTES: usize = 1 << 20;
/// Photos are compressed already; this many times its own length no archive of them holds, and Deflate can claim a thousand.
const MOST_TIMES_ITS_LENGTH: u64 = 64;

/// Unpacks a compressed tar file, of which no place can be read by itself, into a file without a name and goes through that.
pub(super) fn open_compressed(file: &Path) -> Result<Opened, Error> {
    let opened = File::open(file).map_err(|source| read_failed(file, source))?;
    let (length, changed) = state_of(&opened, file)?;
    let mut packed = MultiGzDecoder::new(opened);
    let mut spool = Spool::new(file)?;
    let limit = length
        .saturating_mul(MOST_TIMES_ITS_LENGTH)
        .max(CHUNK_BYTES as u64);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut unpacked = 0;
    loop {
        let read = packed
            .read(&mut chunk)
            .map_err(|source| read_failed(file, source))?;
        if read == 0 {
            break;
        }
        unpacked += read as u64;
        if unpacked > limit {
            let problem = format!(
                "it holds more than {MOST_TIMES_ITS_LENGTH} times its length, as no archive of photos does"
            );
            return Err(wrong(file, problem));
        }
        spool.append(&chunk[..read])?;
    }
    let mut unpacked_file = spool.finish()?;
    unpacked_file
        .seek(SeekFrom::Start(0))
        .map_err(|source| read_failed(file, source))?;
    let listed = list(&mut unpacked_file, file, unpacked)?;
    let mut reader = unpacked_file
        .try_clone()
        .map_err(|source| read_failed(file, source))?;
    let contents = Contents::Unpacked {
        file: unpacked_file,
        changed,
    };
    finish(file, listed, &mut reader, contents)
}

/// What a tar file has.
struct Listed {
    files: Vec<Entry>,
    /// Links that lead to nothing in it, devices and the like.
    ignored: Vec<PathBuf>,
}

fn finish(file: &Path, listed: Listed, reader: &mut File, contents: Contents) -> Result<Opened, Error> {
    let Listed { files, mut ignored } = listed;
    let Arranged { photos, others } = layout::arrange(file, files, reader)?;
    ignored.extend(others);
    let spans: HashMap<PathBuf, Span> = photos
        .iter()
        .map(|(entry, _)| (file.join(&entry.name), entry.span))
        .collect();
    let photos = photos.into_iter().map(|(entry, facts)| Member {
        path: file.join(entry.name),
        facts,
    });
    Ok(Opened {
        photos: photos.collect(),
        source: Source::new(Packed::new(contents, spans)),
        ignored: ignored.into_iter().map(|name| file.join(name)).collect(),
    })
}

fn list(reader: &mut File, file: &Path, length: u64) -> Result<Listed, Error> {
    let failed = |source| read_failed(file, source);
    let mut archive = tar::Archive::new(reader);
    let mut files: Vec<Entry> = Vec::new();
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    let mut ignored = Vec::new();
    for entry in archive.entries_with_seek().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            continue;
        }
        let name = entry.path().map_err(failed)?;
        let name = inside(&name).map_err(|problem| wrong(file, problem))?;
        if name.components().any(|part| is_residue(part.as_os_str())) {
            continue;
        }
        let span = if kind.is_file() {
            Span {
                offset: entry.raw_file_position(),
                length: entry.size(),
            }
        } else if kind.is_hard_link() {
            let target = entry.link_name().map_err(failed)?.unwrap_or_default();
            let target = inside(&target).map_err(|problem| wrong(file, problem))?;
            match places.get(&target) {
                Some(&place) => files[place].span,
                None => {
                    ignored.push(name);
                    continue;
                }
            }
        } else if kind.is_gnu_sparse() {
            return Err(wrong(
                file,
                format!("{}: sparse files are not read", name.display()),
            ));
        } else {
            ignored.push(name);
            continue;
        };
        let end = span.offset.checked_add(span.length);
        if end.is_none_or(|end| end > length) {
            let problem = format!(
                "{} is said to be {} bytes long, of which the archive has {}",
                name.display(),
                span.length,
                length.saturating_sub(span.offset)
            );
            return Err(wrong(file, problem));
        }
        // As when a tar file is unpacked: what is added later takes the place of what was there.
        match places.get(&name) {
            Some(&place) => files[place].span = span,
            None => {
                places.insert(name.clone(), files.len());
                files.push(Entry { name, span });
            }
        }
    }
    Ok(Listed { files, ignored })
}

/// A name without what stands for the folder itself, or what is wrong with it. Nothing is written under it, but it is shown and looked up.
fn inside(name: &Path) -> Result<PathBuf, String> {
    let mut inside = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("the name {name:?} leads out of the archive"));
            }
        }
    }
    if inside.as_os_str().is_empty() {
        return Err(format!("{name:?} is no name of a file"));
    }
    Ok(inside)
}

pub(super) fn wrong(file: &Path, problem: impl Into<String>) -> Error {
    Error::List {
        path: file.to_owned(),
        line: None,
        problem: problem.into(),
    }
}
