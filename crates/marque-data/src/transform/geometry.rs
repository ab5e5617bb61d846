//! Changes of shape: where each pixel of the result comes from.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::filter::reflected;
use crate::wide::{self, Loop};

/// How a place between pixels gets its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// That of the nearest pixel. The default, as torchvision has it.
    #[default]
    Nearest,
    /// The mean of the four pixels around it, weighed by nearness.
    Bilinear,
}

/// What lies beyond the edges of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// One colour: red, green and blue. Black by default.
    Color([u8; 3]),
    /// The pixel of the edge (Keras's `nearest`).
    Edge,
    /// The photo mirrored at its edge, whose own pixel is not repeated.
    Reflect,
    /// The photo again.
    Wrap,
}

impl Default for Fill {
    fn default() -> Self {
        Fill::Color([0; 3])
    }
}

/// How pixels are taken from a photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Between pixels.
    pub interpolation: Interpolation,
    /// Beyond the edges.
    pub fill: Fill,
}

/// Where a place of the result comes from, in pixels from the middle of both: the first row gives x, the second y.
pub(super) type Matrix = [[f64; 3]; 2];

/// A turn, shears, a scale and a translation about a centre, as torchvision's `affine` has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// In degrees, clockwise.
    pub(super) angle: f64,
    /// In pixels to the right and down.
    pub(super) translation: [f64; 2],
    pub(super) scale: f64,
    /// In degrees, along x and along y.
    pub(super) shear: [f64; 2],
    /// In pixels from the middle.
    pub(super) centre: [f64; 2],
}

impl Affine {
    /// The way back: from a place of the result to that of the photo.
    pub(super) fn inverse(&self) -> Matrix {
        let turn = self.angle.to_radians();
        let [along_x, along_y] = self.shear.map(f64::to_radians);
        let a = (turn - along_y).cos() / along_y.cos();
        let c = (turn - along_y).sin() / along_y.cos();
        let b = -(a * along_x.tan() + turn.sin());
        let d = turn.cos() - c * along_x.tan();
        let [[xx, xy], [yx, yy]] = [[d, -b], [-c, a]].map(|row| row.map(|entry| entry / self.scale));
        let [x, y] = [0, 1].map(|axis| self.centre[axis] + self.translation[axis]);
        [
            [xx, xy, self.centre[0] - xx * x - xy * y],
            [yx, yy, self.centre[1] - yx * x - yy * y],
        ]
    }
}

/// The photo as the way back `source` says: from a place of the result to one of the photo, both in pixels with whole numbers in
/// the middle of a pixel.
pub(super) fn resampled(
    image: &RgbImage,
    sampling: Sampling,
    source: impl Fn(f64, f64) -> (f64, f64),
) -> RgbImage {
    let photo = Photo {
        pixels: image.as_raw(),
        width: image.width() as usize,
        height: image.height() as usize,
        fill: sampling.fill,
    };
    let mut result = RgbImage::new(image.width(), image.height());
    wide::run(Resample {
        photo,
        interpolation: sampling.interpolation,
        source,
        out: &mut result,
    });
    result
}

struct Resample<'a, F> {
    photo: Photo<'a>,
    interpolation: Interpolation,
    source: F,
    out: &'a mut [u8],
}

impl<F: Fn(f64, f64) -> (f64, f64)> Loop for Resample<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Resample {
            photo,
            interpolation,
            source,
            out,
        } = self;
        let mut places = vec![(0.0, 0.0); photo.width];
        for (row, line) in out.chunks_exact_mut(3 * photo.width.max(1)).enumerate() {
            // The places of a row first: they are computed several at a time.
            for (column, place) in places.iter_mut().enumerate() {
                let (x, y) = source(column as f64, row as f64);
                *place = match interpolation {
                    Interpolation::Nearest => (x.round_ties_even(), y.round_ties_even()),
                    Interpolation::Bilinear => (x, y),
                };
            }
            for (&(x, y), pixel) in places.iter().zip(line.chunks_exact_mut(3)) {
                let found = match interpolation {
                    Interpolation::Nearest => photo.at(x, y),
                    Interpolation::Bilinear => photo.between(x, y),
                };
                pixel.copy_from_slice(&found);
            }
        }
    }
}

/// The photo changed by a matrix about its middle.
pub(super) fn affine(image: &RgbImage, sampling: Sampling, [of_x, of_y]: Matrix) -> RgbImage {
    let middle = [image.width(), image.height()].map(|length| (f64::from(length) - 1.0) / 2.0);
    resampled(image, sampling, |column, row| {
        let (x, y) = (column - middle[0], row - middle[1]);
        let along = |[xx, xy, offset]: [f64; 3]| xx * x + xy * y + offset;
        (along(of_x) + middle[0], along(of_y) + middle[1])
    })
}

struct Photo<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    fill: Fill,
}

impl Photo<'_> {
    /// The pixel at a whole place.
    #[inline(always)]
    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        // A cast saturates: places far outside stay outside. What is negative becomes large.
        let (column, row) = (x as i32 as u32 as usize, y as i32 as u32 as usize);
        if column < self.width
            && row < self.height
            && let Some(pixel) = self.pixels.get(3 * (row * self.width + column)..)
            && let Some(&pixel) = pixel.first_chunk::<3>()
        {
            return pixel;
        }
        self.beyond(x, y)
    }

    /// What stands at a whole place outside.
    #[inline(never)]
    fn beyond(&self, x: f64, y: f64) -> [u8; 3] {
        let (x, y) = (x as i64, y as i64);
        let is_inside = |place: i64, length: usize| place >= 0 && place < length as i64;
        let place = |place: i64, length: usize| match self.fill {
            _ if is_inside(place, length) => Some(place as usize),
            Fill::Color(_) => None,
            Fill::Edge => Some(place.clamp(0, length as i64 - 1) as usize),
            Fill::Reflect => Some(reflected(place.clamp(-1 << 40, 1 << 40), length)),
            Fill::Wrap => Some(place.rem_euclid(length as i64) as usize),
        };
        let found = place(x, self.width).zip(place(y, self.height));
        match (found, self.fill) {
            (Some((column, row)), _) => {
                let start = 3 * (row * self.width + column);
                [0, 1, 2].map(|channel| self.pixels[start + channel])
            }
            (None, Fill::Color(color)) => color,
            // Only a colour leaves places without a pixel.
            (None, _) => [0; 3],
        }
    }

    /// The mean of the four pixels around a place.
    #[inline(always)]
    fn between(&self, x: f64, y: f64) -> [u8; 3] {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        let corners = [
            (left, top, (1.0 - right_share) * (1.0 - lower_share)),
            (left + 1.0, top, right_share * (1.0 - lower_share)),
            (left, top + 1.0, (1.0 - right_share) * lower_share),
            (left + 1.0, top + 1.0, right_share * lower_share),
        ];
        let mut sums = [0.0; 3];
        for (x, y, weight) in corners {
            for (sum, value) in sums.iter_mut().zip(self.at(x, y)) {
                *sum += weight * f64::from(value);
            }
        }
        sums.map(|sum| sum.round_ties_even() as u8)
    }
}

/// The eight numbers of the projection that takes the corners of a photo, from the upper left one clockwise, from `ends` back to
/// where they were: x = (a·x' + b·y' + c) ÷ (g·x' + h·y' + 1), y = (d·x' + e·y' + f) ÷ (g·x' + h·y' + 1). `None` if no projection
/// does, because three of the ends lie on a line.
pub(super) fn projection(starts: [[f64; 2]; 4], ends: [[f64; 2]; 4]) -> Option<[f64; 8]> {
    let mut rows = Vec::with_capacity(8);
    for ([x, y], [end_x, end_y]) in starts.into_iter().zip(ends) {
        rows.push([end_x, end_y, 1.0, 0.0, 0.0, 0.0, -x * end_x, -x * end_y, x]);
        rows.push([0.0, 0.0, 0.0, end_x, end_y, 1.0, -y * end_x, -y * end_y, y]);
    }
    // Gauss and Jordan, with the largest pivot of each column.
    for column in 0..8 {
        let largest = (column..8).max_by(|&one, &other| {
            let size = |row: usize| f64::abs(rows[row][column]);
            size(one).total_cmp(&size(other))
        })?;
        rows.swap(column, largest);
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        let pivot = pivot.map(|entry| entry / pivot[column]);
        rows[column] = pivot;
        for (place, row) in rows.iter_mut().enumerate() {
            if place != column {
                let factor = row[column];
                for (entry, pivot) in row.iter_mut().zip(pivot) {
                    *entry -= factor * pivot;
                }
            }
        }
    }
    let mut found = [0.0; 8];
    for (place, row) in found.iter_mut().zip(&rows) {
        *place = row[8];
    }
    Some(found)
}

/// The photo seen from elsewhere; `numbers` are those of [`projection`].
pub(super) fn perspective(image: &RgbImage, sampling: Sampling, numbers: [f64; 8]) -> RgbImage {
    let [a, b, c, d, e, f, g, h] = numbers;
    resampled(image, sampling, |column, row| {
        // Corners are those of pixels, so that a pixel's middle lies half of one further.
        let (x, y) = (column + 0.5, row + 0.5);
        let depth = g * x + h * y + 1.0;
        (
            (a * x + b * y + c) / depth - 0.5,
            (d * x + e * y + f) / depth - 0.5,
        )
    })
}
