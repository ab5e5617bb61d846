//! The frozen prefix of a network, computed once for every photo.
//!
//! Fine-tuning leaves the first layers as they are, so that their outputs for a photo are the same in every epoch. They are
//! computed once, in a few randomly changed views of each photo, and kept on the disk in half precision; training then
//! starts from them. A second run with the same weights, photos and settings finds them there.

mod job;
mod key;
mod part;
mod room;

use crate::Error;
use crate::examples::{ExampleBatch, Input, labels};
use crate::ranks::Ranks;
use job::Job;
use marque_data::{BadFile, Loader};
use marque_dist::{Alone, Group};
use marque_torch::{Device, Network};
use part::Part;
use std::path::PathBuf;
use std::sync::Arc;

/// Where features are kept, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureConfig {
    /// The folder; each set of features has a folder of its own in it, named by a hash of all that they depend on.
    pub folder: PathBuf,
    /// Randomly changed views of each photo: as in the epochs 1 to `views`. One is enough for photos that are not changed.
    pub views: u32,
    /// The most bytes that the features in `folder` take, those of earlier runs included, which are removed if need be. Where
    /// not all views fit, there will be fewer.
    pub max_bytes: u64,
}

/// How far the computation of features is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureProgress {
    /// Photos that are done, counted once for each view.
    pub done: usize,
    /// All photos in all views.
    pub total: usize,
}

/// Outputs of a network's frozen prefix for the photos of a loader.
#[derive(Debug)]
pub struct Features {
    loader: Loader,
    views: Vec<Vec<Part>>,
    skipped: Vec<BadFile>,
    reused: usize,
}

impl Features {
    /// Computes what is not on the disk yet and maps the files. `None` if the network has no frozen prefix, or not even one
    /// view fits into `max_bytes`.
    ///
    /// In a network of mixed precision the features are what the prefix gives, to the bit; otherwise they are rounded to
    /// IEEE 754 binary16 (11 significant bits).
    ///
    /// # Errors
    /// [`Error::Data`] if a photo cannot be read and the loader is to stop at it; [`Error::Weights`] and
    /// [`Error::FeatureFolder`] if the folder cannot be read or written; any error of `progress`.
    pub fn compute(
        network: &Network,
        loader: &Loader,
        config: &FeatureConfig,
        progress: &mut dyn FnMut(FeatureProgress) -> Result<(), Error>,
    ) -> Result<Option<Self>, Error> {
        Self::compute_in_group(network, loader, config, Arc::new(Alone), progress)
    }

    /// As [`compute`](Self::compute), by the processes of a group together: each computes its share of the photos, and all of them have all
    /// features. The folder is one that all of them share. If `progress` answers [`Error::Interrupted`] in one of them, all are
    /// interrupted a little later. What is told to `progress` is this process's own pace.
    ///
    /// # Errors
    /// As [`compute`](Self::compute), and [`Error::Group`].
    pub fn compute_in_group(
        network: &Network,
        loader: &Loader,
        config: &FeatureConfig,
        group: Arc<dyn Group>,
        progress: &mut dyn FnMut(FeatureProgress) -> Result<(), Error>,
    ) -> Result<Option<Self>, Error> {
        let ranks = Ranks::of(group)?;
        let Some(prefix) = network.frozen_prefix() else {
            return Ok(None);
        };
        // One name for all, whatever the numbers of their devices.
        let key = match ranks.is_first() {
            true => key::key(network, loader, &prefix)?,
            false => String::new(),
        };
        let key = ranks.gathered(key)?.into_iter().next().unwrap_or_default();
        let folder = config.folder.join(&key);
        let mut job = Job::new((network, &prefix), loader, &ranks, folder);
        let bytes_per_view = job.bytes_per_view()?;
        let fitting = config.max_bytes / bytes_per_view.max(1);
        let views = u64::from(config.views.max(1)).min(fitting);
        if views == 0 {
            return Ok(None);
        }
        if ranks.is_first() {
            let room = room::make_room(&config.folder, &key, views * bytes_per_view, config.max_bytes);
            room.map_err(|source| Error::FeatureFolder {
                folder: config.folder.clone(),
                source,
            })?;
        }
        let mut all = Vec::with_capacity(views as usize);
        let total = views as usize * loader.len();
        for view in 1..=views {
            let mut report = |photos: usize| {
                let done = (view as usize - 1) * loader.len() + photos;
                progress(FeatureProgress { done, total })
            };
            all.push(job.view(view, &mut report)?);
            report(loader.len())?;
        }
        Ok(Some(Self {
            loader: loader.clone(),
            views: all,
            reused: job.reused,
            skipped: job.skipped,
        }))
    }

    /// The loader of the photos.
    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// How many views there are of each photo.
    pub fn views(&self) -> usize {
        self.views.len()
    }

    /// How many of the views were found on the disk.
    pub fn reused(&self) -> usize {
        self.reused
    }

    /// Photos that could not be read. Known only where features were computed, not where they were found.
    pub fn skipped(&self) -> &[BadFile] {
        &self.skipped
    }

    /// The samples of each batch of an epoch in a view, numbered from 1: as the loader plans them, without photos that could
    /// not be read, and with those that are left alone where the loader's batches would have them.
    pub(crate) fn plan(&self, epoch: u64, view: u64) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let joins_leftovers = self.loader.config().joins_leftovers();
        for mut batch in self.loader.plan(epoch) {
            batch.retain(|&index| self.row(view, index).is_some());
            match batches.last_mut() {
                _ if batch.is_empty() => {}
                Some(last) if joins_leftovers && (last.len() < 2 || batch.len() < 2) => {
                    last.append(&mut batch)
                }
                _ => batches.push(batch),
            }
        }
        batches
    }

    fn row(&self, view: u64, index: usize) -> Option<(&Part, usize)> {
        let parts = &self.views[(view as usize).saturating_sub(1) % self.views.len()];
        let part = parts.get(index / part::PHOTOS)?;
        Some((part, part.row(index % part::PHOTOS)?))
    }

    /// The features of a batch of a [`plan`](Self::plan).
    pub(crate) fn batch(
        &self,
        view: u64,
        indices: Vec<usize>,
        device: Device,
    ) -> Result<ExampleBatch, Error> {
        let rows: Vec<(&Part, usize)> = indices
            .iter()
            .filter_map(|&index| self.row(view, index))
            .collect();
        let samples = self.loader.samples();
        let classes: Vec<i64> = indices.iter().map(|&index| samples[index].label as i64).collect();
        Ok(ExampleBatch {
            input: Input::Outputs(part::gather(&rows, device)?),
            labels: labels(&classes, device)?,
            indices,
        })
    }
}
