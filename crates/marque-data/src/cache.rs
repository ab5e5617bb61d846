use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Whether a loader keeps decoded photos between epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// Every epoch reads and decodes every file anew. The default.
    #[default]
    None,
    /// Photos are kept as 8-bit pixels: at their final size, or at full size where random crops are taken from them.
    /// When `max_bytes` of pixels are held, the rest is read anew each epoch. A photo changed on disk after the first
    /// epoch is not noticed.
    Memory {
        /// The most memory for pixels, in bytes.
        max_bytes: u64,
    },
}

/// One slot per sample. Which samples find room may depend on timing, what the loader makes of them does not.
pub(crate) struct PhotoCache {
    slots: Vec<OnceLock<Arc<RgbImage>>>,
    bytes_left: AtomicU64,
}

impl PhotoCache {
    pub(crate) fn new(cache: Cache, samples: usize) -> PhotoCache {
        let (slots, max_bytes) = match cache {
            Cache::None => (0, 0),
            Cache::Memory { max_bytes } => (samples, max_bytes),
        };
        PhotoCache {
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            bytes_left: AtomicU64::new(max_bytes),
        }
    }

    /// The photo of a sample, made by `make` if it is not held. Errors are not kept.
    pub(crate) fn get(
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
        let reserved = self
            .bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if reserved.is_ok() && slot.set(Arc::clone(&image)).is_err() {
            // Another thread was first: its copy stays.
            self.bytes_left.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_fits_and_makes_the_rest_anew() {
        // Each photo has 2 · 2 · 3 = 12 bytes.
        let cache = PhotoCache::new(Cache::Memory { max_bytes: 30 }, 3);
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
        let cache = PhotoCache::new(Cache::Memory { max_bytes: 30 }, 1);
        cache.get(0, || Err(Error::NoSamples)).unwrap_err();
        cache.get(0, || Ok(RgbImage::new(1, 1))).unwrap();
    }
}
