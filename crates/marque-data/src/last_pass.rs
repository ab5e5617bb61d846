//! The one pass that makes floats of a photo's bytes: shift, mirroring and normalisation, into its place in a batch.
//!
//! What leaves bytes as they are looks the result up, one of 256 for each channel. What interpolates computes, in the order
//! that a pass for each step would have.

use image::{RgbImage, RgbaImage};

use crate::scratch::of_length;
use crate::wide::{self, Loop};
use crate::{ImageSize, Preprocess};

/// Bytes of a photo, row by row: three for each pixel, or four, of which the last says nothing.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether each pixel has four bytes.
    pub(crate) is_wide: bool,
}

impl<'a> Pixels<'a> {
    pub(crate) fn of(image: &'a RgbImage) -> Self {
        Pixels {
            bytes: image.as_raw(),
            width: image.width() as usize,
            height: image.height() as usize,
            is_wide: false,
        }
    }

    pub(crate) fn of_wide(image: &'a RgbaImage) -> Self {
        Pixels {
            bytes: image.as_raw(),
            width: image.width() as usize,
            height: image.height() as usize,
            is_wide: true,
        }
    }

    /// Four bytes for each pixel of an image of this size.
    pub(crate) fn wide(bytes: &'a [u8], size: ImageSize) -> Self {
        Pixels {
            bytes,
            width: size.width,
            height: size.height,
            is_wide: true,
        }
    }

    /// The photo with three bytes a pixel, as an image of its own.
    pub(crate) fn to_image(self) -> RgbImage {
        let mut packed = Vec::new();
        self.pack(false, &mut packed);
        // The length is that of the size by construction.
        RgbImage::from_raw(self.width as u32, self.height as u32, packed).unwrap_or_default()
    }

    pub(crate) fn bytes_per_pixel(&self) -> usize {
        if self.is_wide { 4 } else { 3 }
    }

    /// The photo with three bytes a pixel, mirrored left to right if so.
    pub(crate) fn pack(&self, mirrored: bool, out: &mut Vec<u8>) {
        let pack = Pack {
            pixels: *self,
            mirrored,
            out: of_length(out, self.width * self.height * 3),
        };
        wide::run(pack);
    }
}

struct Pack<'a> {
    pixels: Pixels<'a>,
    mirrored: bool,
    out: &'a mut [u8],
}

impl Loop for Pack<'_> {
    #[inline(always)]
    fn run(self) {
        let Pixels { bytes, width, .. } = self.pixels;
        let length = self.pixels.bytes_per_pixel();
        let lines = bytes.chunks_exact((length * width).max(1));
        for (out, line) in self.out.chunks_exact_mut((3 * width).max(1)).zip(lines) {
            let out = out.chunks_exact_mut(3);
            match (self.mirrored, self.pixels.is_wide) {
                (false, false) => copy(out, line.chunks_exact(3)),
                (true, false) => copy(out, line.chunks_exact(3).rev()),
                (false, true) => copy(out, line.chunks_exact(4)),
                (true, true) => copy(out, line.chunks_exact(4).rev()),
            }
        }
    }
}

#[inline(always)]
fn copy<'a>(out: impl Iterator<Item = &'a mut [u8]>, line: impl Iterator<Item = &'a [u8]>) {
    for (out, pixel) in out.zip(line) {
        out[0] = pixel[0];
        out[1] = pixel[1];
        out[2] = pixel[2];
    }
}

/// What each of the 256 values of each channel becomes.
#[derive(Default)]
pub(crate) struct Tables {
    mean: [f32; 3],
    std: [f32; 3],
    /// Empty until they are asked for.
    values: Vec<[f32; 256]>,
}

impl Tables {
    /// Those of `preprocess`, which are mostly those that were asked for before.
    pub(crate) fn of(&mut self, preprocess: &Preprocess) -> &[[f32; 256]] {
        let bits = |values: [f32; 3]| values.map(f32::to_bits);
        let same = bits(self.mean) == bits(preprocess.mean) && bits(self.std) == bits(preprocess.std);
        if self.values.is_empty() || !same {
            (self.mean, self.std) = (preprocess.mean, preprocess.std);
            let table = |channel| {
                std::array::from_fn(|value| normal(value as f32, self.mean[channel], self.std[channel]))
            };
            self.values = (0..3).map(table).collect();
        }
        &self.values
    }
}

/// A sample from 0 to 255 as the network sees it.
#[inline(always)]
pub(crate) fn normal(value: f32, mean: f32, std: f32) -> f32 {
    (value / 255.0 - mean) / std
}

/// Two neighbouring positions and the weight of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taps {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) weight: f32,
}

/// Where each position of a shifted axis of `length` px comes from. Positions outside are those of the edge.
pub(crate) fn taps(length: usize, shift_px: f64) -> Vec<Taps> {
    let last = length.saturating_sub(1) as f64;
    let tap = |position: usize| {
        let source = (position as f64 + shift_px).clamp(0.0, last);
        let first = source.floor();
        Taps {
            first: first as usize,
            second: (first + 1.0).min(last) as usize,
            weight: (source - first) as f32,
        }
    };
    (0..length).map(tap).collect()
}

/// The same positions of an axis for a photo and a result that are mirrored along it.
pub(crate) fn mirrored(taps: &[Taps]) -> Vec<Taps> {
    let last = taps.len().saturating_sub(1);
    let mirrored = taps.iter().rev().map(|taps| Taps {
        first: last - taps.first,
        second: last - taps.second,
        weight: taps.weight,
    });
    mirrored.collect()
}

/// Whether every pixel of the result is one of the photo's.
pub(crate) fn are_whole(taps: &[Taps]) -> bool {
    taps.iter().all(|taps| taps.weight == 0.0)
}

/// Looks every sample up, where rows and columns come from whole ones.
pub(crate) struct LookUp<'a> {
    pub(crate) pixels: Pixels<'a>,
    pub(crate) tables: &'a [[f32; 256]],
    /// Where rows and columns come from; `None` for the photo as it lies.
    pub(crate) moved: Option<(&'a [Taps], &'a [Taps])>,
    /// H × W × 3.
    pub(crate) out: &'a mut [f32],
}

impl Loop for LookUp<'_> {
    #[inline(always)]
    fn run(self) {
        let [red, green, blue] = self.tables else { return };
        let length = self.pixels.bytes_per_pixel();
        let bytes = self.pixels.bytes;
        let put = |out: &mut [f32], pixel: &[u8]| {
            out[0] = red[usize::from(pixel[0])];
            out[1] = green[usize::from(pixel[1])];
            out[2] = blue[usize::from(pixel[2])];
        };
        let Some((rows, columns)) = self.moved else {
            let out = self.out.chunks_exact_mut(3);
            if self.pixels.is_wide {
                out.zip(bytes.chunks_exact(4))
                    .for_each(|(out, pixel)| put(out, pixel));
            } else {
                out.zip(bytes.chunks_exact(3))
                    .for_each(|(out, pixel)| put(out, pixel));
            }
            return;
        };
        let stride = length * self.pixels.width;
        for (row, out) in rows
            .iter()
            .zip(self.out.chunks_exact_mut((3 * columns.len()).max(1)))
        {
            let line = &bytes[row.first * stride..][..stride];
            for (column, out) in columns.iter().zip(out.chunks_exact_mut(3)) {
                put(out, &line[column.first * length..][..3]);
            }
        }
    }
}

/// Linear interpolation in both directions: what Keras does through scipy's `affine_transform` of order 1 with mode `nearest`.
pub(crate) struct Shift<'a> {
    /// Three bytes a pixel, mirrored already if the result is.
    pub(crate) bytes: &'a [u8],
    pub(crate) rows: &'a [Taps],
    /// Columns of `bytes`.
    pub(crate) columns: &'a [Taps],
    /// What each column's samples are normalised by; `None` leaves them from 0 to 255.
    pub(crate) preprocess: Option<&'a Preprocess>,
    pub(crate) lines: &'a mut Vec<f32>,
    /// H × W × 3.
    pub(crate) out: &'a mut [f32],
}

/// Where a line's samples stand in a copy of it that has the edge's pixels repeated in front of it and behind it, in pixels.
#[derive(Clone, Copy, Default)]
struct Window {
    before: usize,
    behind: usize,
    first: usize,
    second: usize,
}

/// Columns mostly come from neighbouring columns, so that a line is a window of another: `None` where they do not.
fn window(columns: &[Taps]) -> Option<Window> {
    let width = columns.len();
    let place = columns
        .iter()
        .position(|taps| taps.weight != 0.0)
        .unwrap_or(width / 2);
    let taps = columns.get(place)?;
    let offset = |position: usize| position as i64 - place as i64;
    let (first, second) = (offset(taps.first), offset(taps.second));
    let before = (-first.min(second)).max(0);
    let behind = first.max(second).max(0);
    let clamped = |position: i64| position.clamp(0, width as i64 - 1) as usize;
    let fits = |(place, taps): (usize, &Taps)| {
        let place = place as i64;
        taps.first == clamped(place + first) && (taps.weight == 0.0 || taps.second == clamped(place + second))
    };
    columns.iter().enumerate().all(fits).then(|| Window {
        before: before as usize,
        behind: behind as usize,
        first: (before + first) as usize,
        second: (before + second) as usize,
    })
}

impl Loop for Shift<'_> {
    #[inline(always)]
    fn run(self) {
        let width = self.columns.len();
        let stride = 3 * width;
        let window = window(self.columns);
        let Window { before, behind, .. } = window.unwrap_or_default();
        let (before, behind) = (3 * before, 3 * behind);
        let lines = of_length(self.lines, 5 * stride + before + behind);
        let (blended, rest) = lines.split_at_mut(before + stride + behind);
        let (weights, rest) = rest.split_at_mut(stride);
        let (means, rest) = rest.split_at_mut(stride);
        let (stds, result) = rest.split_at_mut(stride);
        for (weights, taps) in weights.chunks_exact_mut(3).zip(self.columns) {
            weights.fill(taps.weight);
        }
        if let Some(preprocess) = self.preprocess {
            for (means, stds) in means.chunks_exact_mut(3).zip(stds.chunks_exact_mut(3)) {
                means.copy_from_slice(&preprocess.mean);
                stds.copy_from_slice(&preprocess.std);
            }
        }
        for (row, out) in self.rows.iter().zip(self.out.chunks_exact_mut(stride.max(1))) {
            let upper = &self.bytes[row.first * stride..][..stride];
            let lower = &self.bytes[row.second * stride..][..stride];
            let line = &mut blended[before..][..stride];
            for ((value, &above), &below) in line.iter_mut().zip(upper).zip(lower) {
                *value = between(f32::from(above), f32::from(below), row.weight);
            }
            match &window {
                Some(window) => {
                    repeat_edges(blended, before, behind);
                    let left = &blended[3 * window.first..][..stride];
                    let right = &blended[3 * window.second..][..stride];
                    for (((value, &left), &right), &weight) in
                        result.iter_mut().zip(left).zip(right).zip(&*weights)
                    {
                        *value = between(left, right, weight);
                    }
                }
                None => {
                    for (taps, pixel) in self.columns.iter().zip(result.chunks_exact_mut(3)) {
                        for (channel, value) in pixel.iter_mut().enumerate() {
                            let [left, right] =
                                [taps.first, taps.second].map(|place| blended[3 * place + channel]);
                            *value = between(left, right, taps.weight);
                        }
                    }
                }
            }
            if self.preprocess.is_some() {
                for (((out, &value), &mean), &std) in out.iter_mut().zip(&*result).zip(&*means).zip(&*stds) {
                    *out = normal(value, mean, std);
                }
            } else {
                out.copy_from_slice(result);
            }
        }
    }
}

#[inline(always)]
fn between(one: f32, other: f32, weight: f32) -> f32 {
    one + (other - one) * weight
}

/// Fills so many floats in front of a line and behind it with the pixel next to them.
#[inline(always)]
fn repeat_edges(line: &mut [f32], before: usize, behind: usize) {
    let (front, rest) = line.split_at_mut(before);
    let (middle, back) = rest.split_at_mut(rest.len() - behind);
    if let (Some(first), Some(last)) = (middle.first_chunk::<3>(), middle.last_chunk::<3>()) {
        front
            .chunks_exact_mut(3)
            .for_each(|pixel| pixel.copy_from_slice(first));
        back.chunks_exact_mut(3)
            .for_each(|pixel| pixel.copy_from_slice(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_columns_are_a_window_and_others_are_not() {
        for shift in [-7.3, -1.0, -1e-9, 0.0, 0.25, 3.999_999_999, 11.5] {
            let columns = taps(32, shift);
            assert!(window(&columns).is_some(), "{shift}");
        }
        let mut columns = taps(32, 0.5);
        columns[9].first = 30;
        assert!(window(&columns).is_none());
        assert!(window(&[]).is_none());
    }

    #[test]
    fn bytes_are_packed_and_mirrored() {
        let wide = Pixels {
            bytes: &[1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0],
            width: 2,
            height: 2,
            is_wide: true,
        };
        let mut packed = Vec::new();
        wide.pack(false, &mut packed);
        assert_eq!(packed, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let mut mirrored = Vec::new();
        let narrow = Pixels {
            bytes: &packed,
            is_wide: false,
            ..wide
        };
        narrow.pack(true, &mut mirrored);
        assert_eq!(mirrored, [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
        let mut again = Vec::new();
        wide.pack(true, &mut again);
        assert_eq!(again, mirrored);
    }
}
