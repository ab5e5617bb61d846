use crate::{DType, Mismatch};
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
    /// The file is not a sound `.safetensors` file.
    #[error("{} is not a sound safetensors file: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
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
    /// A tensor's type is not the one that was asked for.
    #[error("tensor {tensor:?} holds {found}, expected {expected}")]
    WrongType {
        /// The tensor.
        tensor: String,
        /// The type that was asked for.
        expected: DType,
        /// The type it has.
        found: DType,
    },
    /// A tensor's bytes do not fill its shape.
    #[error("tensor {tensor:?} of shape {shape:?} needs {expected} bytes, got {found}")]
    WrongLength {
        /// The tensor.
        tensor: String,
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
