#![doc = include_str!("../README.md")]

mod cost;
mod curve;
mod error;
mod explained;
mod facts;
mod prepared;
mod run;
mod trained;
mod weights;

pub use cost::cost;
pub use error::Error;
pub use prepared::PreparedRun;
pub use run::Run;
pub use trained::{CompletedRun, TestedRun, TrainedRun};
pub use weights::{DownloadProgress, weights_file};
