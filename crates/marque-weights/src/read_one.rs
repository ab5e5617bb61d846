//! Checkpoints of the one format that needs no other packages.

use crate::bytes::Bytes;
use crate::foreign::Foreign;
use crate::safetensors_file::is_safetensors;
use crate::source::Source;
use crate::{Error, StateDict, safetensors_file};
use std::path::Path;

impl StateDict {
    /// Reads a `.safetensors` file, which is mapped: numbers stay there until they are looked at. Other formats are those of the feature
    /// `formats`.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no such file, [`Error::UnknownFormat`] if it is another, [`Error::Malformed`] with the place and the
    /// reason if it is damaged.
    pub fn read(path: &Path) -> Result<Self, Error> {
        of_source(&Source::open(path)?)
    }

    /// The `.safetensors` file that `bytes` are; errors call it `name`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        of_source(&Source {
            path: name.to_owned(),
            bytes: Bytes::from(bytes),
        })
    }
}

fn of_source(source: &Source) -> Result<StateDict, Error> {
    match is_safetensors(&source.bytes) {
        true => safetensors_file::read(source),
        false => Err(source.foreign(Foreign::of(&source.bytes))),
    }
}
