#![doc = include_str!("../README.md")]

mod archive;
mod bytes;
mod detect;
mod dtype;
mod error;
mod foreign;
mod format;
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
