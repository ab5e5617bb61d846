//! Training, evaluation and prediction of image classifiers.
//!
//! [`prepare`] turns a data folder and a [`Recipe`] into loaders, [`fit`] trains a
//! [`Network`](marque_torch::Network) on them, [`predict`] answers for a part of the data, and [`save_model`]
//! writes one file that a [`Classifier`] needs nothing else beside. [`loss_surface`] measures the loss around a trained
//! network.

mod averaging;
mod classifier;
mod error;
mod evaluate;
mod examples;
mod explain;
mod features;
mod finetune;
mod fit;
mod landscape;
mod model_file;
mod observer;
mod optimizer;
mod prepare;
mod progress;
mod recipe;
mod recipe_finetune;
mod schedule;

pub use classifier::{Classification, Classifier};
pub use error::Error;
pub use evaluate::{Evaluation, evaluate, predict, predict_mirrored};
pub use examples::Examples;
pub use explain::{ExplainConfig, Explanation, explain};
pub use features::{FeatureConfig, FeatureProgress, Features};
pub use finetune::{FineTuneConfig, fine_tune};
pub use fit::{Fit, FitConfig, StopReason, fit};
pub use landscape::{Direction, HeldPhotos, LossSurface, loss_surface};
pub use model_file::{ModelCard, read_model, save_model};
pub use observer::{Event, Observer, StepProgress};
pub use optimizer::{Optimizer, OptimizerConfig};
pub use prepare::{PrepareConfig, Prepared, SkippedPhoto, prepare};
pub use progress::Progress;
pub use recipe::{Framing, Normalization, Recipe};
pub use schedule::Schedule;
