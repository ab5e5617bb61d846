//! Recipes for networks that have been trained before.

use crate::{Error, Framing, Normalization, OptimizerConfig, Recipe, Schedule};
use marque_arch::Head;
use marque_data::{Augment, ColorJitter, CropRange, ImageSize};

/// What a family of architectures needs of a fine-tuning recipe.
struct Family {
    /// What the names of its architectures begin with.
    prefix: &'static str,
    /// Where the subject's recipe begins to train.
    subject_from: &'static [&'static str],
    /// Where the fast recipe begins to train: after a third of the network's time, the part that knows edges and textures.
    fast_from: &'static [&'static str],
    /// What its ImageNet weights were trained on.
    normalization: Normalization,
}

const FAMILIES: [Family; 2] = [
    Family {
        prefix: "xception",
        // Keras's 100 last layers begin with the strided 1×1 convolution of what Keras calls block 4. Names are timm's, which
        // do not count the first two convolutions as a block.
        subject_from: &["block3.skip"],
        fast_from: &["block3.skip", "block3.rep.0"],
        normalization: Normalization::MinusOneToOne,
    },
    Family {
        prefix: "densenet",
        // Keras's `conv5_block3_0_bn`: the third layer of the last block.
        subject_from: &["features.denseblock4.denselayer3.norm1"],
        fast_from: &["features.denseblock3.denselayer1.norm1"],
        normalization: Normalization::ImageNet,
    },
];

impl Recipe {
    /// The recipe for fine-tuning `architecture` that is called `name`: `subject` or `fast`.
    ///
    /// # Errors
    /// [`Error::UnknownRecipe`] lists the known names; [`Error::NoFreezePoint`] if it is not known from where on this
    /// architecture is to be trained.
    pub fn fine_tuning(name: &str, architecture: &str) -> Result<Self, Error> {
        let family = FAMILIES
            .iter()
            .find(|family| architecture.starts_with(family.prefix));
        let family = family.ok_or_else(|| Error::NoFreezePoint {
            architecture: architecture.to_owned(),
            known: FAMILIES.each_ref().map(|family| family.prefix).join(", "),
        })?;
        Self::choose(name, [subject(family), fast(family)])
    }
}

/// The course project's: the recipe of training from nothing, its own head, and the last hundred layers trained.
fn subject(family: &Family) -> Recipe {
    Recipe {
        head: Head::Subject,
        trained_from: owned(family.subject_from),
        ..Recipe::subject()
    }
}

/// A good classifier on a processor within a coffee break, a better one over lunch.
fn fast(family: &Family) -> Recipe {
    let crop = CropRange {
        area: (0.5, 1.0),
        aspect: (0.8, 1.25),
    };
    let colors = ColorJitter {
        brightness: 0.3,
        contrast: 0.3,
        saturation: 0.3,
    };
    Recipe {
        name: "fast".to_owned(),
        image_size: ImageSize {
            height: 160,
            width: 256,
        },
        epochs: 20,
        batch_size: 32,
        optimizer: OptimizerConfig::adam_w(0.05),
        learning_rate: 5e-4,
        schedule: Schedule::WarmupCosine { warmup: 0.1 },
        label_smoothing: 0.1,
        patience: None,
        normalization: family.normalization,
        framing: Framing::Squash,
        augment: Augment {
            horizontal_flip: 0.5,
            random_resized_crop: Some(crop),
            color_jitter: Some(colors),
            ..Augment::none()
        },
        head: Head::Linear,
        trained_from: owned(family.fast_from),
        views: Some(8),
        head_rate: 5.0,
        averaging: Some(0.99),
        mixed_precision: true,
        mirrored: true,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
