#![doc = include_str!("../README.md")]

#[cfg(feature = "formats")]
mod archive;
mod bytes;
#[cfg(feature = "formats")]
mod detect;
mod dtype;
mod error;
mod foreign;
mod format;
mod json;
#[cfg(feature = "formats")]
mod keras;
#[cfg(feature = "formats")]
mod keras_file;
mod map;
mod mismatch;
mod names;
#[cfg(feature = "formats")]
mod npz;
#[cfg(feature = "formats")]
mod read;
#[cfg(not(feature = "formats"))]
mod read_one;
mod safetensors_file;
#[cfg(feature = "formats")]
mod shards;
mod source;
mod state_dict;
mod tensor;
#[cfg(feature = "formats")]
mod torch;
#[cfg(feature = "formats")]
mod write;

pub use dtype::DType;
pub use error::Error;
pub use foreign::Foreign;
pub use format::Format;
pub use mismatch::{Mismatch, WrongShape};
pub use names::{Account, Change, Loaded, MatchPolicy, Matched, Naming};
pub use state_dict::StateDict;
pub use tensor::Tensor;
