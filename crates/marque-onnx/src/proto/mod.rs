//! The protobuf encoding, as much of it as ONNX files need, and the numbers of ONNX's fields.

mod read;
mod write;

pub(crate) mod field;

#[cfg(test)]
pub(crate) use read::Value;
pub(crate) use read::{Fields, WireError};
pub(crate) use write::Message;
