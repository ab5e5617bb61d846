//! Several looks at a photo that a network is asked about.

use marque_core::setting::{positive, require};
use marque_resize::Rectangle;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::pixels::Pixels;
use crate::preprocess::framed;
use crate::resample::resample;
use crate::scratch::Scratch;
use crate::{Error, ImageSize, Preprocess, SettingError};

/// The looks at a photo whose mean is an answer (test-time augmentation). The default is one: the photo as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestAugment {
    /// Whether each look is taken at the mirror image, too.
    pub mirrored: bool,
    /// Up to 16 factors on the sides of the image, each above 0, at most 4; `[1.0]` by default.
    pub scales: Vec<f64>,
    /// The share of each side that five parts of the photo have, its corners and its middle, in place of all of it (Krizhevsky et
    /// al. 2012), from 0.1 to 1; `None`, the default, for all of it.
    pub five_crop: Option<f64>,
}

impl Default for TestAugment {
    fn default() -> Self {
        TestAugment {
            mirrored: false,
            scales: vec![1.0],
            five_crop: None,
        }
    }
}

/// One look at a photo, mirror images aside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct View {
    /// What the photo, or the part of it, is brought to.
    pub image_size: ImageSize,
    part: Part,
}

/// A rectangle inside another, all numbers as shares of that one's sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Part {
    left: f64,
    top: f64,
    share: f64,
}

/// The largest factor on the sides of an image, and the most of them: each look takes the time of one, whoever wrote the model file.
const MAX_SCALE: f64 = 4.0;
const MAX_SCALES: usize = 16;
/// The smallest share of a side that is looked at.
const SMALLEST_CROP: f64 = 0.1;

impl TestAugment {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let found = || format!("{:?}", self.scales);
        let count = self.scales.len();
        let expected = format!("from 1 to {MAX_SCALES} of them");
        require("scales", (1..=MAX_SCALES).contains(&count), expected, count)?;
        for &scale in &self.scales {
            positive("scales", scale)?;
            require(
                "scales",
                scale <= MAX_SCALE,
                format!("at most {MAX_SCALE}"),
                found(),
            )?;
        }
        if let Some(share) = self.five_crop {
            let is_share = (SMALLEST_CROP..=1.0).contains(&share);
            require("five_crop", is_share, format!("from {SMALLEST_CROP} to 1"), share)?;
        }
        Ok(())
    }

    /// The looks, mirror images aside, where images have this size otherwise.
    ///
    /// ```
    /// use marque_data::{ImageSize, TestAugment};
    ///
    /// let augment = TestAugment { scales: vec![1.0, 1.25], five_crop: Some(0.875), ..TestAugment::default() };
    /// let views = augment.views(ImageSize { height: 160, width: 256 });
    /// assert_eq!(views.len(), 2 * 5);
    /// assert_eq!(views[9].image_size, ImageSize { height: 200, width: 320 });
    /// ```
    pub fn views(&self, image_size: ImageSize) -> Vec<View> {
        let sizes = self.scales.iter().map(|scale| {
            let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
            ImageSize {
                height: side(image_size.height),
                width: side(image_size.width),
            }
        });
        let parts: Vec<Part> = match self.five_crop {
            None => vec![Part {
                left: 0.0,
                top: 0.0,
                share: 1.0,
            }],
            Some(share) => {
                let rest = 1.0 - share;
                [
                    (0.0, 0.0),
                    (rest, 0.0),
                    (0.0, rest),
                    (rest, rest),
                    (rest / 2.0, rest / 2.0),
                ]
                .map(|(left, top)| Part { left, top, share })
                .to_vec()
            }
        };
        let views = sizes.flat_map(|image_size| parts.iter().map(move |&part| View { image_size, part }));
        views.collect()
    }
}

impl Preprocess {
    /// What a network sees of a photo in a view: brought to the size of the view and normalised, 3 × H × W, channels-last in memory.
    ///
    /// # Errors
    /// [`Error::NoPixels`] for a photo without pixels, [`Error::Setting`] for an image size out of range.
    ///
    /// ```
    /// use marque_data::{ImageSize, Pixels, Preprocess, TestAugment};
    ///
    /// let preprocess = Preprocess { image_size: ImageSize::square(4), mean: [0.0; 3], std: [1.0; 3], ..Preprocess::default() };
    /// let photo = [255; 4 * 30 * 20];
    /// let views = TestAugment::default().views(preprocess.image_size);
    /// let seen = preprocess.look(Pixels::rgba(&photo, 30, 20)?, &views[0])?;
    /// assert_eq!(seen, ndarray::Array3::<f32>::ones((3, 4, 4)));
    /// # Ok::<(), marque_data::Error>(())
    /// ```
    pub fn look<'a>(&self, photo: impl Into<Pixels<'a>>, view: &View) -> Result<Array3<f32>, Error> {
        let photo = photo.into();
        // Sides beyond 32 bits are no photo's: they are checked where pixels are taken.
        let crop = self.viewed((photo.width as u32, photo.height as u32), view)?;
        let mut resized = Scratch::with(|scratch| std::mem::take(&mut scratch.resized));
        Scratch::with(|scratch| resample(photo, crop, view.image_size, &mut scratch.resizer, &mut resized))?;
        let tensor = self.tensor(Pixels {
            bytes: &resized,
            width: view.image_size.width,
            height: view.image_size.height,
            is_wide: photo.is_wide,
        });
        Scratch::with(|scratch| scratch.resized = resized);
        Ok(tensor)
    }

    /// The rectangle of a photo of these dimensions that a view shows.
    pub(crate) fn viewed(&self, dimensions: (u32, u32), view: &View) -> Result<Rectangle, SettingError> {
        let own = self.with_image_size(view.image_size);
        let whole = framed(dimensions, own.image_size, own.resize)?;
        let Part { left, top, share } = view.part;
        Ok(Rectangle {
            left: whole.left + left * whole.width,
            top: whole.top + top * whole.height,
            width: whole.width * share,
            height: whole.height * share,
        })
    }
}

#[cfg(all(test, feature = "photos"))]
mod tests {
    use super::*;
    use crate::Resize;
    use image::RgbImage;

    fn photo() -> RgbImage {
        RgbImage::from_fn(64, 48, |x, y| {
            image::Rgb([4 * x as u8, 5 * y as u8, (x ^ y) as u8])
        })
    }

    #[test]
    fn one_look_at_the_whole_is_the_resized_photo() {
        let photo = photo();
        for resize in [
            Resize::Squash,
            Resize::Cover,
            Resize::CenterCrop { shorter_side: 20 },
        ] {
            let preprocess = Preprocess {
                image_size: ImageSize::square(16),
                resize,
                ..Preprocess::default()
            };
            let views = TestAugment::default().views(preprocess.image_size);
            assert_eq!(views.len(), 1);
            assert_eq!(
                preprocess.view(&photo, &views[0]).unwrap(),
                preprocess.resize_image(&photo).unwrap()
            );
        }
    }

    #[test]
    fn five_crops_are_the_corners_and_the_middle() {
        // Half of each side, brought to its own size: the pixels themselves.
        let preprocess = Preprocess {
            image_size: ImageSize {
                height: 24,
                width: 32,
            },
            ..Preprocess::default()
        };
        let augment = TestAugment {
            five_crop: Some(0.5),
            ..TestAugment::default()
        };
        let photo = photo();
        let found: Vec<RgbImage> = augment
            .views(preprocess.image_size)
            .iter()
            .map(|view| preprocess.view(&photo, view).unwrap())
            .collect();
        for (found, (left, top)) in found.iter().zip([(0, 0), (32, 0), (0, 24), (32, 24), (16, 12)]) {
            let expected = image::imageops::crop_imm(&photo, left, top, 32, 24).to_image();
            assert_eq!(*found, expected);
        }
    }

    #[test]
    fn looks_that_are_none_are_refused() {
        let with = |scales: &[f64], five_crop| TestAugment {
            scales: scales.to_vec(),
            five_crop,
            ..TestAugment::default()
        };
        for refused in [
            with(&[], None),
            with(&[0.0], None),
            with(&[1.0, f64::NAN], None),
            with(&[100.0], None),
            with(&[1.0; 17], None),
            with(&[1.0], Some(1e-9)),
            with(&[1.0], Some(0.0)),
            with(&[1.0], Some(1.5)),
        ] {
            assert!(refused.validate().is_err(), "{refused:?}");
        }
    }
}
