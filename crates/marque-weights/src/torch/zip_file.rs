//! `torch.save` since PyTorch 1.6, and TorchScript: a zip archive of a pickle and one entry for each storage.

use super::error::{TensorError, TorchError, short};
use super::pickle::Pickle;
use super::state;
use super::tensors::Storages;
use crate::archive::{Archive, ArchiveError};
use crate::bytes::Bytes;
use crate::source::Source;
use crate::{Error, Format, StateDict};
use std::collections::HashMap;

/// A pickle of a million tensors has less.
const MAX_PICKLE_BYTES: u64 = 256 << 20;

/// The few bytes of `byteorder`.
const MAX_WORD_BYTES: u64 = 64;

/// The folder that everything lies in, with its slash, if this is the name of the pickle.
fn folder_of(name: &str) -> Option<&str> {
    let folder = name.strip_suffix("data.pkl")?;
    let slash = folder.find('/')?;
    (slash + 1 == folder.len()).then_some(folder)
}

/// Reads such an archive. Its pickle and its byte order are compared with their checksums, the storages are not: that
/// would read all of the file.
pub(crate) fn read(source: &Source, format: Format, archive: Archive) -> Result<StateDict, Error> {
    parse(archive, source.bytes.len()).map_err(|error| error.of(source, format))
}

fn parse(mut archive: Archive, file_bytes: usize) -> Result<StateDict, TorchError> {
    let folder = archive.names().find_map(folder_of).unwrap_or_default().to_owned();
    let program = checked(&mut archive, &format!("{folder}data.pkl"), MAX_PICKLE_BYTES)?;
    let big_endian = match checked(&mut archive, &format!("{folder}byteorder"), MAX_WORD_BYTES) {
        Ok(word) if word[..] == *b"little" => false,
        Ok(word) if word[..] == *b"big" => true,
        Ok(word) => {
            let word = &word[..word.len().min(MAX_WORD_BYTES as usize)];
            return Err(TorchError::ByteOrder {
                found: String::from_utf8_lossy(word).into_owned(),
            });
        }
        // Before 2.1.
        Err(ArchiveError::NoEntry { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let (pickle, _) = Pickle::parse(&program, 0)?;
    let storages = ZipStorages {
        archive,
        folder,
        big_endian,
        read: HashMap::new(),
    };
    state::read(&pickle, storages, file_bytes)
}

fn checked(archive: &mut Archive, name: &str, limit: u64) -> Result<Bytes, ArchiveError> {
    let contents = archive.read(name, limit)?;
    archive.check(name)?;
    Ok(contents)
}

struct ZipStorages {
    archive: Archive,
    folder: String,
    big_endian: bool,
    read: HashMap<String, Bytes>,
}

impl Storages for ZipStorages {
    fn get(&mut self, key: &str, claimed: usize) -> Result<Bytes, TensorError> {
        if let Some(bytes) = self.read.get(key) {
            return Ok(bytes.clone());
        }
        let name = format!("{}data/{key}", self.folder);
        let bytes = self
            .archive
            .read(&name, claimed as u64)
            .map_err(|error| match error {
                ArchiveError::NoEntry { .. } => TensorError::NoStorage { key: short(key) },
                error => error.into(),
            })?;
        self.read.insert(key.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn are_big_endian(&self) -> bool {
        self.big_endian
    }
}
