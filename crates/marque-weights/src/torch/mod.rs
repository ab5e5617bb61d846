//! PyTorch's checkpoints.
//!
//! Two containers, one content: a zip archive ([`zip_file`], also TorchScript's), the stream of pickles before 1.6
//! ([`legacy`]), and before that a tar archive, which is not read. In each, a pickle describes tensors as views of storages
//! that lie beside it. The pickle is read as data by [`pickle`]; [`pick`] looks for the network's state in it,
//! be it a dictionary or a whole network ([`modules`]); [`tensors`] makes tensors of it, without a copy where a tensor's
//! numbers lie in the file in row-major order.

mod beside;
mod budget;
mod error;
mod layout;
mod legacy;
mod modules;
mod pick;
mod pickle;
mod prefix;
mod state;
mod tensors;
mod write;
mod zip_file;

pub(crate) use legacy::read as read_legacy;
pub(crate) use zip_file::read as read_zip;
