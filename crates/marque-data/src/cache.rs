//! Photos that a loader keeps between epochs.

mod file;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use image::RgbImage;
use serde::{Deserialize, Serialize};

pub(crate) use file::Kind;

use crate::{Error, Sample};
use file::Files;

/// Whether a loader keeps decoded photos between epochs.
///
/// They are kept as 8-bit pixels: at their final size, or at full size where random crops are taken from them, so that batches are the
/// same bits with a cache and without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// Every epoch reads and decodes every file anew. The default.
    #[default]
    None,
    /// In memory. When `max_bytes` of pixels are held, the rest is read anew each epoch. A photo changed on disk after the first
    /// epoch is not noticed.
    Memory {
        /// The most memory for pixels, in bytes.
        max_bytes: u64,
    },
    /// In files, for the epochs of this run and for other runs with the same photos, image size and decoder: a file for each photo,
    /// under a name that says what it was made of, its length and time of change included, so that a changed photo is read anew. Where
    /// random crops are taken, photos of more than 1.4 megapixels are not kept.
    ///
    /// A file is there whole or not at all, whenever a process ends, and several processes may share a folder. Each counts what it
    /// finds when it begins and what it writes itself. Files of other settings stay, and count: to make room, delete the folder.
    Files {
        /// Where they lie; made if it is not there.
        folder: PathBuf,
        /// The most bytes in the folder; what would exceed them is read anew each epoch.
        max_bytes: u64,
    },
}

/// What is kept of the samples of a loader. Which of them find room may depend on timing, what the loader makes of them does not.
pub(crate) enum PhotoCache {
    Off,
    Memory(Memory),
    Files(Files),
}

impl PhotoCache {
    /// A cache for so many samples; `kind` is what photos are kept as.
    ///
    /// # Errors
    /// [`Error::Write`] for a folder that takes no files, [`Error::Read`] for one that cannot be listed.
    pub(crate) fn new(cache: &Cache, samples: usize, kind: &Kind<'_>) -> Result<PhotoCache, Error> {
        Ok(match cache {
            Cache::None => PhotoCache::Off,
            &Cache::Memory { max_bytes } => PhotoCache::Memory(Memory {
                slots: (0..samples).map(|_| OnceLock::new()).collect(),
                bytes_left: AtomicU64::new(max_bytes),
            }),
            Cache::Files { folder, max_bytes } => PhotoCache::Files(Files::open(folder, *max_bytes, kind)?),
        })
    }

    /// Whether nothing is kept.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, PhotoCache::Off)
    }

    /// The photo of a sample, made by `make` if it is not held. Errors are not kept.
    pub(crate) fn get(
        &self,
        index: usize,
        sample: &Sample,
        make: impl FnOnce() -> Result<RgbImage, Error>,
    ) -> Result<Arc<RgbImage>, Error> {
        match self {
            PhotoCache::Off => make().map(Arc::new),
            PhotoCache::Memory(memory) => memory.get(index, make),
            PhotoCache::Files(files) => files.get(sample, make).map(Arc::new),
        }
    }
}

/// One slot per sample.
pub(crate) struct Memory {
    slots: Vec<OnceLock<Arc<RgbImage>>>,
    bytes_left: AtomicU64,
}

impl Memory {
    fn get(
        &self,
        index: usize,
        make: impl FnOnce() -> Result<RgbImage, Error>,
    ) -> Result<Arc<RgbImage>, Error> {
        let Some(slot) = self.slots.get(index) else {
            return make().map(Arc::new);
        };
        if let Some(image) = slot.get() {
            return Ok(Arc::clone(image));
        }
        let image = Arc::new(make()?);
        let bytes = image.as_raw().len() as u64;
        if reserve(&self.bytes_left, bytes) && slot.set(Arc::clone(&image)).is_err() {
            // Another thread was first: its copy stays.
            self.bytes_left.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(image)
    }
}

/// Takes so many bytes from what is left, if there are as many.
fn reserve(left: &AtomicU64, bytes: u64) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(bytes)
    });
    taken.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(slots: usize) -> Memory {
        Memory {
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            bytes_left: AtomicU64::new(30),
        }
    }

    #[test]
    fn holds_what_fits_and_makes_the_rest_anew() {
        // Each photo has 2 · 2 · 3 = 12 bytes.
        let cache = memory(3);
        let made = std::cell::Cell::new(0);
        let photo = |value| {
            made.set(made.get() + 1);
            Ok(RgbImage::from_pixel(2, 2, image::Rgb([value; 3])))
        };
        for _ in 0..3 {
            for index in 0..3 {
                let found = cache.get(index, || photo(index as u8)).unwrap();
                assert_eq!(found.get_pixel(1, 1).0, [index as u8; 3]);
            }
        }
        assert_eq!(made.get(), 2 + 3);
    }

    #[test]
    fn an_error_is_not_kept() {
        let cache = memory(1);
        cache.get(0, || Err(Error::NoSamples)).unwrap_err();
        cache.get(0, || Ok(RgbImage::new(1, 1))).unwrap();
    }
}
