//! Checkpoints as named tensors: reading and writing.
//!
//! A [`StateDict`] maps names to tensors, with a little text beside them. It is read from the files that the world ships,
//! whatever their ending ([`Format`]); a file from a stranger is either sound or an [`Error`], and nothing in it is ever
//! run.

mod archive;
mod bytes;
pub mod catalog;
mod detect;
#[cfg(feature = "download")]
pub mod download;
mod dtype;
mod error;
mod foreign;
mod format;
mod hdf5;
mod json;
mod keras;
mod keras_file;
mod map;
mod mismatch;
mod names;
mod npz;
mod read;
mod safetensors_file;
mod shards;
mod source;
mod state_dict;
mod tensor;
mod torch;
mod write;

pub use dtype::DType;
pub use error::Error;
pub use foreign::Foreign;
pub use format::Format;
pub use mismatch::{Mismatch, WrongShape};
pub use names::{Account, Change, Loaded, MatchPolicy, Matched, Naming};
pub use state_dict::StateDict;
pub use tensor::Tensor;
