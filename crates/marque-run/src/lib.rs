#![doc = include_str!("../README.md")]

mod cost;
mod curve;
mod error;
mod explained;
mod facts;
mod files;
mod logs;
mod models;
mod photos;
mod prepared;
mod ranks;
mod record;
mod run;
mod search;
mod settings;
mod trained;
mod weights;

pub use cost::cost;
pub use error::Error;
pub use photos::photo_files;
pub use prepared::PreparedRun;
pub use run::Run;
pub use search::{Halving, Search, SearchOutcome, Trial, Validated};
pub use trained::{CompletedRun, TestedRun, TrainedRun};
pub use weights::{DownloadProgress, weights_file};
