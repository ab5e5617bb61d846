#![doc = include_str!("../README.md")]

mod classifier;
mod engine;
mod error;
mod model_file;
mod probabilities;

pub use classifier::{Classification, Classifier};
pub use engine::Engine;
pub use error::Error;
pub use model_file::{ModelCard, parse_model, read_model, save_model};
pub use probabilities::softmax;
