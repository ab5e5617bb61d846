//! Synthetic cars as an image folder on disk.

use std::io;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{CLASS_NAMES, SyntheticCars};
use crate::Error;

/// JPEG quality in 1..=100: high enough that the noise of the photos hides the blocks.
const QUALITY: u8 = 90;

/// How many photos the parts of a written folder get, over all classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartCounts {
    /// Photos of the train part.
    pub train: u64,
    /// Photos of the test part.
    pub test: u64,
}

/// Writes the photos with the indexes 0..train to `root/train` and the `test` photos after them to `root/test`,
/// one folder per class, as JPEG files `<class>/<index>.jpg`.
///
/// The classes take turns, so their counts in a part differ by one photo at most. The photos are drawn in parallel
/// on rayon's current thread pool. Files of the same name are replaced, others are left alone: give every data set
/// a folder of its own.
///
/// # Errors
/// [`Error::Write`] with the path of the first file that could not be written.
pub fn write_folder(config: &SyntheticCars, counts: PartCounts, root: &Path) -> Result<(), Error> {
    let total = counts.train.saturating_add(counts.test);
    (0..total).into_par_iter().try_for_each(|index| {
        let part = if index < counts.train { "train" } else { "test" };
        let class = CLASS_NAMES[config.label(index)];
        let path = root.join(part).join(class).join(format!("{index:06}.jpg"));
        let photo = config.render(index);
        marque_fs::write_atomically(&path, |file| {
            JpegEncoder::new_with_quality(file, QUALITY).encode_image(&photo).map_err(io::Error::other)
        })
        .map_err(|source| Error::Write { path, source })
    })
}
