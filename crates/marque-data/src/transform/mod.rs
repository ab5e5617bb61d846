//! Changes of a photo of the final size, before it is normalised: an ordered list of transforms.
//!
//! Planning is apart from doing, as in [`Augment`](crate::Augment): a [`Transform`] says what may happen, its plan is a list of
//! [`Operation`]s, drawn as a pure function of (seed, epoch, index, place in the list), and an operation has nothing random in it. What
//! operations compute is what torchvision computes for the same numbers.

mod color;
mod filter;
mod geometry;
mod list;
mod policy;

pub(crate) use color::grey;
pub use geometry::{Fill, Interpolation, Sampling};
pub use list::Transform;

use geometry::Affine;
use image::RgbImage;

/// A length in a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// In pixels.
    Pixels(f64),
    /// As a share of the photo's width or height.
    Share(f64),
}

impl Length {
    fn pixels(self, whole: u32) -> f64 {
        match self {
            Length::Pixels(pixels) => pixels,
            Length::Share(share) => share * f64::from(whole),
        }
    }
}

/// A change of a photo with all its numbers.
///
/// ```
/// use marque_data::{Operation, Sampling};
///
/// let photo = image::RgbImage::from_pixel(8, 6, image::Rgb([200, 100, 50]));
/// let darker = Operation::Brightness(0.5).applied(photo);
/// assert_eq!(darker.get_pixel(3, 3).0, [100, 50, 25]);
/// let turned = Operation::Rotate(30.0, Sampling::default()).applied(darker);
/// // What comes in at the corners is black.
/// assert_eq!(turned.get_pixel(0, 0).0, [0; 3]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Mirrored left to right.
    HorizontalFlip,
    /// Mirrored top to bottom.
    VerticalFlip,
    /// Turned by this many degrees, counter-clockwise, about the middle.
    Rotate(f64, Sampling),
    /// Rows moved to the left by this much per row below the top edge.
    ShearX(f64, Sampling),
    /// Columns moved up by this much per column right of the left edge.
    ShearY(f64, Sampling),
    /// Moved to the right and down, by whole pixels.
    Translate([Length; 2], Sampling),
    /// Turned by degrees, clockwise, sheared by degrees along x and y, enlarged, and moved to the right and down by whole pixels.
    Affine {
        /// In degrees.
        angle: f64,
        /// To the right and down.
        translation: [Length; 2],
        /// Above 1 the photo becomes larger.
        scale: f64,
        /// In degrees.
        shear: [f64; 2],
        /// How pixels are taken.
        sampling: Sampling,
    },
    /// Seen from elsewhere: each corner, from the upper left one clockwise, is moved inwards by these shares of `distortion` times half
    /// of the width and of the height, by whole pixels.
    Perspective {
        /// The farthest that a corner moves, as a share of half of a side, from 0 to 1.
        distortion: f64,
        /// From 0 to 1, for x and y.
        corners: [[f64; 2]; 4],
        /// How pixels are taken.
        sampling: Sampling,
    },
    /// All samples times a factor.
    Brightness(f64),
    /// Away from the mean grey, or below 1 towards it.
    Contrast(f64),
    /// Away from each pixel's grey, or below 1 towards it.
    Saturation(f64),
    /// The hue turned by a share of the whole circle.
    Hue(f32),
    /// Away from a blurred photo, or below 1 towards it.
    Sharpness(f64),
    /// Only so many of the eight bits of a sample stay, the highest.
    Posterize(u32),
    /// Samples from this one on are inverted, from 0 to 255.
    Solarize(f32),
    /// Each channel is stretched over all levels.
    AutoContrast,
    /// Each channel has all levels equally often.
    Equalize,
    /// Light becomes dark.
    Invert,
    /// Without colour.
    Grayscale,
    /// Blurred over so many pixels, an odd number, with this standard deviation in pixels.
    GaussianBlur(usize, f32),
    /// The weighted sum of the photo and of what chains of operations make of it.
    Mixture {
        /// The weight of the photo itself.
        own: f32,
        /// The other weights; all of them sum to 1.
        chains: Vec<(f32, Vec<Operation>)>,
    },
}

impl Operation {
    /// The photo, changed. It has the same size.
    #[must_use]
    pub fn applied(&self, mut photo: RgbImage) -> RgbImage {
        let (width, height) = photo.dimensions();
        let whole = |[x, y]: [Length; 2]| [x.pixels(width).trunc(), y.pixels(height).trunc()];
        let about_corner = Affine {
            centre: [width, height].map(|length| -0.5 * f64::from(length)),
            ..STILL
        };
        match self {
            Operation::HorizontalFlip => image::imageops::flip_horizontal_in_place(&mut photo),
            Operation::VerticalFlip => image::imageops::flip_vertical_in_place(&mut photo),
            Operation::Rotate(degrees, sampling) => {
                return changed(
                    &photo,
                    *sampling,
                    &Affine {
                        angle: -degrees,
                        ..STILL
                    },
                );
            }
            Operation::ShearX(slope, sampling) => {
                let shear = [slope.atan().to_degrees(), 0.0];
                return changed(
                    &photo,
                    *sampling,
                    &Affine {
                        shear,
                        ..about_corner
                    },
                );
            }
            Operation::ShearY(slope, sampling) => {
                let shear = [0.0, slope.atan().to_degrees()];
                return changed(
                    &photo,
                    *sampling,
                    &Affine {
                        shear,
                        ..about_corner
                    },
                );
            }
            Operation::Translate(by, sampling) => {
                let translation = whole(*by);
                return changed(&photo, *sampling, &Affine { translation, ..STILL });
            }
            Operation::Affine {
                angle,
                translation,
                scale,
                shear,
                sampling,
            } => {
                let affine = Affine {
                    angle: *angle,
                    translation: whole(*translation),
                    scale: *scale,
                    shear: *shear,
                    centre: [0.0; 2],
                };
                return changed(&photo, *sampling, &affine);
            }
            Operation::Perspective {
                distortion,
                corners,
                sampling,
            } => {
                let (starts, ends) = moved_corners([width, height], *distortion, *corners);
                if let Some(numbers) = geometry::projection(starts, ends) {
                    return geometry::perspective(&photo, *sampling, numbers);
                }
            }
            Operation::Brightness(factor) => color::brightness(&mut photo, *factor),
            Operation::Contrast(factor) => color::contrast(&mut photo, *factor),
            Operation::Saturation(factor) => color::saturation(&mut photo, *factor),
            Operation::Hue(turn) => color::hue(&mut photo, *turn),
            Operation::Sharpness(factor) => filter::sharpness(&mut photo, *factor),
            Operation::Posterize(bits) => color::posterize(&mut photo, *bits),
            Operation::Solarize(threshold) => color::solarize(&mut photo, *threshold),
            Operation::AutoContrast => color::auto_contrast(&mut photo),
            Operation::Equalize => color::equalize(&mut photo),
            Operation::Invert => color::invert(&mut photo),
            Operation::Grayscale => color::grayscale(&mut photo),
            Operation::GaussianBlur(kernel_size, sigma) => {
                filter::gaussian_blur(&mut photo, *kernel_size, *sigma);
            }
            Operation::Mixture { own, chains } => return mixture(photo, *own, chains),
        }
        photo
    }
}

/// No change of shape.
const STILL: Affine = Affine {
    angle: 0.0,
    translation: [0.0; 2],
    scale: 1.0,
    shear: [0.0; 2],
    centre: [0.0; 2],
};

fn changed(photo: &RgbImage, sampling: Sampling, affine: &Affine) -> RgbImage {
    geometry::affine(photo, sampling, affine.inverse())
}

/// The corner pixels of a photo and where they go, as torchvision's `RandomPerspective` draws it.
fn moved_corners(sides: [u32; 2], distortion: f64, corners: [[f64; 2]; 4]) -> ([[f64; 2]; 4], [[f64; 2]; 4]) {
    let last = sides.map(|side| f64::from(side) - 1.0);
    // A share of 1 is the last of the whole numbers from 0 to the farthest.
    let farthest = sides.map(|side| (distortion * f64::from(side / 2)).trunc());
    let starts = [[0.0, 0.0], [last[0], 0.0], last, [0.0, last[1]]];
    let mut ends = starts;
    for ((end, start), shares) in ends.iter_mut().zip(&starts).zip(corners) {
        for axis in 0..2 {
            let inwards = (shares[axis] * (farthest[axis] + 1.0))
                .floor()
                .min(farthest[axis]);
            end[axis] = if start[axis] == 0.0 {
                inwards
            } else {
                last[axis] - inwards
            };
        }
    }
    (starts, ends)
}

fn mixture(photo: RgbImage, own: f32, chains: &[(f32, Vec<Operation>)]) -> RgbImage {
    let mut sums: Vec<f32> = photo
        .as_raw()
        .iter()
        .map(|&value| own * f32::from(value))
        .collect();
    for (weight, chain) in chains {
        let changed = chain
            .iter()
            .fold(photo.clone(), |photo, operation| operation.applied(photo));
        for (sum, &value) in sums.iter_mut().zip(changed.as_raw()) {
            *sum += weight * f32::from(value);
        }
    }
    let mut result = photo;
    for (value, sum) in result.iter_mut().zip(sums) {
        *value = sum as u8;
    }
    result
}
