use crate::{DType, Foreign, Format, Mismatch};
use std::path::PathBuf;

/// What can go wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A file was to be written whose ending names no format that is written.
    #[error(
        "cannot write {}: its ending is to tell the format, .safetensors, .pth, .pt or .npz",
        path.display()
    )]
    UnknownEnding {
        /// The file.
        path: PathBuf,
    },
    /// A file was to be written in a format that is only read.
    #[error("cannot write {}: {format} files are read, not written", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// The format.
        format: Format,
    },
    /// The file is no checkpoint of a known format.
    #[error("{} is no checkpoint that can be read: {found}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: Foreign,
    },
    /// The file is damaged, or holds what a checkpoint must not hold.
    #[error("{} is not a sound {format} file: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it was read as.
        format: Format,
        /// What is wrong with it, and where.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes are no array of NumPy's that is read.
    #[error("{} is not a sound .npy file: {source}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A tensor has a type of number that is not read.
    #[error("tensor {tensor:?} of {} has type {found}, which is not supported", path.display())]
    UnsupportedType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type, as the file calls it.
        found: String,
    },
    /// A tensor that was to be a parameter holds integers.
    #[error("tensor {tensor:?} holds {found}, expected floating-point numbers")]
    NotFloat {
        /// The tensor.
        tensor: String,
        /// The type it has.
        found: DType,
    },
    /// A number that half precision does not reach.
    #[error("tensor {tensor:?} has numbers beyond ±65504, which half precision does not reach")]
    NoHalf {
        /// The tensor.
        tensor: String,
    },
    /// A tensor's bytes do not fill its shape.
    #[error("a tensor of shape {shape:?} needs {expected} bytes, got {found}")]
    WrongLength {
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes that the shape needs, as far as they can be counted.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// No tensor has this name.
    #[error("there is no tensor {tensor:?}")]
    NoTensor {
        /// The name that was asked for.
        tensor: String,
    },
    /// The tensors are not those of the network.
    #[error("the checkpoint does not fit the network: {0}")]
    Mismatch(#[from] Mismatch),
}
