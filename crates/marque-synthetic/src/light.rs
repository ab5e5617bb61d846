//! From a drawn picture to a photo: exposure, contrast, lens and sensor.

use image::{Rgb, RgbImage};

use crate::canvas::{Canvas, to_byte};
use crate::dice::Dice;

/// Levels of the tone curve.
const LEVELS: usize = 1024;
/// The brightness that a change of contrast leaves as it is: low, so that dark scenes keep their shapes.
const PIVOT: f32 = 0.35;

/// How the photo of one picture comes out.
#[derive(Clone, Debug)]
pub(crate) struct Light {
    /// Brightness of red, green and blue.
    gain: [f32; 3],
    contrast: f32,
    gamma: f32,
    /// Change of brightness per half of the width and of the height of the frame.
    gradient: [f32; 2],
    /// Standard deviation of the blur in parts of the shorter side.
    blur: f32,
    /// Standard deviation of the noise in parts of full brightness.
    noise: f32,
}

impl Light {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let dark = dice.chance(0.06);
        let brightness = dice.between(if dark { (0.4, 0.6) } else { (0.65, 1.2) });
        let blurred = dice.chance(0.3);
        Light {
            gain: [0; 3].map(|_| brightness * dice.between((0.88, 1.12))),
            contrast: dice.between((0.75, 1.2)),
            gamma: dice.between((0.75, 1.3)),
            gradient: [dice.between((-0.2, 0.2)), dice.between((-0.2, 0.2))],
            blur: if blurred {
                dice.between((0.002, 0.008))
            } else {
                0.0
            },
            noise: dice.between(if dark { (0.005, 0.02) } else { (0.005, 0.025) }),
        }
    }

    /// Takes the photo.
    pub(crate) fn develop(&self, canvas: &Canvas, dice: &mut Dice) -> RgbImage {
        let size = [canvas.width() as usize, canvas.height() as usize];
        let mut pixels: Vec<[f32; 3]> = canvas.tones().map(|tone| tone.0).collect();
        let kernel = gaussian(self.blur * canvas.unit());
        if kernel.len() > 1 {
            blur_rows(&mut pixels, size[0], &kernel);
            blur_columns(&mut pixels, size[0], &kernel);
        }
        let curve = self.curve();
        let mut photo = RgbImage::new(canvas.width(), canvas.height());
        for (i, (pixel, &colour)) in photo.pixels_mut().zip(&pixels).enumerate() {
            let [column, row] = [i % size[0], i / size[0]];
            let [x, y] = [centred(column, size[0]), centred(row, size[1])];
            let light = 1.0 + x * self.gradient[0] + y * self.gradient[1];
            *pixel = Rgb([0, 1, 2].map(|channel| {
                let level = colour[channel] * self.gain[channel] * light * (LEVELS - 1) as f32;
                to_byte(curve[(level as usize).min(LEVELS - 1)] + self.noise * dice.bell())
            }));
        }
        photo
    }

    /// Gamma and contrast as a table.
    fn curve(&self) -> Vec<f32> {
        let displayed = |level: usize| level as f32 / (LEVELS - 1) as f32;
        (0..LEVELS)
            .map(|level| PIVOT + self.contrast * (displayed(level).powf(self.gamma) - PIVOT))
            .collect()
    }
}

/// Where a column lies between −1 (left) and 1 (right).
fn centred(column: usize, columns: usize) -> f32 {
    (2 * column + 1) as f32 / columns as f32 - 1.0
}

/// One half of a bell curve with this deviation in pixels, from its centre outwards; the whole sums to 1.
fn gaussian(deviation: f32) -> Vec<f32> {
    let reach = (2.5 * deviation).ceil() as usize;
    let weight = |i: usize| (-0.5 * (i as f32 / deviation).powi(2)).exp();
    let mut kernel = vec![1.0];
    kernel.extend((1..=reach).map(weight));
    let total = 2.0 * kernel.iter().sum::<f32>() - 1.0;
    kernel.iter_mut().for_each(|weight| *weight /= total);
    kernel
}

/// Blurs along the rows; beyond the border the outermost pixel goes on.
fn blur_rows(pixels: &mut [[f32; 3]], width: usize, kernel: &[f32]) {
    let mut row = vec![[0.0; 3]; width];
    for line in pixels.chunks_exact_mut(width) {
        row.copy_from_slice(line);
        for (x, pixel) in line.iter_mut().enumerate() {
            *pixel = [0, 1, 2].map(|channel| {
                let pair =
                    |i: usize| row[x.saturating_sub(i)][channel] + row[(x + i).min(width - 1)][channel];
                let sides: f32 = (1..kernel.len()).map(|i| kernel[i] * pair(i)).sum();
                kernel[0] * row[x][channel] + sides
            });
        }
    }
}

/// Blurs along the columns in the same way.
fn blur_columns(pixels: &mut [[f32; 3]], width: usize, kernel: &[f32]) {
    let height = pixels.len() / width;
    let source = pixels.to_vec();
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let [x, y] = [i % width, i / width];
        *pixel = [0, 1, 2].map(|channel| {
            let at = |row: usize| source[row * width + x][channel];
            let pair = |i: usize| at(y.saturating_sub(i)) + at((y + i).min(height - 1));
            let sides: f32 = (1..kernel.len()).map(|i| kernel[i] * pair(i)).sum();
            kernel[0] * at(y) + sides
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_brightness_and_spreads_a_dot_evenly() {
        let width = 15;
        let mut pixels = vec![[0.0; 3]; width * 11];
        pixels[5 * width + 7] = [1.0, 2.0, 3.0];
        let kernel = gaussian(1.2);
        blur_rows(&mut pixels, width, &kernel);
        blur_columns(&mut pixels, width, &kernel);
        for (channel, total) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            let at = |x: usize, y: usize| pixels[y * width + x][channel];
            let sum: f32 = pixels.iter().map(|pixel| pixel[channel]).sum();
            assert!((sum - total).abs() < 1e-5, "{sum} of {total}");
            // One pixel from the centre of a Gaussian of deviation 1.2: exp(−1 / (2 · 1.2²)) of its peak.
            assert!((at(8, 5) / at(7, 5) - 0.7066).abs() < 1e-3);
            assert_eq!(at(6, 5), at(8, 5));
            assert!((at(7, 4) - at(8, 5)).abs() < 1e-6);
        }
    }

    #[test]
    fn no_blur_is_a_kernel_of_one() {
        assert_eq!(gaussian(0.0), [1.0]);
    }
}
