//! Checkpoints of every format.

use crate::bytes::Bytes;
use crate::detect::{Detected, detect};
use crate::source::Source;
use crate::{Error, Format, StateDict, keras_file, npz, safetensors_file, shards, torch};
use std::path::Path;

impl StateDict {
    /// Reads a checkpoint of any [`Format`]; which one it is, its contents tell.
    ///
    /// Numbers that lie in the file as they are needed stay there until they are looked at; the file is mapped.
    /// What stands among the tensors of a PyTorch dictionary and is none is named in the metadata, under
    /// `marque.left_out`. A format that is a zip archive has to begin with the archive: bytes before it make another file of it.
    /// Nothing in the file is ever run. What is packed is unpacked into no more than 256 MiB or sixteen times the file's
    /// size, whichever is more.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no such file, [`Error::UnknownFormat`] if it is none of these,
    /// [`Error::Malformed`] with the place and the reason if it is damaged.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let source = Source::open(path)?;
        of_detected(&source, detect(&source)?, path.parent())
    }

    /// The checkpoint that `bytes` are; errors call it `name`. Nothing else is looked at, so that bytes that refer to
    /// other files are an error.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let source = Source {
            path: name.to_owned(),
            bytes: Bytes::from(bytes),
        };
        of_detected(&source, detect(&source)?, None)
    }
}

impl Format {
    /// The format of a file, by what it holds.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no such file, [`Error::UnknownFormat`] if it is none of these.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        Ok(detect(&Source::open(path)?)?.format())
    }
}

/// One of the files of a checkpoint; `None` if it is made of several files itself.
pub(crate) fn one_file(path: &Path) -> Result<Option<StateDict>, Error> {
    let source = Source::open(path)?;
    match detect(&source)? {
        Detected::Plain(Format::SafetensorsIndex) => Ok(None),
        detected => of_detected(&source, detected, None).map(Some),
    }
}

fn of_detected(source: &Source, detected: Detected, folder: Option<&Path>) -> Result<StateDict, Error> {
    match detected {
        Detected::Plain(Format::SafetensorsIndex) => shards::read(source, folder),
        Detected::Zip(Format::Npz, archive) => npz::read(source, archive),
        Detected::Zip(format @ (Format::TorchZip | Format::TorchScript), archive) => {
            torch::read_zip(source, format, archive)
        }
        Detected::Plain(Format::TorchLegacy) => torch::read_legacy(source),
        Detected::Zip(_, archive) => keras_file::read_archive(source, archive),
        Detected::Plain(format @ (Format::KerasWeights | Format::KerasLegacy)) => {
            keras_file::read(source, format)
        }
        Detected::Plain(_) => safetensors_file::read(source),
    }
}
