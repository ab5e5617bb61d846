//! Checkpoints in every format that is written.

use crate::{Error, Format, StateDict};
use std::path::Path;

impl StateDict {
    /// Writes a file of the given format: [`Format::Safetensors`], [`Format::TorchZip`] or [`Format::Npz`].
    /// See [`write`](Self::write), [`write_torch`](Self::write_torch) and [`write_npz`](Self::write_npz).
    ///
    /// # Errors
    /// [`Error::NotWritten`] for the other formats, and [`Error::Write`].
    pub fn write_as(&self, path: &Path, format: Format) -> Result<(), Error> {
        match format {
            Format::Safetensors => self.write(path),
            Format::TorchZip => self.write_torch(path),
            Format::Npz => self.write_npz(path),
            _ => Err(Error::NotWritten {
                path: path.to_owned(),
                format,
            }),
        }
    }
}

impl Format {
    /// The format in which a file of this name is written: `.safetensors`, `.pth` or `.pt`, `.npz`.
    ///
    /// ```
    /// use marque_weights::Format;
    ///
    /// assert_eq!(Format::for_writing("resnet18.PTH".as_ref())?, Format::TorchZip);
    /// # Ok::<(), marque_weights::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownEnding`] for any other ending.
    pub fn for_writing(path: &Path) -> Result<Self, Error> {
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "safetensors" => Ok(Format::Safetensors),
            "pth" | "pt" => Ok(Format::TorchZip),
            "npz" => Ok(Format::Npz),
            _ => Err(Error::UnknownEnding {
                path: path.to_owned(),
            }),
        }
    }
}
