//! The recipes that have names.

use crate::{
    DataRecipe, Error, FitConfig, Framing, ModelRecipe, Normalization, OptimizerConfig, PredictRecipe,
    ProgressiveResizing, Recipe, Schedule, TrainedFrom,
};
use marque_arch::Head;
use marque_data::{Augment, ColorJitter, CropRange, ImageSize};

/// What is known of a family of architectures.
pub(super) struct Family {
    /// What the names of its architectures begin with.
    prefix: &'static str,
    /// Where the subject begins to train; nowhere that is known if empty, as for the next.
    pub(super) subject_from: &'static [&'static str],
    /// Where the fast recipe begins to train: after a third of the network's time, the part that knows edges and textures.
    pub(super) fast_from: &'static [&'static str],
    /// What its ImageNet weights were trained on.
    normalization: Normalization,
}

const FAMILIES: [Family; 4] = [
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
    Family {
        prefix: "googlenet",
        subject_from: &[],
        fast_from: &[],
        normalization: Normalization::MinusOneToOne,
    },
    Family {
        prefix: "inception",
        subject_from: &[],
        fast_from: &[],
        normalization: Normalization::MinusOneToOne,
    },
];

/// What the names of networks of inverted residual blocks begin with.
const SMALL: [&str; 3] = ["mobilenet", "efficientnet", "tf_efficientnet"];

pub(super) fn family(architecture: &str) -> Option<&'static Family> {
    FAMILIES
        .iter()
        .find(|family| architecture.starts_with(family.prefix))
}

/// What the published ImageNet weights of an architecture were trained on.
pub(super) fn published_normalization(architecture: &str) -> Normalization {
    family(architecture).map_or(Normalization::ImageNet, |family| family.normalization)
}

const SUBJECT: &str = "subject";

impl Recipe {
    /// The course project that marque goes beyond, for training from nothing: Adam at 1e-3, batches of 32, up to 100 epochs, an
    /// end after 30 without improvement, shifts of a tenth and flips.
    pub fn subject() -> Self {
        Self {
            name: SUBJECT.to_owned(),
            data: DataRecipe {
                normalization: Normalization::SubtractMean,
                augment: Augment::subject(),
                ..Default::default()
            },
            fit: FitConfig {
                epochs: 100,
                patience: Some(30),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    /// The course project's way of fine-tuning: the recipe of training from nothing, its own head, and the last hundred layers
    /// trained.
    pub fn subject_fine_tuning() -> Self {
        Self {
            model: ModelRecipe {
                head: Head::Subject,
                trained_from: TrainedFrom::Subject,
                ..Default::default()
            },
            ..Self::subject()
        }
    }

    /// For training from nothing on a few thousand photos in as few epochs as a processor can bear: AdamW with a
    /// warm cosine, smoothed labels, random crops and colours.
    pub fn scratch() -> Self {
        let crop = CropRange {
            area: (0.35, 1.0),
            aspect: (0.75, 4.0 / 3.0),
        };
        Self {
            name: "scratch".to_owned(),
            data: DataRecipe {
                framing: Framing::CenterCrop,
                augment: cropped_and_coloured(crop),
                ..Default::default()
            },
            fit: FitConfig {
                epochs: 40,
                optimizer: OptimizerConfig::adam_w(0.05),
                schedule: Schedule::cosine(0.1),
                label_smoothing: 0.1,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    /// For a first look within minutes: Adam with a warm cosine over a few epochs, and flips as the only augmentation,
    /// since a network that sees each photo a dozen times has no time to learn from more.
    pub fn quick() -> Self {
        Self {
            name: "quick".to_owned(),
            data: DataRecipe {
                augment: Augment {
                    horizontal_flip: 0.5,
                    ..Augment::none()
                },
                ..Default::default()
            },
            fit: FitConfig {
                epochs: 14,
                schedule: Schedule::cosine(0.25),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    /// For fine-tuning: a good classifier on a processor within a coffee break, a better one over lunch. A third of the network
    /// stays as it is, and what it gives for eight views of each photo is kept.
    pub fn fast() -> Self {
        let crop = CropRange {
            area: (0.5, 1.0),
            aspect: (0.8, 1.25),
        };
        Self {
            name: "fast".to_owned(),
            data: DataRecipe {
                image_size: ImageSize {
                    height: 160,
                    width: 256,
                },
                normalization: Normalization::Pretrained,
                augment: cropped_and_coloured(crop),
                ..Default::default()
            },
            model: ModelRecipe {
                head: Head::Linear,
                trained_from: TrainedFrom::Auto,
                mixed_precision: true,
                ..Default::default()
            },
            fit: FitConfig {
                epochs: 20,
                optimizer: OptimizerConfig::adam_w(0.05),
                learning_rate: 5e-4,
                schedule: Schedule::cosine(0.1),
                label_smoothing: 0.1,
                head_rate: 5.0,
                averaging: Some(0.99),
                views: Some(8),
                ..Default::default()
            },
            predict: PredictRecipe {
                mirrored: true,
                ..Default::default()
            },
        }
    }

    /// For fine-tuning small networks, such as EfficientNet-Lite0 and MobileNetV3, within minutes on a processor: all is trained, at a
    /// higher rate than [`fast`](Self::fast) has, on images that grow over the first epochs, and photos are asked about at a larger
    /// size than the last of them.
    pub fn light() -> Self {
        let fast = Self::fast();
        Self {
            name: "light".to_owned(),
            data: DataRecipe {
                test_image_size: Some(ImageSize {
                    height: 192,
                    width: 304,
                }),
                ..fast.data
            },
            model: ModelRecipe {
                trained_from: TrainedFrom::All,
                ..fast.model
            },
            fit: FitConfig {
                epochs: 12,
                learning_rate: 2e-3,
                views: None,
                resizing: Some(ProgressiveResizing::default()),
                ..fast.fit
            },
            ..fast
        }
    }

    /// The recipe for fine-tuning that an architecture is best begun with: [`light`](Self::light) for small networks,
    /// [`fast`](Self::fast) for all others.
    pub fn recommended(architecture: &str) -> Self {
        let is_small = SMALL.iter().any(|prefix| architecture.starts_with(prefix));
        if is_small { Self::light() } else { Self::fast() }
    }

    /// The recipe for training from nothing that is called `name`: `subject`, `scratch` or `quick`.
    ///
    /// # Errors
    /// [`Error::UnknownRecipe`] lists the known names.
    pub fn named(name: &str) -> Result<Self, Error> {
        choose(name, [Self::subject(), Self::scratch(), Self::quick()])
    }

    /// The recipe for fine-tuning that is called `name`: `subject`, `fast` or `light`.
    ///
    /// # Errors
    /// [`Error::UnknownRecipe`] lists the known names.
    pub fn fine_tuning(name: &str) -> Result<Self, Error> {
        choose(name, [Self::subject_fine_tuning(), Self::fast(), Self::light()])
    }
}

fn choose<const COUNT: usize>(name: &str, known: [Recipe; COUNT]) -> Result<Recipe, Error> {
    let names = known.each_ref().map(|recipe| recipe.name.clone()).join(", ");
    let recipe = known.into_iter().find(|recipe| recipe.name == name);
    recipe.ok_or_else(|| Error::UnknownRecipe {
        name: name.to_owned(),
        known: names,
    })
}

fn cropped_and_coloured(crop: CropRange) -> Augment {
    let colors = ColorJitter {
        brightness: 0.3,
        contrast: 0.3,
        saturation: 0.3,
    };
    Augment {
        horizontal_flip: 0.5,
        random_resized_crop: Some(crop),
        color_jitter: Some(colors),
        ..Augment::none()
    }
}
