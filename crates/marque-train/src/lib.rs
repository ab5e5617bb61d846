#![doc = include_str!("../README.md")]

mod averaging;
mod clipping;
mod error;
mod evaluate;
mod examples;
mod features;
mod finetune;
mod groups;
mod landscape;
mod loss;
mod mixing;
mod observer;
mod optimizer;
mod prepare;
mod progress;
mod range_test;
mod ranks;
mod recipe;
mod schedule;
mod sharpness;
mod training;

pub use clipping::Clipping;
pub use error::Error;
pub use evaluate::{Evaluation, Sums, evaluate, evaluate_in_group, predict, predict_in_group};
pub use examples::Examples;
pub use features::{FeatureConfig, FeatureProgress, Features};
pub use finetune::{fine_tune, fine_tuning, fine_tuning_in_group};
pub use groups::ParameterGroup;
pub use landscape::{Direction, HeldPhotos, LossSurface, loss_surface};
pub use loss::{ClassWeights, Loss};
pub use mixing::Mixing;
pub use observer::{Communication, Event, Observer, SkippedBatch, StepProgress, StopFlag, TrainingStart};
pub use optimizer::{Adam, Adan, Factors, Lamb, Lion, NAdam, Optimizer, OptimizerConfig, RmsProp, Sgd};
pub use prepare::{
    Inspection, MOST_INSPECTED, PrepareConfig, Prepared, SkippedPhoto, prepare, prepare_images,
};
pub use progress::Progress;
pub use range_test::{LossByRate, RangeTest, RatePoint, range_test};
pub use recipe::{
    Choice, DataRecipe, Framing, ModelRecipe, Normalization, PredictRecipe, Range, RangeScale, Recipe,
    Sampler, SearchSpace, Setting, TrainedFrom, settings,
};
pub use schedule::{
    Constant, Cosine, Exponential, MultiStepDecay, OneCycle, Per, Plateau, Polynomial, Schedule,
    SchedulePoint, StepDecay,
};
pub use sharpness::SharpnessAware;
pub use training::{
    BestEpoch, Fit, FitConfig, Identity, NonFinite, Place, Position, ProgressiveResizing, SaveConfig,
    StopReason, Training, TrainingState, fit,
};
