//! Checkpoints as named tensors: reading and writing.
//!
//! A [`StateDict`] maps names to tensors, with a little text beside them. It is read from and written to
//! `.safetensors` files; a file from a stranger is either sound or an [`Error`], and nothing in it is ever run.

mod error;
mod mismatch;
mod safetensors_file;
mod state_dict;

pub use error::Error;
pub use mismatch::{Mismatch, WrongShape};
pub use state_dict::{DType, StateDict, Tensor};
