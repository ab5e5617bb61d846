//! The transforms that a recipe can have.

use marque_core::setting::{at_least, fraction, positive_range, require};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::policy::{Chains, aug_mix, auto_augment, rand_augment, trivial_augment};
use super::{Fill, Interpolation, Length, Operation, Sampling};
use crate::SettingError;
use crate::random::{shuffle, uniform, uniform_between};

/// A random change of a training photo. In a list each comes after the one before it, at the photo's final size and before the shifts,
/// flips, colours and erasing of [`Augment`](crate::Augment). Defaults are torchvision's.
///
/// In a file it is an object with a `kind`: `{"kind": "trivial_augment"}`, `{"kind": "rotation", "degrees": 15}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// One of fourteen operations, of any strength (TrivialAugment: Müller & Hutter 2021, arXiv:2103.10158, "wide").
    TrivialAugment {
        /// Between pixels.
        #[serde(default)]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// Some of fourteen operations, all of one strength (RandAugment: Cubuk et al. 2019, arXiv:1909.13719).
    RandAugment {
        /// How many, at least 1; 2 by default.
        #[serde(default = "two")]
        operations: usize,
        /// Of 30; 9 by default.
        #[serde(default = "nine")]
        magnitude: u32,
        /// Between pixels.
        #[serde(default)]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// One of 25 pairs of operations that were learnt on ImageNet (AutoAugment: Cubuk et al. 2018, arXiv:1805.09501).
    AutoAugment {
        /// Between pixels.
        #[serde(default)]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// The photo mixed with what chains of operations make of it (AugMix: Hendrycks et al. 2019, arXiv:1912.02781).
    AugMix {
        /// The strongest operation, from 1 to 10; 3 by default.
        #[serde(default = "three")]
        severity: u32,
        /// Chains, at least 1; 3 by default.
        #[serde(default = "three_chains")]
        chains: usize,
        /// Operations of a chain, at least 1; from one to three, drawn for each, if none.
        #[serde(default)]
        depth: Option<usize>,
        /// Of the distributions that weights are drawn from, positive; 1 by default.
        #[serde(default = "one")]
        alpha: f64,
        /// Between pixels; bilinear by default.
        #[serde(default = "bilinear")]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// Turned about the middle.
    Rotation {
        /// The farthest to either side, from 0 to 180.
        degrees: f64,
        /// Between pixels.
        #[serde(default)]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// Turned, moved, scaled and sheared.
    Affine {
        /// The farthest turn to either side, from 0 to 180; 0 by default.
        #[serde(default)]
        degrees: f64,
        /// The farthest to either side, as shares of width and height, from 0 to 1; 0 by default.
        #[serde(default)]
        translation: [f64; 2],
        /// The smallest and the largest scale, positive; 1 by default.
        #[serde(default = "one_scale")]
        scale: [f64; 2],
        /// The largest shear along x and along y, in degrees, from 0 to below 90; 0 by default.
        #[serde(default)]
        shear: [f64; 2],
        /// Between pixels.
        #[serde(default)]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// Seen from elsewhere.
    Perspective {
        /// The farthest that a corner moves inwards, as a share of half of a side, from 0 to 1; 0.5 by default.
        #[serde(default = "half")]
        distortion: f64,
        /// From 0 to 1; 0.5 by default.
        #[serde(default = "half")]
        probability: f64,
        /// Between pixels; bilinear by default.
        #[serde(default = "bilinear")]
        interpolation: Interpolation,
        /// Beyond the edges.
        #[serde(default)]
        fill: Fill,
    },
    /// Brightness, contrast, saturation and hue in an order that is drawn anew: torchvision's `ColorJitter`.
    ColorJitter {
        /// The factor lies within this of 1, at least 0; 0 by default, as the next two.
        #[serde(default)]
        brightness: f64,
        /// The factor lies within this of 1.
        #[serde(default)]
        contrast: f64,
        /// The factor lies within this of 1.
        #[serde(default)]
        saturation: f64,
        /// The largest turn of the hue to either side, as a share of the whole circle, from 0 to 0.5; 0 by default.
        #[serde(default)]
        hue: f64,
    },
    /// Without colour.
    Grayscale {
        /// From 0 to 1; 0.1 by default.
        #[serde(default = "tenth")]
        probability: f64,
    },
    /// Blurred.
    GaussianBlur {
        /// Pixels that are averaged to each side and in the middle: an odd number.
        kernel_size: usize,
        /// The smallest and the largest standard deviation in pixels, positive; 0.1 and 2 by default.
        #[serde(default = "blurs")]
        sigma: [f64; 2],
        /// From 0 to 1; 1 by default.
        #[serde(default = "one")]
        probability: f64,
    },
    /// Sharper, or below 1 blurred.
    Sharpness {
        /// At least 0; 2 is sharper.
        factor: f64,
        /// From 0 to 1; 0.5 by default, as in all that follow.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Fewer levels.
    Posterize {
        /// Bits of the eight that stay, from 0 to 8.
        bits: u32,
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Light samples are inverted.
    Solarize {
        /// From which level on, from 0 to 255.
        threshold: f64,
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Each channel is stretched over all levels.
    AutoContrast {
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Each channel has all levels equally often.
    Equalize {
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Light becomes dark.
    Invert {
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Mirrored left to right.
    HorizontalFlip {
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
    /// Mirrored top to bottom.
    VerticalFlip {
        /// From 0 to 1.
        #[serde(default = "half")]
        probability: f64,
    },
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

fn tenth() -> f64 {
    0.1
}

fn two() -> usize {
    2
}

fn three() -> u32 {
    3
}

fn three_chains() -> usize {
    3
}

fn nine() -> u32 {
    9
}

fn one_scale() -> [f64; 2] {
    [1.0; 2]
}

fn blurs() -> [f64; 2] {
    [0.1, 2.0]
}

fn bilinear() -> Interpolation {
    Interpolation::Bilinear
}

/// The most pixels that a blur averages.
const MAX_KERNEL: usize = 255;

impl Transform {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let within = |setting: &str, value: f64, least: f64, most: f64| {
            let expected = format!("a number from {least} to {most}");
            require(setting, (least..=most).contains(&value), expected, value)
        };
        match *self {
            Self::TrivialAugment { .. } | Self::AutoAugment { .. } => Ok(()),
            Self::RandAugment {
                operations,
                magnitude,
                ..
            } => {
                at_least("operations", operations, 1)?;
                within("operations", operations as f64, 1.0, 100.0)?;
                within("magnitude", f64::from(magnitude), 0.0, 30.0)
            }
            Self::AugMix {
                severity,
                chains,
                depth,
                alpha,
                ..
            } => {
                within("severity", f64::from(severity), 1.0, 10.0)?;
                within("chains", chains as f64, 1.0, 100.0)?;
                within("depth", depth.unwrap_or(1) as f64, 1.0, 100.0)?;
                within("alpha", alpha, 1e-3, 1e6)
            }
            Self::Rotation { degrees, .. } => within("degrees", degrees, 0.0, 180.0),
            Self::Affine {
                degrees,
                translation,
                scale,
                shear,
                ..
            } => {
                within("degrees", degrees, 0.0, 180.0)?;
                for share in translation {
                    fraction("translation", share)?;
                }
                positive_range("scale", (scale[0], scale[1]))?;
                shear
                    .into_iter()
                    .try_for_each(|degrees| within("shear", degrees, 0.0, 89.0))
            }
            Self::Perspective {
                distortion,
                probability,
                ..
            } => {
                fraction("distortion", distortion)?;
                fraction("probability", probability)
            }
            Self::ColorJitter {
                brightness,
                contrast,
                saturation,
                hue,
            } => {
                for (setting, value) in [
                    ("brightness", brightness),
                    ("contrast", contrast),
                    ("saturation", saturation),
                ] {
                    within(setting, value, 0.0, 1e3)?;
                }
                within("hue", hue, 0.0, 0.5)
            }
            Self::GaussianBlur {
                kernel_size,
                sigma,
                probability,
            } => {
                let is_odd = kernel_size % 2 == 1 && kernel_size <= MAX_KERNEL;
                let expected = format!("an odd number up to {MAX_KERNEL}");
                require("kernel_size", is_odd, expected, kernel_size)?;
                positive_range("sigma", (sigma[0], sigma[1]))?;
                fraction("probability", probability)
            }
            Self::Sharpness { factor, probability } => {
                within("factor", factor, 0.0, 1e3)?;
                fraction("probability", probability)
            }
            Self::Posterize { bits, probability } => {
                within("bits", f64::from(bits), 0.0, 8.0)?;
                fraction("probability", probability)
            }
            Self::Solarize {
                threshold,
                probability,
            } => {
                within("threshold", threshold, 0.0, 255.0)?;
                fraction("probability", probability)
            }
            Self::Grayscale { probability }
            | Self::AutoContrast { probability }
            | Self::Equalize { probability }
            | Self::Invert { probability }
            | Self::HorizontalFlip { probability }
            | Self::VerticalFlip { probability } => fraction("probability", probability),
        }
    }

    /// Draws what is done to one photo.
    pub(crate) fn plan(&self, random: &mut ChaCha8Rng) -> Vec<Operation> {
        match *self {
            Self::TrivialAugment { interpolation, fill } => {
                trivial_augment(random, Sampling { interpolation, fill })
            }
            Self::RandAugment {
                operations,
                magnitude,
                interpolation,
                fill,
            } => rand_augment(random, operations, magnitude, Sampling { interpolation, fill }),
            Self::AutoAugment { interpolation, fill } => {
                auto_augment(random, Sampling { interpolation, fill })
            }
            Self::AugMix {
                severity,
                chains,
                depth,
                alpha,
                interpolation,
                fill,
            } => {
                let chains = Chains {
                    severity,
                    width: chains,
                    depth,
                    alpha,
                };
                aug_mix(random, chains, Sampling { interpolation, fill })
            }
            Self::Rotation {
                degrees,
                interpolation,
                fill,
            } => vec![Operation::Rotate(
                either_side(random, degrees),
                Sampling { interpolation, fill },
            )],
            Self::Affine {
                degrees,
                translation,
                scale,
                shear,
                interpolation,
                fill,
            } => vec![Operation::Affine {
                angle: either_side(random, degrees),
                translation: translation.map(|share| Length::Share(either_side(random, share))),
                scale: between(random, scale),
                shear: shear.map(|degrees| either_side(random, degrees)),
                sampling: Sampling { interpolation, fill },
            }],
            Self::ColorJitter {
                brightness,
                contrast,
                saturation,
                hue,
            } => color_jitter(random, [brightness, contrast, saturation], hue),
            _ => self.single(random).into_iter().collect(),
        }
    }

    /// Of a transform that is one operation, made with a probability.
    fn single(&self, random: &mut ChaCha8Rng) -> Option<Operation> {
        let is_made = f64::from(uniform(random));
        let (probability, operation) = match *self {
            Self::Perspective {
                distortion,
                probability,
                interpolation,
                fill,
            } => {
                let corners = [[0; 2]; 4].map(|corner| corner.map(|_| f64::from(uniform(random))));
                let operation = Operation::Perspective {
                    distortion,
                    corners,
                    sampling: Sampling { interpolation, fill },
                };
                (probability, operation)
            }
            Self::GaussianBlur {
                kernel_size,
                sigma,
                probability,
            } => {
                let sigma = between(random, sigma) as f32;
                (probability, Operation::GaussianBlur(kernel_size, sigma))
            }
            Self::Grayscale { probability } => (probability, Operation::Grayscale),
            Self::Sharpness { factor, probability } => (probability, Operation::Sharpness(factor)),
            Self::Posterize { bits, probability } => (probability, Operation::Posterize(bits)),
            Self::Solarize {
                threshold,
                probability,
            } => (probability, Operation::Solarize(threshold as f32)),
            Self::AutoContrast { probability } => (probability, Operation::AutoContrast),
            Self::Equalize { probability } => (probability, Operation::Equalize),
            Self::Invert { probability } => (probability, Operation::Invert),
            Self::HorizontalFlip { probability } => (probability, Operation::HorizontalFlip),
            Self::VerticalFlip { probability } => (probability, Operation::VerticalFlip),
            // These are several operations, or always made.
            Self::TrivialAugment { .. }
            | Self::RandAugment { .. }
            | Self::AutoAugment { .. }
            | Self::AugMix { .. }
            | Self::Rotation { .. }
            | Self::Affine { .. }
            | Self::ColorJitter { .. } => return None,
        };
        (is_made < probability).then_some(operation)
    }
}

fn between(random: &mut ChaCha8Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * f64::from(uniform(random))
}

fn either_side(random: &mut ChaCha8Rng, most: f64) -> f64 {
    between(random, [-most, most])
}

/// The four changes in an order that is drawn; what is off is left out.
fn color_jitter(random: &mut ChaCha8Rng, widths: [f64; 3], hue: f64) -> Vec<Operation> {
    let factors = widths.map(|width| {
        let width = width as f32;
        f64::from(uniform_between(random, (1.0 - width).max(0.0), 1.0 + width))
    });
    let turn = either_side(random, hue) as f32;
    let mut changes = [
        (widths[0], Operation::Brightness(factors[0])),
        (widths[1], Operation::Contrast(factors[1])),
        (widths[2], Operation::Saturation(factors[2])),
        (hue, Operation::Hue(turn)),
    ];
    shuffle(random, &mut changes);
    let changes = changes.into_iter().filter(|(width, _)| *width > 0.0);
    changes.map(|(_, operation)| operation).collect()
}
