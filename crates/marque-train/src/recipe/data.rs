use marque_core::SettingError;
use marque_core::setting::{Within, at_least};
use marque_data::{Augment, ImageSize, LastBatch, Order, Preprocess, Resize};
use serde::{Deserialize, Serialize};

/// What becomes of photos before the network sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataRecipe {
    /// What photos are brought to, in px: a side, or height and width; 224 by default.
    pub image_size: ImageSize,
    /// What validation and test photos are brought to, in px, and every photo that the trained network is asked about; `None`,
    /// the default, for `image_size`. A random crop enlarges what is in it, so that a network trained on crops is best asked
    /// about somewhat larger images (Touvron et al. 2019, arXiv:1906.06423).
    pub test_image_size: Option<ImageSize>,
    /// How validation and test photos get their size; squashed by default.
    pub framing: Framing,
    /// What is subtracted from pixels and what they are divided by; the training photos' own by default.
    pub normalization: Normalization,
    /// Decodes JPEGs to a half, a quarter or an eighth of their sides where they then have this many times the width and the height of
    /// the image, from 1 to 64 ([`Preprocess::scaled_decoding`]); `None`, the default, decodes all of every photo.
    pub scaled_decoding: Option<f32>,
    /// How training photos are changed at random; they are not by default.
    pub augment: Augment,
    /// Photos in a batch; 32 by default.
    pub batch_size: usize,
    /// Which training photos an epoch has; each once by default.
    pub sampler: Sampler,
    /// What becomes of training photos that do not fill the last batch; a single one joins the batch before it by default.
    pub last_batch: LastBatch,
}

/// Which training photos an epoch has, in an order that is drawn anew for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// Each once. The default.
    #[default]
    Shuffled,
    /// As many of each class: of a class with fewer photos each comes several times, of one with more some are left out.
    Balanced,
    /// Drawn with replacement, in proportion to the weights that a list gives them.
    Weighted,
    /// Some of them several times in one batch, each time changed otherwise (repeated augmentation: Hoffer et al. 2019,
    /// arXiv:1901.09335).
    Repeated {
        /// How many times, at least 1; 3 by default.
        #[serde(default = "thrice")]
        times: usize,
    },
}

fn thrice() -> usize {
    3
}

impl Sampler {
    pub(crate) fn order(self) -> Order {
        match self {
            Sampler::Shuffled => Order::Shuffled,
            Sampler::Balanced => Order::Balanced,
            Sampler::Weighted => Order::Weighted,
            Sampler::Repeated { times } => Order::Repeated { times },
        }
    }
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            image_size: ImageSize::square(224),
            test_image_size: None,
            framing: Framing::Squash,
            normalization: Normalization::Standardize,
            scaled_decoding: None,
            augment: Augment::none(),
            batch_size: 32,
            sampler: Sampler::default(),
            last_batch: LastBatch::default(),
        }
    }
}

/// What is subtracted from pixels and what they are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// The training photos' mean per channel is subtracted, and the result divided by 255: the subject's way.
    SubtractMean,
    /// Mean 0 and variance 1 per channel over the training photos.
    Standardize,
    /// From −1 to 1: what the ImageNet weights of Xceptions and Inceptions were trained on.
    MinusOneToOne,
    /// Mean 0 and variance 1 per channel over ImageNet: what most weights of torchvision were trained on.
    #[serde(rename = "imagenet", alias = "image_net")]
    ImageNet,
    /// What the published weights of the architecture were trained on, one of the last two.
    Pretrained,
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

impl DataRecipe {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let size = |image_size: ImageSize| {
            let resize = self.framing.resize(image_size);
            Preprocess {
                image_size,
                resize,
                scaled_decoding: self.scaled_decoding,
                ..Preprocess::default()
            }
            .validate()
        };
        size(self.image_size)?;
        if let Some(test) = self.test_image_size {
            size(test).map_err(|error| SettingError {
                setting: format!("test_{}", error.setting),
                ..error
            })?;
        }
        self.augment.validate().within("augment")?;
        at_least("batch_size", self.batch_size, 1)?;
        match self.sampler {
            Sampler::Repeated { times } => at_least("times", times, 1).within("sampler"),
            Sampler::Shuffled | Sampler::Balanced | Sampler::Weighted => Ok(()),
        }
    }
}
