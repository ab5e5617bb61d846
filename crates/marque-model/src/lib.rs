#![doc = include_str!("../README.md")]

mod activation_maps;
mod classifier;
mod engine;
mod ensemble;
mod error;
mod explain;
mod looks;
mod model_file;
mod probabilities;
mod soup;
mod testing;

pub use activation_maps::ActivationMaps;
pub use classifier::{Classification, Classifier};
pub use engine::Engine;
pub use ensemble::Ensemble;
pub use error::Error;
pub use explain::{Explain, ExplainConfig, Explanation, explain};
pub use looks::Looks;
pub use model_file::{CARD_KEY, ModelCard, parse_model, read_model, save_model};
pub use probabilities::softmax;
pub use soup::soup;
