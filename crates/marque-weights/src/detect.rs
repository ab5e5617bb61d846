//! What a file is, by what it holds: endings lie.

use crate::archive::{Archive, ArchiveError};
use crate::foreign::Foreign;
use crate::safetensors_file::is_safetensors;
use crate::source::Source;
use crate::{Error, Format, keras_file};

/// A file whose format is known.
pub(crate) enum Detected {
    /// No archive.
    Plain(Format),
    /// A zip archive, opened.
    Zip(Format, Archive),
}

impl Detected {
    pub(crate) fn format(&self) -> Format {
        match self {
            Detected::Plain(format) | Detected::Zip(format, _) => *format,
        }
    }
}

pub(crate) fn detect(source: &Source) -> Result<Detected, Error> {
    let bytes: &[u8] = &source.bytes;
    if bytes.starts_with(LOCAL_HEADER) {
        return of_zip(source);
    }
    let format = if is_hdf5(bytes) {
        keras_file::format_of(bytes)
    } else if is_torch_legacy(bytes) {
        Format::TorchLegacy
    } else if is_safetensors(bytes) {
        Format::Safetensors
    } else if is_index(bytes) {
        Format::SafetensorsIndex
    } else {
        return Err(source.foreign(Foreign::of(bytes)));
    };
    Ok(Detected::Plain(format))
}

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

fn of_zip(source: &Source) -> Result<Detected, Error> {
    let archive = match Archive::open(&source.bytes) {
        Ok(archive) => archive,
        Err(error) => return Err(broken_zip(source, error)),
    };
    if let Some(format) = of_entries(archive.names()) {
        return Ok(Detected::Zip(format, archive));
    }
    let entry = archive.names().find(|name| !name.ends_with('/'));
    Err(source.foreign(Foreign::Zip {
        entry: entry.map(str::to_owned),
    }))
}

/// The list of entries is at the end of an archive. Where it is lost, the first entry still tells what the file was.
fn broken_zip(source: &Source, error: ArchiveError) -> Error {
    match first_entry(&source.bytes) {
        Some(name) if is_in_folder(name, "data.pkl") => source.malformed(Format::TorchZip, error),
        Some(name) if is_in_folder(name, "constants.pkl") => source.malformed(Format::TorchScript, error),
        Some("metadata.json" | "config.json") => source.malformed(Format::KerasArchive, error),
        Some(name) if name.ends_with(".npy") => source.malformed(Format::Npz, error),
        _ => source.foreign(Foreign::BrokenZip {
            reason: error.to_string(),
        }),
    }
}

fn first_entry(archive: &[u8]) -> Option<&str> {
    const LENGTH: usize = 26;
    const NAME: usize = 30;
    let length = archive.get(LENGTH..)?.first_chunk()?;
    let name = archive
        .get(NAME..)?
        .get(..usize::from(u16::from_le_bytes(*length)))?;
    std::str::from_utf8(name).ok()
}

fn of_entries<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Format> {
    let has = |wanted: &str| names.clone().any(|name| name == wanted);
    if let Some(pickle) = names.clone().find(|name| is_in_folder(name, "data.pkl")) {
        let folder = &pickle[..pickle.len() - "data.pkl".len()];
        let code = format!("{folder}code/");
        let is_script =
            has(&format!("{folder}constants.pkl")) || names.clone().any(|name| name.starts_with(&code));
        return Some(if is_script {
            Format::TorchScript
        } else {
            Format::TorchZip
        });
    }
    if has("model.weights.h5") && has("config.json") {
        return Some(Format::KerasArchive);
    }
    names
        .clone()
        .any(|name| name.ends_with(".npy"))
        .then_some(Format::Npz)
}

/// Whether an entry is `file` in the archive's one folder, whose name differs from archive to archive.
fn is_in_folder(name: &str, file: &str) -> bool {
    let folder = name
        .strip_suffix(file)
        .and_then(|folder| folder.strip_suffix('/'));
    folder.is_some_and(|folder| !folder.contains('/'))
}

/// HDF5 begins at 0, 512, 1024, 2048, …: what is before that is the user's.
fn is_hdf5(bytes: &[u8]) -> bool {
    const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
    let offsets = std::iter::successors(Some(512_usize), |offset| offset.checked_mul(2));
    let mut offsets = std::iter::once(0).chain(offsets.take_while(|&offset| offset < bytes.len()));
    offsets.any(|offset| bytes[offset..].starts_with(SIGNATURE))
}

/// The first thing that `torch.save` wrote before version 1.6 is a pickle of this number, 0x1950a86a20f9469cfc6c.
fn is_torch_legacy(bytes: &[u8]) -> bool {
    const NUMBER: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    // A byte for the protocol's mark, one for its version; from version 4 on nine more for the length of what follows.
    bytes.first() == Some(&0x80)
        && [2, 11]
            .iter()
            .any(|&start| bytes.get(start..).is_some_and(|rest| rest.starts_with(NUMBER)))
}

fn is_index(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"\"weight_map\"";
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'{') && bytes.windows(KEY.len()).any(|window| window == KEY)
}
