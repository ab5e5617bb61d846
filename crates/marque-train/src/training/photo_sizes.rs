//! Photos as they were when a training began.

use crate::Error;
use marque_core::ContentHash;
use marque_data::{BadFile, Loader, Order, Sample};
use rayon::prelude::*;
use std::path::Path;
use std::sync::OnceLock;

/// The sizes of a loader's photos in bytes. A photo that changes while a network is trained on it makes a run that nothing can
/// repeat, and a folder that is gone must not pass for one full of bad photos.
#[derive(Debug)]
pub(super) struct PhotoSizes {
    loader: Loader,
    /// `None` for a photo that was not there.
    bytes: Vec<Option<u64>>,
    /// Positions of the photos, sorted by path, as soon as one is asked for.
    by_path: OnceLock<Vec<u32>>,
}

impl PhotoSizes {
    pub(super) fn of(loader: &Loader) -> Self {
        Self {
            bytes: loader.samples().par_iter().map(size).collect(),
            loader: loader.clone(),
            by_path: OnceLock::new(),
        }
    }

    /// Hash of the photos and of everything that decides what a loader's batches hold. Where the photos' folder lies does not
    /// matter.
    pub(super) fn hash(&self) -> Result<String, Error> {
        let mut hash = ContentHash::new();
        let config = self.loader.config();
        hash.value(self.loader.preprocess())?;
        hash.value(self.loader.augment())?;
        hash.value(&(
            config.batch_size,
            config.order,
            config.seed,
            config.bad_files,
            config.last_batch,
        ))?;
        for (sample, size) in self.loader.samples().iter().zip(&self.bytes) {
            let name = sample.path.file_name().unwrap_or_default();
            hash.bytes(name.as_encoded_bytes());
            hash.value(&(sample.label, size))?;
            if config.order == Order::Weighted {
                hash.value(&sample.weight.to_bits())?;
            }
        }
        Ok(hash.finish())
    }

    /// Whether all photos are what they were.
    ///
    /// # Errors
    /// [`Error::PhotoChanged`] with the first that is not.
    pub(super) fn check(&self) -> Result<(), Error> {
        let photos = self.loader.samples().par_iter().zip(&self.bytes);
        let changed = photos.find_map_first(|(sample, &before)| compare(sample, before).err());
        changed.map_or(Ok(()), Err)
    }

    /// Whether these photos, which could not be read, are what they were.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(super) fn check_skipped(&self, skipped: &[BadFile]) -> Result<(), Error> {
        for file in skipped {
            if let Some(position) = self.position(&file.path) {
                compare(&self.loader.samples()[position], self.bytes[position])?;
            }
        }
        Ok(())
    }

    fn position(&self, path: &Path) -> Option<usize> {
        // Bytewise, which is many times as fast as component by component.
        let path_at = |&position: &u32| self.loader.samples()[position as usize].path.as_os_str();
        let by_path = self.by_path.get_or_init(|| {
            let mut positions: Vec<u32> = (0..self.bytes.len() as u32).collect();
            positions.par_sort_unstable_by(|one, other| path_at(one).cmp(path_at(other)));
            positions
        });
        let place = by_path
            .binary_search_by(|position| path_at(position).cmp(path.as_os_str()))
            .ok()?;
        Some(by_path[place] as usize)
    }
}

fn size(sample: &Sample) -> Option<u64> {
    sample.state().map(|state| state.bytes)
}

fn compare(sample: &Sample, before: Option<u64>) -> Result<(), Error> {
    let found = size(sample);
    if found == before {
        return Ok(());
    }
    let shown =
        |bytes: Option<u64>| bytes.map_or("not there".to_owned(), |bytes| format!("of {bytes} bytes"));
    Err(Error::PhotoChanged {
        path: sample.path.clone(),
        expected: shown(before),
        found: shown(found),
    })
}
