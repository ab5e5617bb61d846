//! Checkpoints as named tensors: reading and writing.
//!
//! A [`StateDict`] maps names to tensors, with a little text beside them. It is read from the files that the world ships,
//! whatever their ending ([`Format`]); a file from a stranger is either sound or an [`Error`], and nothing in it is ever
//! run.
//!
//! ```
//! use marque_weights::{StateDict, Tensor};
//!
//! let mut weights = StateDict::default();
//! weights.insert("fc.bias", Tensor::from_f32(&[2], &[0.5, -0.5])?);
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("small.pth");
//! weights.write(&file)?; // what torch.load reads
//! assert_eq!(StateDict::read(&file)?.get("fc.bias").map(|bias| bias.shape()), Some(&[2][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
