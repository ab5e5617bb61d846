#![doc = include_str!("../README.md")]

mod error;
mod export;
mod external;
mod import;
mod model;
mod proto;
mod tensor;
#[cfg(test)]
mod testing;

pub use error::{Error, Lack, Lacks};
pub use export::{CLASS_NAMES_KEY, ExportOptions, Normalization, OPSET, export, export_bytes};
pub use import::Imported;
