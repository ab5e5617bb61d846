//! Random changes of the training photos.
//!
//! Planning is apart from doing: [`Augment::plan`] draws all that is random for one sample of one epoch, as a pure
//! function of (seed, epoch, index), and the plan is then carried out on the pixels. The order is: crop or resize,
//! transforms, shift, flip, colour, normalisation, erasing.

use marque_core::setting::{Within, fraction, not_negative, positive_range, require};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::random::{Purpose, stream, uniform, uniform_between};
use crate::rectangle::{RectanglePlan, Tries};
use crate::transform::{Operation, Transform};

/// How photos are changed at random. Everything that is off by [`Augment::none`] leaves the pixels as they are.
///
/// ```
/// use marque_data::{Augment, CropRange};
///
/// let augment = Augment {
///     horizontal_flip: 0.5,
///     random_resized_crop: Some(CropRange { area: (0.5, 1.0), aspect: (0.75, 4.0 / 3.0) }),
///     ..Augment::none()
/// };
/// // The same seed, epoch and photo: the same change.
/// assert_eq!(augment.plan(42, 3, 7), augment.plan(42, 3, 7));
/// assert_ne!(augment.plan(42, 3, 7), augment.plan(42, 4, 7));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Largest shift to the left or right, as a fraction of the width (0 to 1). The shift is uniform, not rounded to
    /// whole pixels, interpolated linearly, and what comes in at the edge repeats the last pixel: Keras's
    /// `ImageDataGenerator(width_shift_range=…, fill_mode="nearest")`.
    pub width_shift: f32,
    /// Largest shift up or down, as a fraction of the height (0 to 1).
    pub height_shift: f32,
    /// Probability of mirroring left to right (0 to 1).
    pub horizontal_flip: f32,
    /// A random rectangle of the photo in place of all of it.
    pub random_resized_crop: Option<CropRange>,
    /// What is done to the cropped or resized photo, one after the other: up to 255 transforms.
    pub transforms: Vec<Transform>,
    /// Random brightness, contrast and saturation.
    pub color_jitter: Option<ColorJitter>,
    /// A random rectangle of the result set to the mean.
    pub random_erasing: Option<RandomErasing>,
}

/// What [`Augment::random_resized_crop`] cuts out, by the rule of torchvision's `RandomResizedCrop` (Szegedy et al. 2014,
/// arXiv:1409.4842): ten tries at a rectangle that fits, then the largest one in the middle of an allowed shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CropRange {
    /// Smallest and largest area as a fraction of the photo's (above 0, at most 1).
    pub area: (f32, f32),
    /// Smallest and largest width ÷ height of the rectangle in the photo, relative to that of the result, drawn
    /// uniformly by logarithm: 1 leaves shapes as they are. For a square result this is torchvision's `ratio`.
    pub aspect: (f32, f32),
}

/// Random colours, as torchvision's `ColorJitter`, in the fixed order brightness, contrast, saturation.
///
/// Each factor is uniform in `max(0, 1 − x)` to `1 + x`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Half-width of the range of the factor on all samples (0 and up).
    pub brightness: f32,
    /// Half-width of the range of the factor on the distance from the mean grey.
    pub contrast: f32,
    /// Half-width of the range of the factor on the distance from a pixel's own grey.
    pub saturation: f32,
}

/// Random erasing (Zhong et al. 2017, arXiv:1708.04896): a rectangle is set to 0 after normalisation, the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomErasing {
    /// Probability of erasing (0 to 1).
    pub probability: f32,
    /// Smallest and largest area as a fraction of the image's (above 0, at most 1).
    pub area: (f32, f32),
    /// Smallest and largest width ÷ height, drawn uniformly by logarithm.
    pub aspect: (f32, f32),
}

/// torchvision's: areas from 0.08 to all, proportions from 3:4 to 4:3.
impl Default for CropRange {
    fn default() -> Self {
        CropRange {
            area: (0.08, 1.0),
            aspect: (0.75, 4.0 / 3.0),
        }
    }
}

/// torchvision's: half of the photos, areas from 0.02 to 0.33, proportions from 0.3 to 3.3.
impl Default for RandomErasing {
    fn default() -> Self {
        RandomErasing {
            probability: 0.5,
            area: (0.02, 0.33),
            aspect: (0.3, 3.3),
        }
    }
}

impl Augment {
    /// No change at all: for validation and test photos.
    pub fn none() -> Augment {
        Augment::default()
    }

    /// The subject's: shifts of up to a tenth of the width and height, mirrored half of the time.
    pub fn subject() -> Augment {
        Augment {
            width_shift: 0.1,
            height_shift: 0.1,
            horizontal_flip: 0.5,
            ..Augment::none()
        }
    }

    /// For training from scratch on few photos: crops of a quarter of the photo and up, mirroring, colours, and erasing
    /// a quarter of the time.
    pub fn strong() -> Augment {
        Augment {
            horizontal_flip: 0.5,
            random_resized_crop: Some(CropRange {
                area: (0.25, 1.0),
                aspect: (0.75, 4.0 / 3.0),
            }),
            color_jitter: Some(ColorJitter {
                brightness: 0.4,
                contrast: 0.4,
                saturation: 0.4,
            }),
            random_erasing: Some(RandomErasing {
                probability: 0.25,
                area: (0.02, 0.2),
                aspect: (0.3, 3.3),
            }),
            ..Augment::none()
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingError> {
        fraction("width_shift", self.width_shift)?;
        fraction("height_shift", self.height_shift)?;
        fraction("horizontal_flip", self.horizontal_flip)?;
        if let Some(crop) = self.random_resized_crop {
            validate_rectangle(crop.area, crop.aspect).within("random_resized_crop")?;
        }
        if let Some(jitter) = self.color_jitter {
            for (setting, value) in [
                ("brightness", jitter.brightness),
                ("contrast", jitter.contrast),
                ("saturation", jitter.saturation),
            ] {
                not_negative(setting, value).within("color_jitter")?;
            }
        }
        if let Some(erasing) = self.random_erasing {
            fraction("probability", erasing.probability).within("random_erasing")?;
            validate_rectangle(erasing.area, erasing.aspect).within("random_erasing")?;
        }
        let most = usize::from(u8::MAX);
        let count = self.transforms.len();
        require("transforms", count <= most, format!("at most {most}"), count)?;
        for transform in &self.transforms {
            transform.validate().within("transforms")?;
        }
        Ok(())
    }

    /// Draws what happens to sample `index` in `epoch`: a pure function of its arguments.
    ///
    /// ```
    /// use marque_data::Augment;
    ///
    /// let augment = Augment::subject();
    /// assert_eq!(augment.plan(42, 1, 7), augment.plan(42, 1, 7));
    /// assert_ne!(augment.plan(42, 1, 7), augment.plan(42, 2, 7));
    /// assert_eq!(Augment::none().plan(42, 1, 7), Default::default());
    /// ```
    pub fn plan(&self, seed: u64, epoch: u64, index: u64) -> AugmentPlan {
        let mut rng = stream(seed, epoch, index, Purpose::Augment);
        // Everything is drawn whether it is switched on or not, so that switching one thing on leaves the others as
        // they were.
        let row_shift = uniform_between(&mut rng, -1.0, 1.0) * self.height_shift;
        let column_shift = uniform_between(&mut rng, -1.0, 1.0) * self.width_shift;
        let horizontal_flip = uniform(&mut rng) < self.horizontal_flip;
        let crop: Tries = std::array::from_fn(|_| std::array::from_fn(|_| uniform(&mut rng)));
        let factors: [f32; 3] = std::array::from_fn(|_| uniform_between(&mut rng, -1.0, 1.0));
        let erase = uniform(&mut rng);
        let erasing: Tries = std::array::from_fn(|_| std::array::from_fn(|_| uniform(&mut rng)));
        let factor = |half_width: f32, drawn: f32| {
            let low = (1.0 - half_width).max(0.0);
            low + (1.0 + half_width - low) * (drawn + 1.0) / 2.0
        };
        AugmentPlan {
            // Adding zero turns −0 into 0.
            row_shift: row_shift + 0.0,
            column_shift: column_shift + 0.0,
            horizontal_flip,
            crop: self.random_resized_crop.map(|range| RectanglePlan {
                area: range.area,
                aspect: range.aspect,
                tries: crop,
            }),
            color: self.color_jitter.map(|jitter| ColorPlan {
                brightness: factor(jitter.brightness, factors[0]),
                contrast: factor(jitter.contrast, factors[1]),
                saturation: factor(jitter.saturation, factors[2]),
            }),
            operations: (0..=u8::MAX)
                .zip(&self.transforms)
                .flat_map(|(place, transform)| {
                    transform.plan(&mut stream(seed, epoch, index, Purpose::Transform(place)))
                })
                .collect(),
            erasing: self
                .random_erasing
                .filter(|range| erase < range.probability)
                .map(|range| RectanglePlan {
                    area: range.area,
                    aspect: range.aspect,
                    tries: erasing,
                }),
        }
    }
}

/// Checks the ranges that rectangles are drawn from: areas are fractions of the whole.
fn validate_rectangle(area: (f32, f32), aspect: (f32, f32)) -> Result<(), SettingError> {
    positive_range("area", area)?;
    fraction("area", area.1)?;
    positive_range("aspect", aspect)
}

/// What happens to one sample in one epoch, drawn by [`Augment::plan`]. The default is: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AugmentPlan {
    /// The result's row `r` shows row `r + row_shift · height` of the image.
    pub row_shift: f32,
    /// The result's column `c` shows column `c + column_shift · width` of the image (before mirroring).
    pub column_shift: f32,
    /// Whether the image is mirrored left to right, after the shift.
    pub horizontal_flip: bool,
    /// The rectangle of the photo that is resized, in place of all of it.
    pub crop: Option<RectanglePlan>,
    /// What is done to the result of that, one after the other.
    pub operations: Vec<Operation>,
    /// Factors on the colours.
    pub color: Option<ColorPlan>,
    /// The rectangle that is set to 0 after normalisation.
    pub erasing: Option<RectanglePlan>,
}

/// Factors on the colours; 1 leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorPlan {
    /// Factor on all samples.
    pub brightness: f32,
    /// Factor on the distance of a sample from the mean grey of the image.
    pub contrast: f32,
    /// Factor on the distance of a sample from the grey of its pixel.
    pub saturation: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_flips_and_factors_fill_their_ranges() {
        let augment = Augment {
            color_jitter: Augment::strong().color_jitter,
            ..Augment::subject()
        };
        let plans: Vec<AugmentPlan> = (0..4000).map(|index| augment.plan(5, 0, index)).collect();
        let (mut low, mut high, mut sum) = (f32::MAX, f32::MIN, 0.0);
        for plan in &plans {
            assert!(plan.column_shift.abs() <= 0.1);
            low = low.min(plan.row_shift);
            high = high.max(plan.row_shift);
            sum += plan.row_shift;
        }
        assert!(low < -0.0995 && (0.0995..=0.1).contains(&high), "{low} {high}");
        // Standard deviation of the mean: 0.1 / √3 / √4000 ≈ 0.0009.
        assert!((sum / 4000.0).abs() < 0.004);
        let flipped = plans.iter().filter(|plan| plan.horizontal_flip).count();
        // Standard deviation: √(4000 / 4) ≈ 32.
        assert!(flipped.abs_diff(2000) < 130, "{flipped}");
        let factors: Vec<f32> = plans
            .iter()
            .filter_map(|plan| Some(plan.color?.contrast))
            .collect();
        assert_eq!(factors.len(), 4000);
        assert!(factors.iter().all(|factor| (0.6..=1.4).contains(factor)));
        assert!(factors.iter().any(|&factor| factor < 0.61) && factors.iter().any(|&factor| factor > 1.39));
    }

    #[test]
    fn switching_one_thing_on_leaves_the_others() {
        let few = Augment::subject().plan(1, 2, 3);
        let many = Augment {
            random_resized_crop: Augment::strong().random_resized_crop,
            ..Augment::subject()
        };
        assert_eq!(
            AugmentPlan {
                crop: None,
                ..many.plan(1, 2, 3)
            },
            few
        );
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let augment = Augment {
            horizontal_flip: 1.5,
            ..Augment::none()
        };
        let message = augment.validate().unwrap_err().to_string();
        assert_eq!(
            message,
            "horizontal_flip: expected a number from 0 to 1, found 1.5"
        );
        let crop = CropRange {
            area: (0.5, 0.2),
            aspect: (1.0, 1.0),
        };
        assert!(
            Augment {
                random_resized_crop: Some(crop),
                ..Augment::none()
            }
            .validate()
            .is_err()
        );
        assert!(
            Augment {
                width_shift: f32::NAN,
                ..Augment::none()
            }
            .validate()
            .is_err()
        );
        for augment in [Augment::none(), Augment::subject(), Augment::strong()] {
            augment.validate().unwrap();
        }
    }
}
