use crate::{OptimizerConfig, ProgressiveResizing, Schedule};
use marque_core::SettingError;
use marque_core::setting::{Within, at_least, below_one, positive};
use serde::{Deserialize, Serialize};

/// How a network is trained, photos and network aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// The most epochs; 40 by default.
    pub epochs: u32,
    /// Which rule changes the parameters; Adam with PyTorch's constants by default.
    pub optimizer: OptimizerConfig,
    /// The largest learning rate; 1e-3 by default.
    pub learning_rate: f64,
    /// How the learning rate changes; it does not by default.
    pub schedule: Schedule,
    /// Share of each label that is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567), 0 by default.
    pub label_smoothing: f64,
    /// Factor on the learning rate of what stands upon the last feature maps, 1 by default: a new head has more to learn
    /// than pretrained layers.
    pub head_rate: f64,
    /// Decay per step of a moving average of the weights, which takes their place wherever the network is measured or kept;
    /// `None`, the default, for the weights themselves. 0.99 averages over about a hundred steps.
    pub averaging: Option<f64>,
    /// How many randomly changed views of each photo there are, looked at in turn; `None`, the default, for a new one in
    /// every epoch. Kept features have as many as were computed.
    pub views: Option<u32>,
    /// Smaller images in the first epochs; `None`, the default, for the whole size in all. Kept features have theirs.
    pub resizing: Option<ProgressiveResizing>,
    /// What becomes of a batch whose loss is infinite or not a number; the training stops by default.
    pub non_finite: NonFinite,
    /// End when the validation loss has not improved for this many epochs; `None`, the default, for never.
    pub patience: Option<u32>,
}

/// What becomes of a batch whose loss, or the norm of whose gradients, is infinite or not a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinite {
    /// The training ends with an error that names step and photos. The default. Gradients are not looked at: weights that one
    /// of them breaks show in the loss of the next step, and are never kept.
    #[default]
    Stop,
    /// The batch is left out, with its photos named, and changes nothing; its step counts in the schedule. Ten in a row end
    /// the training. The norm of the gradients is computed in every step.
    Skip,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            epochs: 40,
            optimizer: OptimizerConfig::default(),
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            label_smoothing: 0.0,
            head_rate: 1.0,
            averaging: None,
            views: None,
            resizing: None,
            non_finite: NonFinite::Stop,
            patience: None,
        }
    }
}

impl FitConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        at_least("epochs", self.epochs, 1)?;
        self.optimizer.validate().within("optimizer")?;
        positive("learning_rate", self.learning_rate)?;
        self.schedule.validate().within("schedule")?;
        below_one("label_smoothing", self.label_smoothing)?;
        positive("head_rate", self.head_rate)?;
        if let Some(decay) = self.averaging {
            below_one("averaging", decay)?;
        }
        if let Some(views) = self.views {
            at_least("views", views, 1)?;
        }
        if let Some(resizing) = self.resizing {
            resizing.validate().within("resizing")?;
        }
        if let Some(patience) = self.patience {
            at_least("patience", patience, 1)?;
        }
        Ok(())
    }
}
