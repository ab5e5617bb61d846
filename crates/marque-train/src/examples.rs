//! What a network learns from and is measured on: photos, or what its frozen prefix makes of them.

use crate::error::During;
use crate::{Error, Features};
use marque_arch::NodeId;
use marque_data::{BadFile, Batch, Batches, Loader};
use marque_torch::{Device, Start, Tensor, tensor_from_images};
use std::time::Duration;

/// Labelled inputs of a network.
#[derive(Debug, Clone, Copy)]
pub enum Examples<'a> {
    /// Photos, read and changed anew for every epoch.
    Photos(&'a Loader),
    /// Outputs of the network's frozen prefix for these photos, computed once.
    Features(&'a Features<'a>),
}

impl<'a> From<&'a Loader> for Examples<'a> {
    fn from(loader: &'a Loader) -> Self {
        Examples::Photos(loader)
    }
}

impl<'a> From<&'a Features<'a>> for Examples<'a> {
    fn from(features: &'a Features<'a>) -> Self {
        Examples::Features(features)
    }
}

impl<'a> Examples<'a> {
    /// The loader of the photos.
    pub fn loader(self) -> &'a Loader {
        match self {
            Examples::Photos(loader) => loader,
            Examples::Features(features) => features.loader(),
        }
    }

    /// The batches of an epoch, on `device`. With `views` photos are changed as in one of the epochs 1 to `views`, taken in
    /// turn; features have as many views as were computed.
    pub(crate) fn epoch(self, epoch: u64, views: Option<u32>, device: Device) -> ExampleBatches<'a> {
        let batches = match self {
            Examples::Photos(loader) => {
                let view = views.map_or(epoch, |views| view_of(epoch, u64::from(views)));
                Source::Photos(loader.epoch_of_view(epoch, view))
            }
            Examples::Features(features) => {
                let view = view_of(epoch, features.views() as u64);
                Source::Features {
                    features,
                    view,
                    plan: features.plan(epoch, view).into_iter(),
                }
            }
        };
        ExampleBatches { batches, device }
    }
}

/// The view that an epoch looks at, where there are `views`, numbered from 1.
fn view_of(epoch: u64, views: u64) -> u64 {
    1 + epoch.saturating_sub(1) % views.max(1)
}

/// The batches of one epoch.
pub(crate) struct ExampleBatches<'a> {
    batches: Source<'a>,
    device: Device,
}

enum Source<'a> {
    Photos(Batches),
    Features {
        features: &'a Features<'a>,
        view: u64,
        plan: std::vec::IntoIter<Vec<usize>>,
    },
}

impl ExampleBatches<'_> {
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
}

impl Iterator for ExampleBatches<'_> {
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
            Source::Features { features, view, plan } => {
                let indices = plan.next()?;
                Some(features.batch(*view, indices, self.device))
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
}

pub(crate) fn labels(labels: &[i64], device: Device) -> Result<Tensor, Error> {
    let labels = Tensor::f_from_slice(labels).and_then(|labels| labels.f_to_device(device));
    labels.during("the labels of a batch")
}
