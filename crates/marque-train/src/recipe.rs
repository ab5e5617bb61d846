use crate::{Error, FitConfig, OptimizerConfig, Schedule};
use marque_arch::Head;
use marque_data::{Augment, ColorJitter, CropRange, ImageSize, Resize};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// How a classifier is trained, as data: everything but the photos, the architecture and the seed.
///
/// ```
/// use marque_train::Recipe;
///
/// let recipe = Recipe { epochs: 20, image_size: marque_data::ImageSize { height: 96, width: 160 }, ..Recipe::scratch() };
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("recipe.json");
/// recipe.write(&file)?;
/// assert_eq!(Recipe::read(&file)?, recipe);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// What photos are brought to, in pixels.
    pub image_size: ImageSize,
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
    /// How validation and test photos get their size.
    pub framing: Framing,
    /// How training photos are changed at random.
    pub augment: Augment,
    /// What stands upon the last feature maps.
    pub head: Head,
    /// The nodes from which on a pretrained network is trained; what does not depend on them is frozen. All is trained if
    /// there are none.
    pub trained_from: Vec<String>,
    /// Randomly changed views of each photo, looked at in turn; a new one in every epoch if absent.
    pub views: Option<u32>,
    /// Factor on the learning rate of the head.
    pub head_rate: f64,
    /// Decay per step of the moving average of the weights; no average if absent.
    pub averaging: Option<f64>,
    /// Whether convolutions are computed in bfloat16 where the hardware is faster at it.
    pub mixed_precision: bool,
    /// Whether a photo's probabilities are the mean of its own and its mirror image's.
    pub mirrored: bool,
}

/// What is subtracted from pixels and what they are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// The training photos' mean per channel is subtracted, and the result divided by 255: the subject's way.
    SubtractMean,
    /// Mean 0 and variance 1 per channel over the training photos.
    Standardize,
    /// From −1 to 1: what Xception's ImageNet weights were trained on.
    MinusOneToOne,
    /// Mean 0 and variance 1 per channel over ImageNet: what torchvision's weights were trained on.
    ImageNet,
}

/// How photos that are not changed at random get their size. It must suit the augmentation: random crops keep a photo's
/// proportions, and a network that has seen only such cars is surprised by squashed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// The whole photo, its sides scaled independently: the subject's way.
    Squash,
    /// The largest rectangle of the image's proportions in the middle: nothing is distorted.
    CenterCrop,
}

impl Framing {
    /// The rule for images of this size.
    pub fn resize(self, image_size: ImageSize) -> Resize {
        match self {
            Framing::Squash => Resize::Squash,
            Framing::CenterCrop if image_size.height == image_size.width => Resize::CenterCrop {
                shorter_side: image_size.height,
            },
            Framing::CenterCrop => Resize::Cover,
        }
    }
}

impl Recipe {
    /// The course project that marque goes beyond: Adam at 1e-3, batches of 32, up to 100 epochs, an end after 30
    /// without improvement, shifts of a tenth and flips.
    pub fn subject() -> Self {
        Self {
            name: "subject".to_owned(),
            image_size: ImageSize::square(224),
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
            head: Head::Own,
            trained_from: Vec::new(),
            views: None,
            head_rate: 1.0,
            averaging: None,
            mixed_precision: false,
            mirrored: false,
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
            ..Self::subject()
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

    /// The recipe for training from nothing that is called `name`: `subject`, `scratch` or `quick`.
    ///
    /// # Errors
    /// [`Error::UnknownRecipe`] lists the known names.
    pub fn named(name: &str) -> Result<Self, Error> {
        Self::choose(name, [Self::subject(), Self::scratch(), Self::quick()])
    }

    pub(crate) fn choose<const COUNT: usize>(name: &str, known: [Self; COUNT]) -> Result<Self, Error> {
        let names = known.each_ref().map(|recipe| recipe.name.clone()).join(", ");
        let recipe = known.into_iter().find(|recipe| recipe.name == name);
        recipe.ok_or_else(|| Error::UnknownRecipe {
            name: name.to_owned(),
            known: names,
        })
    }

    /// Reads a recipe from a JSON file, such as the `recipe.json` of an earlier run.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] if it cannot be read, or a setting is missing, unknown or of another kind.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| recipe_file(path, source))?;
        // Editors put a byte-order mark there.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        serde_json::from_str(text).map_err(|source| recipe_file(path, source.into()))
    }

    /// Writes the recipe as a JSON file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(|source| recipe_file(path, source.into()))?;
        let written = marque_fs::write_atomically(path, |file| writeln!(file, "{text}"));
        written.map_err(|source| recipe_file(path, source))
    }

    /// The part of it that [`fit`](crate::fit()) reads.
    pub fn fit_config(&self) -> FitConfig {
        FitConfig {
            epochs: self.epochs,
            optimizer: self.optimizer,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            label_smoothing: self.label_smoothing,
            head_rate: self.head_rate,
            averaging: self.averaging,
            views: self.views,
            patience: self.patience,
            ..Default::default()
        }
    }
}

fn recipe_file(path: &Path, source: std::io::Error) -> Error {
    Error::RecipeFile {
        path: path.to_owned(),
        source,
    }
}
