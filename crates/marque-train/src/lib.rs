//! Training, evaluation and prediction of image classifiers.
//!
//! [`prepare`] turns a data folder and a [`Recipe`] into loaders, [`fit`] trains a
//! [`Network`](marque_torch::Network) on them, [`predict`] answers for a part of the data, and [`save_model`]
//! writes one file that a [`Classifier`] needs nothing else beside. [`loss_surface`] measures the loss around a trained
//! network.
//!
//! ```no_run
//! use marque_train::{Examples, PrepareConfig, Progress, Recipe, fit, predict, prepare};
//! use marque_torch::{Network, NetworkOptions};
//!
//! let recipe = Recipe::scratch();
//! let config = PrepareConfig { split: Default::default(), bad_files: Default::default(), workers: 0, seed: 42 };
//! let data = prepare("photos".as_ref(), &recipe, &config)?;
//! let graph = marque_arch::ResNet::resnet34().num_classes(data.class_names.len()).graph()?;
//! let mut network = Network::new(graph, NetworkOptions { seed: 42, ..Default::default() })?;
//! let validation = data.validation.as_ref().map(Examples::Photos);
//! fit(&mut network, &data.train, validation, &recipe.fit_config(), &mut Progress::new())?;
//! let (predictions, _) = predict(&network, &data.test, &data.class_names)?;
//! println!("{}", predictions.metrics()?.classification_report());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub use marque_core::SettingError;
pub use model_file::{ModelCard, read_model, save_model};
pub use observer::{Event, Observer, StepProgress};
pub use optimizer::{Optimizer, OptimizerConfig};
pub use prepare::{PrepareConfig, Prepared, SkippedPhoto, prepare};
pub use progress::Progress;
pub use recipe::{Framing, Normalization, Recipe};
pub use schedule::Schedule;
