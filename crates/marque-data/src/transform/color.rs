//! Changes of colours, as torchvision computes them on 8-bit images: in single precision, rounded down at the end.

use image::RgbImage;

use crate::wide::{self, Loop};

/// Luma with torchvision's weights (ITU-R BT.601, rounded as there).
#[inline(always)]
pub(crate) fn grey(pixel: &[f32]) -> f32 {
    0.2989 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// The whole level at or below a value that may lie outside the range.
#[inline(always)]
fn level(value: f32) -> u8 {
    // A cast rounds towards zero and saturates.
    value as u8
}

fn pixels(image: &mut RgbImage) -> impl Iterator<Item = &mut [u8]> {
    image.chunks_exact_mut(3)
}

#[inline(always)]
fn as_floats(pixel: &[u8]) -> [f32; 3] {
    [pixel[0], pixel[1], pixel[2]].map(f32::from)
}

/// Each sample becomes what the table of its channel has for it.
fn look_up(image: &mut RgbImage, tables: &[[u8; 256]; 3]) {
    for pixel in pixels(image) {
        for (value, table) in pixel.iter_mut().zip(tables) {
            *value = table[usize::from(*value)];
        }
    }
}

/// The same table for all channels.
fn map(image: &mut RgbImage, change: impl Fn(u8) -> u8) {
    let table = std::array::from_fn(|value| change(value as u8));
    look_up(image, &[table; 3]);
}

pub(super) fn brightness(image: &mut RgbImage, factor: f64) {
    map(image, |value| level(f32::from(value) * factor as f32));
}

/// The share `factor` of the image and the rest of another one.
#[inline(always)]
fn blend(value: f32, other: f32, factor: f64) -> u8 {
    level(fused(value * factor as f32, other, 1.0 - factor))
}

/// `value` + `other` · `factor`, rounded once to single precision, as LibTorch's fused multiplication and addition does it. Where the sum
/// is a whole level, the rounding decides which one it is rounded down to.
#[inline(always)]
pub(super) fn fused(value: f32, other: f32, factor: f64) -> f32 {
    // The product of two singles is exact in double precision.
    (f64::from(value) + f64::from(other) * f64::from(factor as f32)) as f32
}

/// Away from the mean of the greys, each rounded down, or towards it.
pub(super) fn contrast(image: &mut RgbImage, factor: f64) {
    let count = (image.width() as usize * image.height() as usize).max(1);
    // Whole levels: a cast rounds them down, and no sum of them is rounded.
    let greys = image
        .as_raw()
        .chunks_exact(3)
        .map(|pixel| u64::from(level(grey(&as_floats(pixel)))));
    let mean = (greys.sum::<u64>() as f64 / count as f64) as f32;
    map(image, |value| blend(f32::from(value), mean, factor));
}

/// Away from each pixel's grey, rounded down, or towards it.
pub(super) fn saturation(image: &mut RgbImage, factor: f64) {
    wide::run(Saturation { image, factor });
}

struct Saturation<'a> {
    image: &'a mut [u8],
    factor: f64,
}

impl Loop for Saturation<'_> {
    #[inline(always)]
    fn run(self) {
        for pixel in self.image.chunks_exact_mut(3) {
            let own = as_floats(pixel);
            let towards = f32::from(level(grey(&own)));
            for (value, own) in pixel.iter_mut().zip(own) {
                *value = blend(own, towards, self.factor);
            }
        }
    }
}

pub(super) fn grayscale(image: &mut RgbImage) {
    for pixel in pixels(image) {
        let own = level(grey(&as_floats(pixel)));
        pixel.fill(own);
    }
}

pub(super) fn invert(image: &mut RgbImage) {
    map(image, |value| 255 - value);
}

/// The highest bits stay.
pub(super) fn posterize(image: &mut RgbImage, bits: u32) {
    let mask = !(0xFF_u32 >> bits.min(8)) as u8;
    map(image, |value| value & mask);
}

/// Samples from `threshold` on are inverted.
pub(super) fn solarize(image: &mut RgbImage, threshold: f32) {
    map(image, |value| {
        if f32::from(value) >= threshold {
            255 - value
        } else {
            value
        }
    });
}

/// How often each level occurs in each channel.
fn histograms(image: &RgbImage) -> [[u32; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in image.as_raw().chunks_exact(3) {
        for (&value, counts) in pixel.iter().zip(&mut counts) {
            counts[usize::from(value)] += 1;
        }
    }
    counts
}

/// Each channel is stretched over all levels; one of a single level stays.
pub(super) fn auto_contrast(image: &mut RgbImage) {
    let tables = histograms(image).map(|counts| {
        let least = counts.iter().position(|&count| count > 0).unwrap_or(0) as f32;
        let most = counts.iter().rposition(|&count| count > 0).unwrap_or(255) as f32;
        let (least, scale) = if most > least {
            (least, (most - least) * (1.0 / 255.0))
        } else {
            (0.0, 1.0)
        };
        std::array::from_fn(|value| level((value as f32 - least) / scale))
    });
    look_up(image, &tables);
}

/// Each channel gets levels that are as often one as another, by Pillow's rule in whole numbers.
pub(super) fn equalize(image: &mut RgbImage) {
    let tables = histograms(image).map(|counts| {
        let identity: [u8; 256] = std::array::from_fn(|value| value as u8);
        let highest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        let step = (counts.iter().sum::<u32>() - counts[highest]) / 255;
        if step == 0 {
            return identity;
        }
        let mut below = step / 2;
        counts.map(|count| {
            let own = (below / step).min(255) as u8;
            below += count;
            own
        })
    });
    look_up(image, &tables);
}

/// Turns the hue by a share of the whole circle.
pub(super) fn hue(image: &mut RgbImage, turn: f32) {
    for pixel in pixels(image) {
        let [hue, saturation, value] = hue_saturation_value(as_floats(pixel).map(|value| value / 255.0));
        let turned = red_green_blue([(hue + turn).rem_euclid(1.0), saturation, value]);
        for (value, turned) in pixel.iter_mut().zip(turned) {
            // torchvision's way from 0 to 1 back to levels: each has the same room.
            *value = level(turned * (256.0 - 1e-3));
        }
    }
}

/// Hue and saturation from 0 to 1, and the largest of the three.
fn hue_saturation_value([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = most - least;
    if range == 0.0 {
        return [0.0, 0.0, most];
    }
    let [red_gap, green_gap, blue_gap] = [red, green, blue].map(|value| (most - value) / range);
    let sixth = if most == red {
        blue_gap - green_gap
    } else if most == green {
        2.0 + red_gap - blue_gap
    } else {
        4.0 + green_gap - red_gap
    };
    [(sixth / 6.0 + 1.0) % 1.0, range / most, most]
}

fn red_green_blue([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sixth = hue * 6.0;
    let (sector, rest) = (sixth.floor(), sixth - sixth.floor());
    let low = (value * (1.0 - saturation)).clamp(0.0, 1.0);
    let falling = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0);
    let rising = (value * (1.0 - saturation + saturation * rest)).clamp(0.0, 1.0);
    match sector as i32 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
