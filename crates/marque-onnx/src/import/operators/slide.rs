//! Steps and borders of windows, and how a graph says them.

use super::super::constants::place;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Kind, Known, StepId};
use super::super::value::Signal;
use super::windows::one;
use crate::error::Fault;
use marque_arch::{Border, ImageSize, Padding, Window};
use marque_weights::Tensor;

/// What is added above, on the left, below and on the right.
pub(super) type Border4 = [usize; 4];

/// How a window slides over the maps of a step.
pub(super) struct Sliding {
    /// What it slides over, without the zeros that a node before has added.
    pub(super) source: StepId,
    pub(super) stride: usize,
    /// All that is around the maps, but for what `is_same` adds.
    pub(super) border: Border4,
    /// What the node itself adds of it.
    pub(super) own_border: Border4,
    /// Whether a node before has added zeros.
    pub(super) has_zeros: bool,
    /// Whether the node adds as much as Keras's `same`.
    pub(super) is_same: bool,
    extent: ImageSize,
}

impl Sliding {
    /// Of a window that reaches over `extent`.
    pub(super) fn of(
        importer: &Importer<'_, '_>,
        site: &Site<'_, '_>,
        signal: &Signal,
        extent: ImageSize,
    ) -> Result<Self, Halt> {
        let stride = one(site, "strides")?;
        let mut sliding = Self {
            source: signal.step,
            stride,
            border: Border4::default(),
            own_border: Border4::default(),
            has_zeros: false,
            is_same: false,
            extent,
        };
        if let Kind::Border(border) = importer.kind(signal.step) {
            sliding.source = importer.first_input(signal.step);
            sliding.border = [border.top, border.left, border.bottom, border.right];
            sliding.has_zeros = true;
        }
        match site.attributes.text("auto_pad").unwrap_or(b"NOTSET") {
            b"NOTSET" | b"VALID" => (),
            b"SAME_UPPER" => sliding.is_same = true,
            // The surplus comes above and on the left: with stride 1 and an odd window there is none.
            b"SAME_LOWER" if stride == 1 && extent.height % 2 == 1 && extent.width % 2 == 1 => {
                sliding.is_same = true
            }
            other => return refuse(format!("its auto_pad is {}", String::from_utf8_lossy(other))),
        }
        if sliding.is_same && sliding.has_zeros {
            return refuse("its border depends on the size of maps to which zeros have been added");
        }
        if let (false, Some(pads)) = (sliding.is_same, site.attributes.integers("pads")) {
            let pads: Vec<usize> = pads.iter().filter_map(|&pad| usize::try_from(pad).ok()).collect();
            let Ok(pads) = Border4::try_from(pads) else {
                return refuse("its pads are no four numbers from 0 up");
            };
            sliding.own_border = pads;
            for (all, own) in sliding.border.iter_mut().zip(pads) {
                *all = all.saturating_add(own);
            }
        }
        Ok(sliding)
    }

    /// How a graph says the border, if it can: equal on opposite sides, or what `same` adds to maps of the size that the file is
    /// for.
    pub(super) fn padding(&self, source: Known) -> Option<Padding> {
        if self.is_same {
            return Some(Padding::Same);
        }
        let [top, left, bottom, right] = self.border;
        if top == bottom && left == right {
            return Some(Padding::Symmetric {
                height: top,
                width: left,
            });
        }
        let is_same = self.same_border(source) == Some(self.border);
        is_same.then_some(Padding::Same)
    }

    fn same_border(&self, source: Known) -> Option<Border4> {
        let window = Window {
            extent: self.extent,
            stride: self.stride,
            padding: Padding::Same,
            ceil_mode: false,
        };
        let size = ImageSize {
            height: source.height?,
            width: source.width?,
        };
        let border = window.border(size)?;
        Some([border.top, border.left, border.bottom, border.right])
    }

    /// Whether `same` adds anything to maps of this size; where the size is not known, it may.
    pub(super) fn needs_border(&self, source: Known) -> bool {
        let never =
            self.stride >= self.extent.height.max(self.extent.width) && self.extent == ImageSize::square(1);
        !never && self.same_border(source) != Some(Border4::default())
    }

    /// Zeros that a filter is to get on its four sides, so that it takes a border that is the same on opposite sides, and that
    /// border.
    pub(super) fn evened(&self) -> (Border4, Padding) {
        let [top, left, bottom, right] = self.border;
        let (height, width) = (top.max(bottom), left.max(right));
        let added = [height - top, width - left, height - bottom, width - right];
        (added, Padding::Symmetric { height, width })
    }
}

/// Zeros that a filter may get on a side: no border of a network's is less even.
const MOST_ADDED: usize = 16;

/// A filter with zeros around it; `None` if these are too many.
pub(super) fn widen(
    weight: &Tensor,
    added: Border4,
    charge: impl FnOnce(usize) -> Result<(), Fault>,
) -> Result<Option<Tensor>, Halt> {
    let (&[outputs, inputs, height, width], Some(values)) = (weight.shape(), weight.to_f32()) else {
        return Ok(None);
    };
    if added.iter().any(|&added| added > MOST_ADDED) {
        return Ok(None);
    }
    let [top, left, bottom, right] = added;
    let (rows, columns) = (height + top + bottom, width + left + right);
    let count = [outputs, inputs, rows, columns]
        .into_iter()
        .try_fold(1_usize, |count, extent| count.checked_mul(extent));
    let Some(count) = count else {
        return Ok(None);
    };
    charge(count.saturating_mul(4))?;
    let mut wider = vec![0.0_f32; count];
    for (filter, target) in values
        .chunks(height * width)
        .zip(wider.chunks_mut(rows * columns))
    {
        for (row, line) in filter.chunks(width).enumerate() {
            let start = (top + row) * columns + left;
            target[start..start + width].copy_from_slice(line);
        }
    }
    Ok(Tensor::from_f32(&[outputs, inputs, rows, columns], &wider).ok())
}

/// What is known of the maps behind a window; `None` if it does not fit.
pub(super) fn slide(source: Known, window: Window) -> Option<Known> {
    let (Some(height), Some(width)) = (source.height, source.width) else {
        // Of a map of one pixel one pixel remains where the window is no larger.
        return Some(Known {
            height: None,
            width: None,
            ..source
        });
    };
    let Border {
        top,
        bottom,
        left,
        right,
    } = window.border(ImageSize { height, width })?;
    let count = |length: usize, before: usize, behind: usize, extent: usize| {
        let padded = length.checked_add(before)?.checked_add(behind)?;
        let room = padded.checked_sub(extent)?;
        if !window.ceil_mode {
            return Some(room / window.stride + 1);
        }
        let last = room.div_ceil(window.stride);
        // A window that begins behind the map does not count.
        Some(if last.saturating_mul(window.stride) >= length + before {
            last
        } else {
            last + 1
        })
    };
    Some(Known {
        height: Some(count(height, top, bottom, window.extent.height)?),
        width: Some(count(width, left, right, window.extent.width)?),
        ..source
    })
}

/// Which dimensions a slice leaves as they are, and of which it takes every so many.
pub(super) fn steps(site: &Site<'_, '_>, rank: usize) -> Result<Vec<(usize, i64, i64, i64)>, Halt> {
    let starts = site.integers(1, "starts")?.unwrap_or_default();
    let ends = site.integers(2, "ends")?.unwrap_or_default();
    let count = i64::try_from(starts.len()).unwrap_or(i64::MAX);
    let axes = site.integers(3, "axes")?.unwrap_or_else(|| (0..count).collect());
    let steps = site
        .integers(4, "steps")?
        .unwrap_or_else(|| vec![1; starts.len()]);
    let is_even = [ends.len(), axes.len(), steps.len()] == [starts.len(); 3];
    let places: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, rank)).collect();
    let Some(places) = places.filter(|_| is_even) else {
        return refuse(format!(
            "its starts are {starts:?}, its ends {ends:?}, its axes {axes:?}"
        ));
    };
    let cuts = places.into_iter().zip(starts).zip(ends).zip(steps);
    Ok(cuts
        .map(|(((place, start), end), step)| (place, start, end, step))
        .collect())
}
