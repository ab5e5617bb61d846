//! Synthetic cars as an image folder on disk.

use std::io;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CLASS_NAMES, Error, SyntheticCars};

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
/// [`Error::ImageSize`] if the size of the photos is not one that can be drawn, [`Error::Write`] with the path of a
/// file that could not be written.
pub fn write_folder(config: &SyntheticCars, counts: PartCounts, root: &Path) -> Result<(), Error> {
    config.validate()?;
    let total = counts.train.saturating_add(counts.test);
    (0..total).into_par_iter().try_for_each(|index| {
        let part = if index < counts.train { "train" } else { "test" };
        let class = CLASS_NAMES[config.label(index)];
        let path = root.join(part).join(class).join(format!("{index:06}.jpg"));
        let photo = config.render(index);
        marque_fs::write_atomically(&path, |file| {
            JpegEncoder::new_with_quality(file, QUALITY)
                .encode_image(&photo)
                .map_err(io::Error::other)
        })
        .map_err(|source| Error::Write { path, source })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_class_equally_often() {
        let folder = tempfile::tempdir().unwrap();
        let cars = SyntheticCars {
            image_size: (48, 32),
            ..SyntheticCars::default()
        };
        write_folder(&cars, PartCounts { train: 21, test: 14 }, folder.path()).unwrap();
        for (part, first, per_class) in [("train", 0, 3), ("test", 21, 2)] {
            for (label, class) in CLASS_NAMES.iter().enumerate() {
                let class_folder = folder.path().join(part).join(class);
                assert_eq!(
                    std::fs::read_dir(&class_folder).unwrap().count(),
                    per_class,
                    "{part} {class}"
                );
                let index = first + label as u64;
                let photo = marque_data::decode(&class_folder.join(format!("{index:06}.jpg"))).unwrap();
                assert!(
                    mean_difference(&photo, &cars.render(index)) < 6.0,
                    "{part} {class}"
                );
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    /// The mean difference of two photos of one size, in levels of 0..=255. JPEG at this quality loses about 3
    /// levels of the noise; two different photos are tens of levels apart.
    fn mean_difference(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
        assert_eq!(a.dimensions(), b.dimensions());
        let sum: u64 = a
            .as_raw()
            .iter()
            .zip(b.as_raw())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        sum as f64 / a.as_raw().len() as f64
    }

    #[test]
    fn a_file_in_the_way_is_an_error_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train"), "not a folder").unwrap();
        let cars = SyntheticCars {
            image_size: (8, 8),
            ..SyntheticCars::default()
        };
        let error = write_folder(&cars, PartCounts { train: 1, test: 0 }, folder.path()).unwrap_err();
        let expected = folder.path().join("train").join("Convertible").join("000000.jpg");
        assert!(
            matches!(&error, Error::Write { path, .. } if *path == expected),
            "{error}"
        );
    }

    #[test]
    fn a_size_that_cannot_be_drawn_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cars = SyntheticCars {
            image_size: (0, 8),
            ..SyntheticCars::default()
        };
        let error = write_folder(&cars, PartCounts { train: 1, test: 0 }, folder.path()).unwrap_err();
        assert!(matches!(error, Error::ImageSize { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
