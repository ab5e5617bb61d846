#![doc = include_str!("../README.md")]

// The messages and the numbers of their fields are those of TensorBoard's `compat/proto/*.proto` and
// `plugins/hparams/*.proto`; the framing of records is that of TensorFlow's `record_writer.cc`.

mod checksum;
mod error;
mod file_name;
mod graph;
mod histogram;
mod hyper_parameters;
mod png;
mod proto;
mod record;
mod summary;
mod writer;

pub use error::Error;
pub use graph::{Attribute, GraphNode};
pub use histogram::Histogram;
pub use hyper_parameters::{HyperParameter, Status};
pub use writer::EventWriter;
