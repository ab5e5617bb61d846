//! What a network learns from and is measured on: photos, or what its frozen prefix makes of them.

use crate::error::During;
use crate::{Error, Features, FitConfig};
use marque_arch::NodeId;
use marque_data::{BadFile, Batch, Batches, Loader, Share};
use marque_torch::{Device, Kind, Start, Tensor, tensor_from_images};
use std::sync::Arc;
use std::time::Duration;

/// Labelled inputs of a network. A clone shares them with its original.
#[derive(Debug, Clone)]
pub enum Examples {
    /// Photos, read and changed anew for every epoch.
    Photos(Loader),
    /// Outputs of the network's frozen prefix for these photos, computed once.
    Features(Arc<Features>),
}

impl From<&Loader> for Examples {
    fn from(loader: &Loader) -> Self {
        Examples::Photos(loader.clone())
    }
}

impl From<Features> for Examples {
    fn from(features: Features) -> Self {
        Examples::Features(Arc::new(features))
    }
}

impl From<&Examples> for Examples {
    fn from(examples: &Examples) -> Self {
        examples.clone()
    }
}

/// The part of an epoch that is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    /// Batches of the epoch's plan that are left out at its beginning.
    pub(crate) planned: usize,
    /// What of each batch.
    pub(crate) share: Share,
}

impl Examples {
    /// The loader of the photos.
    pub fn loader(&self) -> &Loader {
        match self {
            Examples::Photos(loader) => loader,
            Examples::Features(features) => features.loader(),
        }
    }

    /// A share of all of them once, for measuring, on `device`.
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch).
    pub(crate) fn as_they_are(&self, share: Share, device: Device) -> Result<ExampleBatches, Error> {
        let part = Part { planned: 0, share };
        self.epoch(0, &FitConfig::default(), part, device)
    }

    /// A part of the batches of an epoch, on `device`. Those of which nothing falls to the share are there, too, without examples. With `views` photos are changed as in one of
    /// the epochs 1 to `views`, taken in turn; features have as many views, and the size, as were computed.
    ///
    /// # Errors
    /// [`Error::Data`] for a size that there is not.
    pub(crate) fn epoch(
        &self,
        epoch: u32,
        config: &FitConfig,
        Part { planned, share }: Part,
        device: Device,
    ) -> Result<ExampleBatches, Error> {
        let number = u64::from(epoch);
        let batches = match self {
            Examples::Photos(loader) => {
                let view = config
                    .views
                    .map_or(number, |views| view_of(number, u64::from(views)));
                let whole = loader.preprocess().image_size;
                let size = config
                    .resizing
                    .map_or(whole, |resizing| resizing.image_size(whole, epoch, config.epochs));
                let loader = loader.with_share(share);
                Source::Photos(if size == whole {
                    loader.epoch_from(number, view, planned)
                } else {
                    loader.with_image_size(size)?.epoch_from(number, view, planned)
                })
            }
            Examples::Features(features) => {
                let view = view_of(number, features.views() as u64);
                let plan = features.plan(number, view).into_iter().skip(planned);
                let shared = |batch: Vec<usize>| match share.is_whole() {
                    true => batch,
                    false => features.loader().share_of(&batch, share),
                };
                let plan = plan.map(shared).collect::<Vec<_>>().into_iter();
                Source::Features {
                    features: Arc::clone(features),
                    view,
                    plan,
                    planned,
                }
            }
        };
        Ok(ExampleBatches { batches, device })
    }
}

/// The view that an epoch looks at, where there are `views`, numbered from 1.
fn view_of(epoch: u64, views: u64) -> u64 {
    1 + epoch.saturating_sub(1) % views.max(1)
}

/// The batches of one epoch.
#[derive(Debug)]
pub(crate) struct ExampleBatches {
    batches: Source,
    device: Device,
}

#[derive(Debug)]
enum Source {
    Photos(Batches),
    Features {
        features: Arc<Features>,
        view: u64,
        plan: std::vec::IntoIter<Vec<usize>>,
        /// Batches of the plan that have been handed out.
        planned: usize,
    },
}

impl ExampleBatches {
    /// The time spent waiting for photos.
    pub(crate) fn waiting(&self) -> Duration {
        match &self.batches {
            Source::Photos(batches) => batches.waiting(),
            Source::Features { .. } => Duration::ZERO,
        }
    }

    /// Photos that were left out so far because they could not be read.
    pub(crate) fn skipped(&self) -> &[BadFile] {
        match &self.batches {
            Source::Photos(batches) => batches.skipped(),
            Source::Features { features, .. } => features.skipped(),
        }
    }

    /// Whether no batch is left.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.batches {
            Source::Photos(batches) => batches.is_finished(),
            Source::Features { plan, .. } => plan.len() == 0,
        }
    }

    /// Batches of the epoch's plan that have been handed out or came to nothing.
    pub(crate) fn planned(&self) -> usize {
        match &self.batches {
            Source::Photos(batches) => batches.planned(),
            Source::Features { planned, .. } => *planned,
        }
    }
}

impl Iterator for ExampleBatches {
    type Item = Result<ExampleBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.batches {
            Source::Photos(batches) => {
                let batch = batches.next()?;
                Some(
                    batch
                        .map_err(Error::from)
                        .and_then(|batch| ExampleBatch::of_photos(&batch, self.device)),
                )
            }
            Source::Features {
                features,
                view,
                plan,
                planned,
            } => {
                let indices = plan.next()?;
                *planned += 1;
                Some(if indices.is_empty() {
                    ExampleBatch::empty(self.device)
                } else {
                    features.batch(*view, indices, self.device)
                })
            }
        }
    }
}

/// Some labelled inputs on the network's device.
#[derive(Debug)]
pub(crate) struct ExampleBatch {
    pub(crate) input: Input,
    /// One class per example, as `i64`.
    pub(crate) labels: Tensor,
    /// Their positions among the loader's samples.
    pub(crate) indices: Vec<usize>,
}

/// What a pass starts from.
#[derive(Debug)]
pub(crate) enum Input {
    Images(Tensor),
    Outputs(Vec<(NodeId, Tensor)>),
}

impl Input {
    pub(crate) fn start(&self) -> Start<'_> {
        match self {
            Input::Images(images) => Start::Images(images),
            Input::Outputs(outputs) => Start::Outputs(outputs),
        }
    }
}

impl ExampleBatch {
    /// One of kept features of which nothing falls to this process.
    fn empty(device: Device) -> Result<Self, Error> {
        let nothing = Tensor::f_zeros([0], (Kind::Float, device)).during("an empty batch")?;
        Ok(Self {
            input: Input::Images(nothing),
            labels: labels(&[], device)?,
            indices: Vec::new(),
        })
    }

    pub(crate) fn of_photos(batch: &Batch, device: Device) -> Result<Self, Error> {
        let images = tensor_from_images(batch.images.view(), device)?;
        Ok(Self {
            input: Input::Images(images),
            labels: labels(&batch.labels, device)?,
            indices: batch.indices.clone(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

pub(crate) fn labels(labels: &[i64], device: Device) -> Result<Tensor, Error> {
    let labels = Tensor::f_from_slice(labels).and_then(|labels| labels.f_to_device(device));
    labels.during("the labels of a batch")
}
