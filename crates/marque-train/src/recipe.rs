use crate::{Error, FitConfig, OptimizerConfig, Schedule};
use marque_data::{Augment, ColorJitter, CropRange, Resize};
use serde::{Deserialize, Serialize};

/// How a classifier is trained, as data: everything but the photos, the architecture and the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// The most epochs.
    pub epochs: u32,
    /// Photos in a step.
    pub batch_size: usize,
    /// Which rule changes the parameters.
    pub optimizer: OptimizerConfig,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Share of each label that is spread over all classes.
    pub label_smoothing: f64,
    /// Epochs without a lower validation loss after which training ends; never if absent.
    pub patience: Option<u32>,
    /// What is subtracted from pixels and what they are divided by.
    pub normalization: Normalization,
    /// How validation and test photos become squares.
    pub framing: Framing,
    /// How training photos are changed at random.
    pub augment: Augment,
}

/// What is subtracted from pixels and what they are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// The training photos' mean per channel is subtracted, and the result divided by 255: the subject's way.
    SubtractMean,
    /// Mean 0 and variance 1 per channel over the training photos.
    Standardize,
}

/// How photos that are not changed at random become squares. It must suit the augmentation: random crops keep a photo's
/// proportions, and a network that has seen only such cars is surprised by squashed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// The whole photo, its sides scaled independently: the subject's way.
    Squash,
    /// The largest square in the middle, its proportions kept.
    CenterCrop,
}

impl Framing {
    /// The rule for squares of `image_size` pixels.
    pub fn resize(self, image_size: u32) -> Resize {
        match self {
            Framing::Squash => Resize::Squash,
            Framing::CenterCrop => Resize::CenterCrop {
                shorter_side: image_size,
            },
        }
    }
}

impl Recipe {
    /// The course project that marque goes beyond: Adam at 1e-3, batches of 32, up to 100 epochs, an end after 30
    /// without improvement, shifts of a tenth and flips.
    pub fn subject() -> Self {
        Self {
            name: "subject".to_owned(),
            epochs: 100,
            batch_size: 32,
            optimizer: OptimizerConfig::default(),
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            label_smoothing: 0.0,
            patience: Some(30),
            normalization: Normalization::SubtractMean,
            framing: Framing::Squash,
            augment: Augment::subject(),
        }
    }

    /// For training from nothing on a few thousand photos in as few epochs as a processor can bear: AdamW with a
    /// warm cosine, smoothed labels, random crops and colours.
    pub fn scratch() -> Self {
        let crop = CropRange {
            area: (0.35, 1.0),
            aspect: (0.75, 4.0 / 3.0),
        };
        let colors = ColorJitter {
            brightness: 0.3,
            contrast: 0.3,
            saturation: 0.3,
        };
        Self {
            name: "scratch".to_owned(),
            epochs: 40,
            batch_size: 32,
            optimizer: OptimizerConfig::adam_w(0.05),
            learning_rate: 1e-3,
            schedule: Schedule::WarmupCosine { warmup: 0.1 },
            label_smoothing: 0.1,
            patience: None,
            normalization: Normalization::Standardize,
            framing: Framing::CenterCrop,
            augment: Augment {
                horizontal_flip: 0.5,
                random_resized_crop: Some(crop),
                color_jitter: Some(colors),
                ..Augment::none()
            },
        }
    }

    /// For a first look within minutes: Adam with a warm cosine over a few epochs, and flips as the only augmentation,
    /// since a network that sees each photo a dozen times has no time to learn from more.
    pub fn quick() -> Self {
        Self {
            name: "quick".to_owned(),
            epochs: 14,
            schedule: Schedule::WarmupCosine { warmup: 0.25 },
            patience: None,
            normalization: Normalization::Standardize,
            augment: Augment {
                horizontal_flip: 0.5,
                ..Augment::none()
            },
            ..Self::subject()
        }
    }

    /// The recipe called `name`: `subject`, `scratch` or `quick`.
    ///
    /// # Errors
    /// [`Error::UnknownRecipe`] lists the known names.
    pub fn named(name: &str) -> Result<Self, Error> {
        let known = [Self::subject(), Self::scratch(), Self::quick()];
        let names = known.each_ref().map(|recipe| recipe.name.clone()).join(", ");
        let recipe = known.into_iter().find(|recipe| recipe.name == name);
        recipe.ok_or_else(|| Error::UnknownRecipe {
            name: name.to_owned(),
            known: names,
        })
    }

    /// The part of it that [`fit`](crate::fit()) reads.
    pub fn fit_config(&self) -> FitConfig {
        FitConfig {
            epochs: self.epochs,
            optimizer: self.optimizer,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            label_smoothing: self.label_smoothing,
            patience: self.patience,
            ..Default::default()
        }
    }
}
