//! The one pass that makes floats of a photo's bytes in training: shift, mirroring and normalisation, into its place in a batch.
//!
//! What leaves bytes as they are [looks the result up](crate::look_up). What interpolates computes, in the order that a pass for each
//! step would have.

use crate::Preprocess;
use crate::look_up::{Taps, normal};
use crate::scratch::of_length;
use crate::wide::Loop;

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
}
