use crate::{DataRecipe, Error, Examples, Normalization};
use marque_core::SettingError;
use marque_data::random::{Purpose, shuffle, stream};
use marque_data::{
    AlikeClasses, Augment, BadFile, BadFiles, Cache, ChannelStatistics, IMAGENET_MEAN, IMAGENET_STD,
    ImageFolder, Inventory, LastBatch, Loader, LoaderConfig, Order, Preprocess, Sample, SplitConfig,
    channel_mean,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// How a data folder is made ready for training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareConfig {
    /// How the folder is split.
    pub split: SplitConfig,
    /// What becomes of photos that cannot be read.
    pub bad_files: BadFiles,
    /// What becomes of classes whose names hardly differ.
    pub alike_classes: AlikeClasses,
    /// Whether every photo is opened before the training begins.
    pub inspection: Inspection,
    /// Whether decoded photos are kept, and where; they are not by default. It changes no bit of what is trained.
    pub cache: Cache,
    /// Threads that read photos; 0 for one per core.
    pub workers: usize,
    /// What all random choices are drawn from; 42 by default.
    pub seed: u64,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            split: SplitConfig::default(),
            bad_files: BadFiles::Skip,
            alike_classes: AlikeClasses::default(),
            inspection: Inspection::default(),
            cache: Cache::default(),
            workers: 0,
            seed: 42,
        }
    }
}

/// Whether every photo is opened before a training begins: it finds photos that cannot be read, that are there twice or in two parts, and
/// classes that would be lost, but takes about as long as an epoch's decoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// Of up to [`MOST_INSPECTED`] photos all, of more none. The default.
    #[default]
    Automatic,
    /// All, however many.
    All,
    /// None: what cannot be read is found when its turn comes.
    Nothing,
}

/// The most photos that are opened before a training unless that is asked for.
pub const MOST_INSPECTED: usize = 200_000;
/// Of training photos that were not opened, as many are measured for their mean and deviation, drawn by the seed: the standard error of the
/// mean is about a level of 8 bits, where the deviation is about seventy.
const MOST_MEASURED: usize = 2_000;

impl Inspection {
    fn opens(self, photos: usize) -> bool {
        match self {
            Self::Automatic => photos <= MOST_INSPECTED,
            Self::All => true,
            Self::Nothing => false,
        }
    }
}

/// A data folder, ready for training.
#[derive(Debug)]
pub struct Prepared {
    /// Class names; their order is that of labels and logits.
    pub class_names: Vec<String>,
    /// What is done to every photo that the network is measured on or asked about: as in training, but for the size where the
    /// recipe has another one for it.
    pub preprocess: Preprocess,
    /// Training photos, shuffled and changed at random.
    pub train: Loader,
    /// Validation photos as they are; `None` if the split leaves none.
    pub validation: Option<Loader>,
    /// Test photos as they are.
    pub test: Loader,
    /// The classes with their counts, and what is wrong with the folder: print it before training begins.
    pub inventory: Inventory,
    /// Photos of all parts that cannot be read. The loaders do not have them.
    pub skipped: Vec<SkippedPhoto>,
}

impl Prepared {
    /// The validation photos as a training takes them.
    pub fn validation(&self) -> Option<Examples> {
        self.validation.as_ref().map(Examples::from)
    }
}

/// A photo that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedPhoto {
    /// The file.
    pub path: PathBuf,
    /// Why it could not be read.
    pub reason: String,
}

impl From<BadFile> for SkippedPhoto {
    fn from(bad: BadFile) -> Self {
        Self {
            path: bad.path,
            reason: bad.reason,
        }
    }
}

/// Scans and splits `folder`, opens every photo once, measures the training photos and makes loaders.
///
/// A photo that cannot be read is found here, not in the first epoch: with [`BadFiles::Skip`] the loaders are made without
/// it.
///
/// # Errors
/// [`Error::Data`] if there is no such folder, if its classes are unclear, if a part, or a class in the training part, has
/// no photo that can be read, or for any photo that cannot be read where [`BadFiles::Stop`] is asked for;
/// [`Error::EmptyPart`] if there is nothing to train or to test on.
///
/// ```no_run
/// use marque_train::{PrepareConfig, Recipe, prepare};
///
/// let data = prepare("photos".as_ref(), &Recipe::scratch().data, &PrepareConfig::default())?;
/// println!("{} photos of {:?}", data.train.len(), data.class_names);
/// # Ok::<(), marque_train::Error>(())
/// ```
pub fn prepare(folder: &Path, recipe: &DataRecipe, config: &PrepareConfig) -> Result<Prepared, Error> {
    // Before the disk is looked at.
    recipe.validate()?;
    let images = ImageFolder::scan_all(&[folder.to_owned()], config.alike_classes)?;
    prepare_images(&images, recipe, config)
}

/// As [`prepare`], for photos that have been listed: those of a folder, or any with [`ImageFolder::from_samples`].
///
/// # Errors
/// As [`prepare`].
pub fn prepare_images(
    images: &ImageFolder,
    recipe: &DataRecipe,
    config: &PrepareConfig,
) -> Result<Prepared, Error> {
    recipe.validate()?;
    let split = images.split(&config.split)?;
    for (part, samples) in [("training", &split.train), ("test", &split.test)] {
        if samples.is_empty() {
            return Err(Error::EmptyPart {
                part,
                folder: images.root().to_owned(),
            });
        }
    }
    let inventory = match config.inspection.opens(images.len()) {
        true => Inventory::take(images, &split),
        false => Inventory::unopened(images, &split),
    };
    if let (BadFiles::Stop, Some(first)) = (config.bad_files, inventory.bad.first()) {
        // Once more, for the error with its cause.
        if let Some(sample) = images.sample(&first.file.path) {
            sample.decode()?;
        }
    }
    inventory.require_readable()?;
    let split = inventory.readable(split);
    let resize = recipe.framing.resize(recipe.image_size);
    let Statistics { mean, std, skipped } = statistics(recipe.normalization, || {
        let measured = match inventory.opened {
            true => Cow::Borrowed(&split.train),
            false => Cow::Owned(drawn(&split.train, config.seed)),
        };
        channel_mean(&measured, recipe.image_size, resize, config.bad_files)
    })?;
    let preprocess = Preprocess {
        image_size: recipe.image_size,
        resize,
        mean,
        std,
        scaled_decoding: recipe.scaled_decoding,
    };
    let asked_size = recipe.test_image_size.unwrap_or(recipe.image_size);
    let asked = Preprocess {
        image_size: asked_size,
        resize: recipe.framing.resize(asked_size),
        ..preprocess.clone()
    };
    let loader = |samples: Vec<Sample>, preprocess: &Preprocess, augment: Augment, order: Order| {
        let settings = LoaderConfig {
            batch_size: recipe.batch_size,
            last_batch: match order {
                // All photos are measured.
                Order::Sequential => LastBatch::default(),
                _ => recipe.last_batch,
            },
            workers: config.workers,
            order,
            seed: config.seed,
            bad_files: config.bad_files,
            cache: config.cache.clone(),
            ..Default::default()
        };
        Loader::new(samples, preprocess.clone(), augment, settings)
    };
    let validation = (!split.validation.is_empty()).then_some(split.validation);
    let validation = validation
        .map(|samples| loader(samples, &asked, Augment::none(), Order::Sequential))
        .transpose()?;
    Ok(Prepared {
        class_names: images.class_names().to_vec(),
        train: loader(
            split.train,
            &preprocess,
            recipe.augment.clone(),
            recipe.sampler.order(),
        )?,
        validation,
        test: loader(split.test, &asked, Augment::none(), Order::Sequential)?,
        // Those of the measurement have become unreadable since they were opened.
        skipped: inventory
            .bad
            .iter()
            .map(|photo| photo.file.clone())
            .chain(skipped)
            .map(SkippedPhoto::from)
            .collect(),
        inventory,
        preprocess: asked,
    })
}

/// Some of many photos.
fn drawn(samples: &[Sample], seed: u64) -> Vec<Sample> {
    let mut places: Vec<usize> = (0..samples.len()).collect();
    shuffle(&mut stream(seed, 0, 0, Purpose::Measure), &mut places);
    places.truncate(MOST_MEASURED);
    places.into_iter().map(|place| samples[place].clone()).collect()
}

struct Statistics {
    mean: [f32; 3],
    std: [f32; 3],
    skipped: Vec<BadFile>,
}

/// What is subtracted and divided by; the training photos are measured only where it depends on them.
fn statistics(
    normalization: Normalization,
    measure: impl Fn() -> Result<ChannelStatistics, marque_data::Error>,
) -> Result<Statistics, Error> {
    let given = |mean, std| Statistics {
        mean,
        std,
        skipped: Vec::new(),
    };
    Ok(match normalization {
        Normalization::MinusOneToOne => given([0.5; 3], [0.5; 3]),
        Normalization::ImageNet => given(IMAGENET_MEAN, IMAGENET_STD),
        Normalization::Pretrained => {
            let expected = "what Recipe::for_architecture decides it to be";
            return Err(SettingError::new("normalization", expected, "pretrained").into());
        }
        Normalization::SubtractMean => {
            let ChannelStatistics { mean, skipped, .. } = measure()?;
            let std = [1.0; 3];
            Statistics { mean, std, skipped }
        }
        Normalization::Standardize => {
            let ChannelStatistics {
                mean, std, skipped, ..
            } = measure()?;
            // Photos of one colour have no deviation; they must not be divided by it.
            let std = std.map(|std| if std > 1e-3 { std } else { 1.0 });
            Statistics { mean, std, skipped }
        }
    })
}
