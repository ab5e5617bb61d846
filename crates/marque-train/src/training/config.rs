use crate::{
    ClassWeights, Clipping, Loss, Mixing, OptimizerConfig, ParameterGroup, ProgressiveResizing, Schedule,
    SharpnessAware,
};
use marque_core::SettingError;
use marque_core::setting::{Within, at_least, below_one, fraction, positive, require};
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
    /// What is made small; cross-entropy by default.
    pub loss: Loss,
    /// How much a photo of each class counts in the loss; `None`, the default, for the same.
    pub class_weights: Option<ClassWeights>,
    /// Share of each label that is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567), 0 by default.
    pub label_smoothing: f64,
    /// How the examples of a batch are mixed with one another; `None`, the default, for not at all.
    pub mixing: Option<Mixing>,
    /// Batches whose gradients are added up for one step of the optimiser, at least 1; 1 by default. They are worth one batch of as
    /// many times the size, but for batch norms, which see each of them alone, and take no more memory than one.
    pub accumulation: u32,
    /// How gradients are bounded; `None`, the default, for not at all.
    pub clipping: Option<Clipping>,
    /// Sharpness-aware steps, of two passes each; `None`, the default, for plain ones.
    pub sharpness: Option<SharpnessAware>,
    /// Factor on the learning rate of what stands upon the last feature maps, 1 by default: a new head has more to learn
    /// than pretrained layers.
    pub head_rate: f64,
    /// Factor on the learning rate from each block to the one before it, above 0, at most 1 (Bao et al. 2021, arXiv:2106.08254); 1
    /// by default. What lies near the image is general, and is to change least. Blocks are those of
    /// [`Graph::blocks`](marque_arch::Graph::blocks).
    pub layer_decay: f64,
    /// Factors on learning rate and weight decay of parameters by their names; none by default.
    pub groups: Vec<ParameterGroup>,
    /// Decay per step of a moving average of the weights, which takes their place wherever the network is measured or kept;
    /// `None`, the default, for the weights themselves. 0.99 averages over about a hundred steps.
    pub averaging: Option<f64>,
    /// Share of the epochs after which the weights at the end of each epoch are averaged (stochastic weight averaging, Izmailov et
    /// al. 2018, arXiv:1803.05407); the average takes the weights' place in the last epoch, with statistics of batch norms measured
    /// anew, and is the best. `None`, the default, for no such average. Not with `averaging` or `patience`.
    pub swa: Option<f64>,
    /// How many randomly changed views of each photo there are, looked at in turn; `None`, the default, for a new one in
    /// every epoch. Kept features have as many as were computed.
    pub views: Option<u32>,
    /// Smaller images in the first epochs; `None`, the default, for the whole size in all. Kept features have theirs.
    pub resizing: Option<ProgressiveResizing>,
    /// Whether batch norms normalise by the photos of all processes that train together, as one process would with all of them; each
    /// by its own by default. Every batch norm then waits for all processes in every pass. One process alone does the same either way.
    pub synchronized_norms: bool,
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
            schedule: Schedule::default(),
            loss: Loss::default(),
            class_weights: None,
            label_smoothing: 0.0,
            mixing: None,
            accumulation: 1,
            clipping: None,
            sharpness: None,
            head_rate: 1.0,
            layer_decay: 1.0,
            groups: Vec::new(),
            averaging: None,
            swa: None,
            views: None,
            resizing: None,
            synchronized_norms: false,
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
        self.loss.validate().within("loss")?;
        if let Some(weights) = &self.class_weights {
            weights.validate()?;
        }
        below_one("label_smoothing", self.label_smoothing)?;
        if let Some(mixing) = self.mixing {
            mixing.validate().within("mixing")?;
        }
        at_least("accumulation", self.accumulation, 1)?;
        if let Some(clipping) = self.clipping {
            clipping.validate().within("clipping")?;
        }
        if let Some(sharpness) = self.sharpness {
            sharpness.validate().within("sharpness")?;
        }
        positive("head_rate", self.head_rate)?;
        let is_factor = self.layer_decay > 0.0 && self.layer_decay <= 1.0;
        require("layer_decay", is_factor, "above 0, at most 1", self.layer_decay)?;
        for group in &self.groups {
            group.validate().within("groups")?;
        }
        if let Some(decay) = self.averaging {
            below_one("averaging", decay)?;
        }
        if let Some(from) = self.swa {
            fraction("swa", from)?;
            let is_alone = self.averaging.is_none() && self.patience.is_none();
            require(
                "swa",
                is_alone,
                "none where `averaging` or `patience` is set",
                from,
            )?;
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
