//! Image folders, splits, decoding, augmentation and a parallel loader for image classifiers.

mod error;
pub mod synthetic;

pub use error::Error;
