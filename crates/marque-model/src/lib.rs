#![doc = include_str!("../README.md")]

mod activation_maps;
mod classifier;
mod engine;
#[cfg(feature = "photos")]
mod ensemble;
mod error;
#[cfg(feature = "photos")]
mod explain;
mod looks;
mod model_file;
#[cfg(feature = "photos")]
mod photos;
mod probabilities;
mod soup;
#[cfg(feature = "photos")]
mod testing;

pub use activation_maps::ActivationMaps;
pub use classifier::{Classification, Classifier};
pub use engine::{Engine, Explain};
#[cfg(feature = "photos")]
pub use ensemble::Ensemble;
pub use error::Error;
#[cfg(feature = "photos")]
pub use explain::{ExplainConfig, Explanation, explain};
pub use looks::Looks;
pub use model_file::{CARD_KEY, ModelCard, parse_model, read_model, save_model};
pub use probabilities::softmax;
pub use soup::soup;
