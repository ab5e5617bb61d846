#![doc = include_str!("../README.md")]

mod averaging;
mod error;
mod evaluate;
mod examples;
mod features;
mod finetune;
mod landscape;
mod observer;
mod optimizer;
mod prepare;
mod progress;
mod recipe;
mod schedule;
mod training;

pub use error::Error;
pub use evaluate::{Evaluation, Sums, evaluate, predict};
pub use examples::Examples;
pub use features::{FeatureConfig, FeatureProgress, Features};
pub use finetune::{fine_tune, fine_tuning};
pub use landscape::{Direction, HeldPhotos, LossSurface, loss_surface};
pub use observer::{Event, Observer, SkippedBatch, StepProgress, StopFlag, TrainingStart};
pub use optimizer::{Adam, Optimizer, OptimizerConfig, Sgd};
pub use prepare::{PrepareConfig, Prepared, SkippedPhoto, prepare, prepare_images};
pub use progress::Progress;
pub use recipe::{
    DataRecipe, Framing, ModelRecipe, Normalization, PredictRecipe, Recipe, Setting, TrainedFrom, settings,
};
pub use schedule::Schedule;
pub use training::{
    BestEpoch, Fit, FitConfig, Identity, NonFinite, Place, Position, ProgressiveResizing, SaveConfig,
    StopReason, Training, TrainingState, fit,
};
