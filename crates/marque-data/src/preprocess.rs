//! What is done to a photo before a network sees it.

use marque_core::setting::require;
use marque_resize::Rectangle;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::look_up::LookUp;
use crate::pixels::Pixels;
use crate::scratch::Scratch;
use crate::{ImageSize, SettingError, wide};

/// Per-channel mean of ImageNet's training photos (R, G, B; samples from 0 to 1), as torchvision's weights expect it.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Per-channel standard deviation that goes with [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a photo of any size and proportions gets those of the network's input.
///
/// All resample with a triangle filter that widens when shrinking (antialiasing): Pillow's `resize(…, BILINEAR)`, to
/// within one level of 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// The whole photo, its sides scaled independently. Nothing is lost, shapes are distorted.
    #[default]
    Squash,
    /// The shorter side is scaled to `shorter_side` px and the middle is cut out: torchvision's
    /// `Resize(shorter_side)` and `CenterCrop(image_size)`, with their rounding. Shapes are kept, edges are lost.
    CenterCrop {
        /// Length of the photo's shorter side before cutting, in px; at least the longer side of the image size.
        /// 256 goes with 224.
        shorter_side: usize,
    },
    /// The largest rectangle of the result's proportions in the middle of the photo is scaled, without rounding it to
    /// whole pixels. Shapes are kept, edges are lost, but no more of them than must be.
    Cover,
}

/// Everything that is done to a photo before a network sees it: part of every trained model.
///
/// A sample `x` (0 to 255) of channel `c` becomes `(x / 255 − mean[c]) / std[c]`.
///
/// "Subtract the channel mean of the training photos, divide by 255" is `mean` = that mean divided by 255 and `std` = 1.
///
/// ```
/// use marque_data::{ImageSize, Preprocess, Resize};
///
/// let preprocess = Preprocess {
///     image_size: ImageSize { height: 2, width: 3 },
///     resize: Resize::Squash,
///     mean: [0.5; 3],
///     std: [0.25; 3],
///     scaled_decoding: None,
/// };
/// let white = image::RgbImage::from_pixel(3, 2, image::Rgb([255; 3]));
/// let tensor = preprocess.tensor(&white);
/// assert_eq!(tensor.shape(), [3, 2, 3]);
/// assert!(tensor.iter().all(|&value| value == 2.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Height and width of the result, in px. Stored as one number, it is a square.
    pub image_size: ImageSize,
    /// How the photo gets that size.
    pub resize: Resize,
    /// What is subtracted from each channel (R, G, B) of samples from 0 to 1.
    pub mean: [f32; 3],
    /// What each channel is divided by after that.
    pub std: [f32; 3],
    /// Decodes a JPEG to a half, a quarter or an eighth of its sides where what is looked at has this many times the width and the
    /// height of `image_size` then, from 1 to 64: much faster for photos of megapixels. With 3 samples differ by a few levels at most
    /// from those of the whole photo, with 2 more. `None`, the default, decodes all of every photo.
    ///
    /// It holds wherever marque reads the file itself: [`Loader`](crate::Loader), [`load`](Self::load) and
    /// [`read_image`](Self::read_image), in training and test alike. Pixels that are given are taken as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled_decoding: Option<f32>,
}

impl Default for Preprocess {
    /// 224×224 px, squashed, with the statistics of ImageNet: what published weights expect.
    fn default() -> Self {
        Preprocess {
            image_size: ImageSize::square(224),
            resize: Resize::Squash,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            scaled_decoding: None,
        }
    }
}

/// The longest side of an image size that is accepted, in px.
pub const MAX_IMAGE_SIZE_PX: usize = 4096;
/// The largest factor of `scaled_decoding`.
const MAX_FACTOR: f32 = 64.0;

impl Preprocess {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`] if a side of the image size is 0 or above [`MAX_IMAGE_SIZE_PX`], the `shorter_side` of
    /// [`Resize::CenterCrop`] is below the longer of the two, a mean or standard deviation is not finite or the
    /// latter not positive, or the factor of `scaled_decoding` is out of its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        validate_size(self.image_size, self.resize)?;
        let [mean, std] = [self.mean, self.std].map(|values| format!("{values:?}"));
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        require("mean", finite, "three finite numbers", mean)?;
        let positive = self.std.iter().all(|&std| std > 0.0 && std.is_finite());
        require("std", positive, "three positive numbers", std)?;
        match self.scaled_decoding {
            Some(factor) => {
                let sound = (1.0..=MAX_FACTOR).contains(&factor);
                require(
                    "scaled_decoding",
                    sound,
                    format!("from 1 to {MAX_FACTOR}"),
                    factor,
                )
            }
            None => Ok(()),
        }
    }

    /// The same with another size: a middle that was cut out stays the same part of the photo.
    pub fn with_image_size(&self, image_size: ImageSize) -> Self {
        let longer = |size: ImageSize| size.height.max(size.width);
        let resize = match self.resize {
            Resize::CenterCrop { shorter_side } => {
                let scale = longer(image_size) as f64 / longer(self.image_size).max(1) as f64;
                let scaled = (shorter_side as f64 * scale).round() as usize;
                Resize::CenterCrop {
                    shorter_side: scaled.max(longer(image_size)),
                }
            }
            other => other,
        };
        Preprocess {
            image_size,
            resize,
            ..self.clone()
        }
    }

    /// The normalised numbers of an image, 3 × H × W. The image has its final size already.
    ///
    /// In memory the channels of a pixel lie side by side (channels-last), as in the image.
    pub fn tensor<'a>(&self, image: impl Into<Pixels<'a>>) -> Array3<f32> {
        let image = image.into();
        let mut pixels = Array3::zeros((image.height, image.width, 3));
        if let Some(out) = pixels.as_slice_mut() {
            Scratch::with(|scratch| {
                wide::run(LookUp {
                    pixels: image,
                    tables: scratch.tables.of(self),
                    moved: None,
                    out,
                });
            });
        }
        pixels.permuted_axes([2, 0, 1])
    }
}

pub(crate) fn validate_size(image_size: ImageSize, resize: Resize) -> Result<(), SettingError> {
    dimensions(image_size)?;
    if let Resize::CenterCrop { shorter_side } = resize {
        let longer = image_size.height.max(image_size.width);
        let expected = format!("{longer} (the longer side of the image size) to {MAX_IMAGE_SIZE_PX} px");
        let sound = (longer..=MAX_IMAGE_SIZE_PX).contains(&shorter_side);
        require("resize.shorter_side", sound, expected, shorter_side)?;
    }
    Ok(())
}

/// Width and height of an image size that is accepted, as the `image` crate counts them.
pub(crate) fn dimensions(image_size: ImageSize) -> Result<(u32, u32), SettingError> {
    let side = |length: usize| match length {
        1..=MAX_IMAGE_SIZE_PX => u32::try_from(length).ok(),
        _ => None,
    };
    let sides = side(image_size.width).zip(side(image_size.height));
    sides.ok_or_else(|| {
        let expected = format!("sides of 1 to {MAX_IMAGE_SIZE_PX} px");
        SettingError::new("image_size", expected, image_size)
    })
}

/// The rectangle of a photo of these dimensions that becomes the image.
pub(crate) fn framed(
    (width, height): (u32, u32),
    image_size: ImageSize,
    resize: Resize,
) -> Result<Rectangle, SettingError> {
    validate_size(image_size, resize)?;
    Ok(match resize {
        Resize::Squash => Rectangle {
            left: 0.0,
            top: 0.0,
            width: f64::from(width),
            height: f64::from(height),
        },
        Resize::CenterCrop { shorter_side } => centre_crop((width, height), image_size, shorter_side),
        Resize::Cover => covering_crop((width, height), image_size),
    })
}

/// The rectangle of the photo that torchvision's Resize and CenterCrop leave.
///
/// Cutting it out while resampling gives the same pixels as resizing all of the photo and cutting then, without the
/// memory that the latter would need for a very long photo.
fn centre_crop((width, height): (u32, u32), image_size: ImageSize, shorter_side: usize) -> Rectangle {
    let scaled =
        |long: u32, short: u32| (shorter_side as u64 * u64::from(long) / u64::from(short.max(1))) as f64;
    let side = shorter_side as f64;
    let (scaled_width, scaled_height) = if width <= height {
        (side, scaled(height, width))
    } else {
        (scaled(width, height), side)
    };
    let cut = |scaled: f64, length: u32, target: usize| {
        let margin = ((scaled - target as f64) / 2.0).round_ties_even();
        let ratio = f64::from(length) / scaled;
        let start = margin * ratio;
        (start, (target as f64 * ratio).min(f64::from(length) - start))
    };
    let (left, crop_width) = cut(scaled_width, width, image_size.width);
    let (top, crop_height) = cut(scaled_height, height, image_size.height);
    Rectangle {
        left,
        top,
        width: crop_width,
        height: crop_height,
    }
}

/// The largest rectangle of the proportions of `image_size` in the middle of a photo.
fn covering_crop((width, height): (u32, u32), image_size: ImageSize) -> Rectangle {
    // Both sides of the comparison are whole numbers below 2⁵³, so that a photo of these proportions stays whole.
    let wide = f64::from(width) * image_size.height as f64;
    let high = f64::from(height) * image_size.width as f64;
    let (crop_width, crop_height) = if wide > high {
        (high / image_size.height as f64, f64::from(height))
    } else {
        (f64::from(width), wide / image_size.width as f64)
    };
    let centred = |length: u32, cut: f64| {
        let start = (f64::from(length) - cut) / 2.0;
        (start, cut.min(f64::from(length) - start))
    };
    let (left, width) = centred(width, crop_width);
    let (top, height) = centred(height, crop_height);
    Rectangle {
        left,
        top,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_a_square_is_the_centre_crop_of_its_side_up_to_rounding() {
        for (width, height) in [
            (60, 40),
            (40, 60),
            (37, 37),
            (1, 1),
            (501, 300),
            (31, 97),
            (4000, 3),
        ] {
            for side in [1_u32, 16, 31, 224] {
                let size = ImageSize::square(side as usize);
                let cover = covering_crop((width, height), size);
                let centre = centre_crop((width, height), size, size.height);
                // torchvision rounds the longer side down to a whole pixel of the result, and the margin to one: half
                // a pixel for each of the two, of pixels that the rounding down makes larger.
                let (shorter, longer) = (width.min(height), width.max(height));
                let scaled = f64::from(side * longer) / f64::from(shorter);
                let bound = if width == height {
                    0.0
                } else {
                    f64::from(shorter) / f64::from(side) * scaled / scaled.floor()
                };
                for (found, expected) in [
                    (cover.left, centre.left),
                    (cover.top, centre.top),
                    (cover.left + cover.width, centre.left + centre.width),
                    (cover.top + cover.height, centre.top + centre.height),
                ] {
                    let difference = (found - expected).abs();
                    assert!(
                        difference <= bound + 1e-9,
                        "{width}×{height} to {side}: {difference}"
                    );
                }
            }
        }
    }

    #[test]
    fn covering_keeps_the_proportions_and_loses_one_pair_of_edges_at_most() {
        let image_size = ImageSize {
            height: 160,
            width: 256,
        };
        for width in 1..60 {
            for height in 1..60 {
                let crop = covering_crop((width, height), image_size);
                assert!((crop.width / crop.height - 1.6).abs() < 1e-9);
                assert!(crop.width == f64::from(width) || crop.height == f64::from(height));
                for (start, cut, length) in [(crop.left, crop.width, width), (crop.top, crop.height, height)]
                {
                    assert!(start >= 0.0 && start + cut <= f64::from(length));
                    assert!((2.0 * start + cut - f64::from(length)).abs() < 1e-9);
                }
            }
        }
        // A photo of these proportions stays whole.
        let whole = Rectangle {
            left: 0.0,
            top: 0.0,
            width: 800.0,
            height: 500.0,
        };
        assert_eq!(covering_crop((800, 500), image_size), whole);
    }
}
