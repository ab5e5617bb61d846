//! Batches of photos, made on several threads ahead of their use.

mod batches;
mod fill;
mod order;
mod share;
mod spare;
mod workers;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use marque_core::setting::{Within, at_least, require};
use serde::{Deserialize, Serialize};

pub use batches::{Batch, Batches};
pub use order::Order;
pub use share::Share;

use crate::cache::{Kind, PhotoCache};
use crate::{Augment, BadFiles, Cache, Error, ImageSize, Preprocess, Sample, SettingError, View};
use batches::Draw;
use order::occurrences;
use spare::Spare;
use workers::Workers;

/// What becomes of the samples that do not fill the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are a shorter batch. A batch of one has no variance for a batch norm to divide by.
    Keep,
    /// They are left out of this epoch. For training only.
    Drop,
    /// As `Keep`, but a single sample joins the batch before it, which then has one more than the batch size. So does a
    /// sample that is left alone because the other photos of its batch could not be read; if it is the first, the next
    /// batch joins it. The default.
    #[default]
    MergeSingle,
}

/// How a [`Loader`] works. Nothing here but `batch_size`, `order`, `seed`, `bad_files` and `last_batch` changes what
/// the batches hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoaderConfig {
    /// Samples in a batch. Default 32.
    pub batch_size: usize,
    /// Threads that decode. 0, the default, means one for each core.
    pub workers: usize,
    /// Batches that are made ahead of the one in use. With it, at most `prefetch` + 1 batches are in memory at once;
    /// with 0 a batch is begun when it is asked for. One more is made and held back where [`BadFiles::Skip`] and
    /// [`LastBatch::MergeSingle`] meet, since it may have to take in a single photo that is left of the next. Default 4.
    pub prefetch: usize,
    /// Order of the samples. Default [`Order::Sequential`].
    pub order: Order,
    /// Seed of order and augmentation. Default 42.
    pub seed: u64,
    /// What to do about a photo that cannot be read. Default [`BadFiles::Stop`].
    pub bad_files: BadFiles,
    /// What becomes of a last batch that is not full. Default [`LastBatch::MergeSingle`].
    pub last_batch: LastBatch,
    /// Whether decoded photos are kept between epochs. Default [`Cache::None`].
    pub cache: Cache,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        LoaderConfig {
            batch_size: 32,
            workers: 0,
            prefetch: 4,
            order: Order::default(),
            seed: 42,
            bad_files: BadFiles::default(),
            last_batch: LastBatch::default(),
            cache: Cache::default(),
        }
    }
}

/// The most worker threads that are started.
const MAX_WORKERS: usize = 1024;

impl LoaderConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`] for a batch size of 0 or more than 1024 workers.
    pub fn validate(&self) -> Result<(), SettingError> {
        at_least("batch_size", self.batch_size, 1)?;
        let expected = format!("at most {MAX_WORKERS}");
        require("workers", self.workers <= MAX_WORKERS, expected, self.workers)
    }

    /// Whether a photo that is left alone by bad photos joins a neighbouring batch. Where batches of one are asked for, they
    /// are what is given.
    pub fn joins_leftovers(&self) -> bool {
        self.last_batch == LastBatch::MergeSingle && self.bad_files == BadFiles::Skip && self.batch_size > 1
    }

    /// The fewest samples of a [`Share`] that has any: single ones are no more wanted in it than in a batch.
    fn least_share(&self) -> usize {
        match self.last_batch {
            LastBatch::MergeSingle => 2,
            LastBatch::Keep | LastBatch::Drop => 1,
        }
    }
}

/// Reads, changes and batches photos on threads of its own.
///
/// The batches are the same bits for any number of workers, any prefetch and with or without a cache: what is random
/// is a function of (seed, epoch, index of the sample). The threads end when the loader and all its [`Batches`] are
/// dropped.
///
/// ```
/// use marque_data::{Augment, ImageSize, Loader, LoaderConfig, Preprocess, Sample};
///
/// # let folder = tempfile::tempdir()?;
/// let mut samples = Vec::new();
/// for (label, name) in ["red.png", "blue.png", "red2.png"].iter().enumerate() {
///     let path = folder.path().join(name);
///     image::RgbImage::from_pixel(8, 6, image::Rgb([label as u8 * 90, 0, 255])).save(&path)?;
///     samples.push(Sample::new(path, label % 2));
/// }
/// let preprocess = Preprocess { image_size: ImageSize { height: 4, width: 6 }, ..Preprocess::default() };
/// let config = LoaderConfig { batch_size: 2, ..LoaderConfig::default() };
/// let loader = Loader::new(samples, preprocess, Augment::none(), config)?;
///
/// let mut batches = loader.epoch(0);
/// let batch = batches.next().unwrap()?;
/// assert_eq!(batch.images.shape(), [3, 3, 4, 6]); // the single third photo has joined the first two
/// assert_eq!(batch.labels, [0, 1, 0]);
/// assert!(batches.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone shares samples, threads and kept photos with its original.
#[derive(Clone, Debug)]
pub struct Loader {
    shared: Arc<Shared>,
    workers: Arc<Workers>,
    share: Share,
}

/// What the jobs of the workers read.
pub(crate) struct Shared {
    pub(crate) samples: Arc<[Sample]>,
    pub(crate) preprocess: Preprocess,
    /// How photos are looked at that are not cropped at random; as `preprocess` says if none.
    pub(crate) view: Option<View>,
    pub(crate) augment: Augment,
    pub(crate) config: LoaderConfig,
    pub(crate) cache: PhotoCache,
    pub(crate) spare: Spare,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("samples", &self.samples.len())
            .field("preprocess", &self.preprocess)
            .field("augment", &self.augment)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader of `samples`, whose positions are the indices of all batches.
    ///
    /// # Errors
    /// [`Error::NoSamples`]; [`Error::Setting`] for a setting out of range, if [`LastBatch::Drop`] would leave no batch
    /// at all, if no sample has a weight to draw it by where that is asked for, or if random crops of photos that are
    /// [decoded smaller](Preprocess::scaled_decoding) are to be kept; [`Error::Threads`] if no threads can be started;
    /// [`Error::Write`] and [`Error::Read`] for the folder of [`Cache::Files`].
    pub fn new(
        samples: Vec<Sample>,
        preprocess: Preprocess,
        augment: Augment,
        config: LoaderConfig,
    ) -> Result<Loader, Error> {
        preprocess.validate().within("preprocess")?;
        augment.validate().within("augment")?;
        config.validate().within("loader")?;
        if samples.is_empty() {
            return Err(Error::NoSamples);
        }
        if batch_ranges(samples.len(), &config).next().is_none() {
            let expected = format!(
                "at most {} (the samples) where the last batch is dropped",
                samples.len()
            );
            return Err(SettingError::new("loader.batch_size", expected, config.batch_size).into());
        }
        if config.order == Order::Weighted {
            let weights = samples.iter().map(|sample| sample.weight);
            let can_be_drawn = weights.clone().all(|weight| weight.is_finite() && weight >= 0.0);
            let sum: f64 = weights.sum();
            let expected = "weights of at least 0 whose sum is finite and above 0";
            let is_sound = can_be_drawn && sum.is_finite() && sum > 0.0;
            require(
                "loader.order",
                is_sound,
                expected,
                format!("weighted, and a sum of {sum}"),
            )?;
        }
        let workers = Arc::new(Workers::start(config.workers)?);
        let is_whole = augment.random_resized_crop.is_some();
        if config.cache != Cache::None && is_whole && preprocess.scaled_decoding.is_some() {
            // What is kept would have to be whole, and what is not kept smaller.
            let expected = "none where random crops are decoded no larger than they must be";
            return Err(SettingError::new("loader.cache", expected, "one").into());
        }
        let kind = Kind {
            preprocess: &preprocess,
            view: None,
            is_whole,
        };
        let cache = PhotoCache::new(&config.cache, samples.len(), &kind)?;
        let shared = Arc::new(Shared {
            samples: samples.into(),
            preprocess,
            view: None,
            augment,
            config,
            cache,
            spare: Spare::default(),
        });
        Ok(Loader {
            shared,
            workers,
            share: Share::default(),
        })
    }

    /// A loader of the same samples on the same threads whose images have another size. It keeps photos of its own where there
    /// is a [`Cache`].
    ///
    /// # Errors
    /// [`Error::Setting`] for a size that there is not; those of the folder of [`Cache::Files`].
    pub fn with_image_size(&self, image_size: ImageSize) -> Result<Loader, Error> {
        self.changed(image_size, None)
    }

    /// As [`with_image_size`](Self::with_image_size), for photos that are looked at as they are: each as in this view of it. A
    /// random crop takes the view's place where there is one.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size that there is not; those of the folder of [`Cache::Files`].
    pub fn with_view(&self, view: &View) -> Result<Loader, Error> {
        self.changed(view.image_size, Some(*view))
    }

    fn changed(&self, image_size: ImageSize, view: Option<View>) -> Result<Loader, Error> {
        let Shared {
            samples,
            preprocess,
            augment,
            config,
            ..
        } = &*self.shared;
        let preprocess = preprocess.with_image_size(image_size);
        preprocess.validate().within("preprocess")?;
        let kind = Kind {
            preprocess: &preprocess,
            view: view.as_ref(),
            is_whole: augment.random_resized_crop.is_some(),
        };
        let cache = PhotoCache::new(&config.cache, samples.len(), &kind)?;
        let shared = Shared {
            samples: Arc::clone(samples),
            preprocess,
            view,
            augment: augment.clone(),
            cache,
            spare: Spare::default(),
            config: config.clone(),
        };
        Ok(Loader {
            shared: Arc::new(shared),
            workers: Arc::clone(&self.workers),
            share: self.share,
        })
    }

    /// A handle on the same loader whose epochs have this share of each batch. There are as many batches as before, in the same
    /// order, and those of which nothing falls to the share, or can be read of it, are there, too, without images: what works on
    /// the other shares is in step. What an image is like does not depend on the share. Single photos that bad ones leave are not
    /// joined to other batches. The [`plan`](Self::plan) is that of the whole.
    pub fn with_share(&self, share: Share) -> Loader {
        Loader {
            share,
            ..self.clone()
        }
    }

    /// The samples of a planned batch that are of a share.
    pub fn share_of(&self, planned: &[usize], share: Share) -> Vec<usize> {
        planned[share.range(planned.len(), self.shared.config.least_share())].to_vec()
    }

    /// The batches of an epoch. Work on the first of them begins at once.
    ///
    /// Several epochs may be under way at the same time; they share the workers.
    pub fn epoch(&self, epoch: u64) -> Batches {
        self.epoch_of_view(epoch, epoch)
    }

    /// The batches of `epoch` in their order, with the random changes that epoch `view` makes to each photo:
    /// `epoch(e)` is `epoch_of_view(e, e)`. So a run may show few views of each photo many times, in ever new batches.
    pub fn epoch_of_view(&self, epoch: u64, view: u64) -> Batches {
        self.epoch_from(epoch, view, 0)
    }

    /// As [`epoch_of_view`](Self::epoch_of_view) without the first `planned` batches of the [`plan`](Self::plan), of which
    /// no photo is read. With the number that [`Batches::planned`] gave when an epoch was left, the batches are those that
    /// were still to come.
    pub fn epoch_from(&self, epoch: u64, view: u64, planned: usize) -> Batches {
        let order = self.order(epoch);
        let times = occurrences(&order, self.len());
        let draws: Vec<Draw> = order
            .iter()
            .zip(times)
            .map(|(&index, occurrence)| Draw { index, occurrence })
            .collect();
        let plan = batch_ranges(self.len(), &self.shared.config).skip(planned);
        let least = self.shared.config.least_share();
        let plan = plan.map(|range| {
            let planned = &draws[range];
            planned[self.share.range(planned.len(), least)].to_vec()
        });
        let joins_leftovers = self.share.is_whole() && self.shared.config.joins_leftovers();
        self.start(plan.collect(), planned, view, joins_leftovers)
    }

    /// Every sample once, in the order of [`Loader::samples`], with the random changes that epoch `view` makes to it:
    /// for computing something once for each photo and view. Of the settings of the loader, [`Order`] and [`LastBatch`]
    /// do not matter here: nothing is shuffled or dropped, and a single last sample is a batch of its own.
    ///
    /// All of them also where the loader has a [`Share`].
    pub fn view(&self, view: u64) -> Batches {
        self.view_of(view, 0..self.len())
    }

    /// As [`view`](Self::view), of some samples: positions in [`Loader::samples`]. Those that there are not are left out.
    pub fn view_of(&self, view: u64, samples: impl IntoIterator<Item = usize>) -> Batches {
        let known = samples.into_iter().filter(|&index| index < self.len());
        let draws: Vec<Draw> = known.map(|index| Draw { index, occurrence: 0 }).collect();
        let size = self.shared.config.batch_size.max(1);
        self.with_share(Share::default()).start(
            draws.chunks(size).map(<[Draw]>::to_vec).collect(),
            0,
            view,
            false,
        )
    }

    /// The samples of each batch of an epoch, in order: positions in [`Loader::samples`], as [`Batch::indices`] has
    /// them where no photo is bad. Reads no photo.
    pub fn plan(&self, epoch: u64) -> Vec<Vec<usize>> {
        let order = self.order(epoch);
        batch_ranges(self.len(), &self.shared.config)
            .map(|range| order[range].to_vec())
            .collect()
    }

    /// Takes a batch that is not needed any more, so that the next ones can be made in its memory. Batches
    /// need not be given back.
    pub fn give_back(&self, batch: Batch) {
        let most = self.shared.config.prefetch + 2;
        let (memory, _) = batch.images.into_raw_vec_and_offset();
        self.shared.spare.keep(memory, most);
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let config = &self.shared.config;
        config.order.of(self.samples(), config.seed, epoch)
    }

    fn start(&self, plan: Vec<Vec<Draw>>, before: usize, view: u64, joins_leftovers: bool) -> Batches {
        let mut batches = Batches {
            shared: Arc::clone(&self.shared),
            workers: Arc::clone(&self.workers),
            view,
            plan,
            before,
            queued: 0,
            received: 0,
            in_flight: VecDeque::new(),
            joins_leftovers,
            gives_empty: !self.share.is_whole(),
            held: None,
            cancelled: Arc::default(),
            waiting: Duration::ZERO,
            skipped: Vec::new(),
        };
        batches.queue_up_to(self.shared.config.prefetch);
        batches
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.shared.samples.len()
    }

    /// Never: a loader has at least one sample.
    pub fn is_empty(&self) -> bool {
        self.shared.samples.is_empty()
    }

    /// Number of batches of an epoch, if no batch consists of bad photos alone.
    pub fn batches_per_epoch(&self) -> usize {
        batch_ranges(self.len(), &self.shared.config).count()
    }

    /// The samples, in the order that [`Batch::indices`] refers to.
    pub fn samples(&self) -> &[Sample] {
        &self.shared.samples
    }

    /// One more than the largest label.
    pub fn class_count(&self) -> usize {
        self.samples()
            .iter()
            .map(|sample| sample.label + 1)
            .max()
            .unwrap_or(0)
    }

    /// How the photos are prepared.
    pub fn preprocess(&self) -> &Preprocess {
        &self.shared.preprocess
    }

    /// How photos are changed at random.
    pub fn augment(&self) -> &Augment {
        &self.shared.augment
    }

    /// How the loader works.
    pub fn config(&self) -> &LoaderConfig {
        &self.shared.config
    }

    /// Number of threads that decode.
    pub fn workers(&self) -> usize {
        self.workers.count()
    }
}

/// The positions in an epoch's order that make up its batches.
fn batch_ranges(samples: usize, config: &LoaderConfig) -> impl Iterator<Item = Range<usize>> {
    let size = config.batch_size.max(1);
    let (full, rest) = (samples / size, samples % size);
    let merged = config.last_batch == LastBatch::MergeSingle && rest == 1 && full > 0;
    let count = full + usize::from(rest > 0 && !merged && config.last_batch != LastBatch::Drop);
    (0..count).map(move |batch| {
        let is_last = batch + 1 == count;
        let end = if is_last && merged {
            samples
        } else {
            ((batch + 1) * size).min(samples)
        };
        batch * size..end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(samples: usize, last_batch: LastBatch) -> Vec<usize> {
        let config = LoaderConfig {
            batch_size: 4,
            last_batch,
            ..LoaderConfig::default()
        };
        let ranges: Vec<Range<usize>> = batch_ranges(samples, &config).collect();
        for (before, after) in ranges.iter().zip(ranges.iter().skip(1)) {
            assert_eq!(before.end, after.start);
        }
        ranges.iter().map(Range::len).collect()
    }

    #[test]
    fn the_last_batch_follows_its_policy() {
        assert_eq!(lengths(10, LastBatch::Keep), [4, 4, 2]);
        assert_eq!(lengths(9, LastBatch::Keep), [4, 4, 1]);
        assert_eq!(lengths(10, LastBatch::Drop), [4, 4]);
        assert_eq!(lengths(3, LastBatch::Drop), [0; 0]);
        assert_eq!(lengths(10, LastBatch::MergeSingle), [4, 4, 2]);
        assert_eq!(lengths(9, LastBatch::MergeSingle), [4, 5]);
        assert_eq!(lengths(8, LastBatch::MergeSingle), [4, 4]);
        assert_eq!(lengths(1, LastBatch::MergeSingle), [1]);
    }
}
