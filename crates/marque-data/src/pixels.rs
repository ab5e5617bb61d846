//! Carrying out an [`AugmentPlan`] on pixels: H × W × 3 floats from 0 to 255.

use image::RgbImage;
use ndarray::{Array3, ArrayViewMut3, s};

use crate::augment::{AugmentPlan, ColorPlan};
use crate::preprocess::{Crop, resample};
use crate::rectangle::RectanglePlan;
use crate::transform::grey;
use crate::{Error, ImageSize, Preprocess, Sample, View};

impl Preprocess {
    /// A photo as the network would see it in training: cropped or resized, changed by `plan` and normalised.
    /// 3 × H × W of `image_size`, channels-last in memory.
    ///
    /// # Errors
    /// Those of [`Preprocess::resize_image`].
    ///
    /// ```
    /// use marque_data::{Augment, ImageSize, Preprocess};
    ///
    /// let photo = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 90]));
    /// let preprocess = Preprocess { image_size: ImageSize { height: 12, width: 16 }, ..Preprocess::default() };
    /// let tensor = preprocess.augmented(&photo, &Augment::strong().plan(42, 0, 0))?;
    /// assert_eq!(tensor.shape(), [3, 12, 16]);
    /// # Ok::<(), marque_data::Error>(())
    /// ```
    pub fn augmented(&self, photo: &RgbImage, plan: &AugmentPlan) -> Result<Array3<f32>, Error> {
        let ImageSize { height, width } = self.image_size;
        let base = self.base(photo, plan)?;
        let mut pixels = Array3::zeros((height, width, 3));
        self.write(&base, plan, pixels.view_mut());
        Ok(pixels.permuted_axes([2, 0, 1]))
    }

    /// The photo at its final size: the crop of `plan`, or the resized photo.
    pub(crate) fn base(&self, photo: &RgbImage, plan: &AugmentPlan) -> Result<RgbImage, Error> {
        let Some(crop) = &plan.crop else {
            return self.resize_image(photo);
        };
        let found = crop.fitting_or_central(photo.width(), photo.height(), self.image_size.aspect());
        let [left, top, width, height] = [found.left, found.top, found.width, found.height].map(f64::from);
        resample(
            photo,
            Crop {
                left,
                top,
                width,
                height,
            },
            self.image_size,
        )
    }

    /// What the loader may keep between epochs: the same for every plan with or without a crop.
    pub(crate) fn keepable(
        &self,
        sample: &Sample,
        plan: &AugmentPlan,
        view: Option<&View>,
    ) -> Result<RgbImage, Error> {
        let photo = sample.decode()?;
        match (&plan.crop, view) {
            (Some(_), _) => Ok(photo),
            (None, Some(view)) => self.view(&photo, view),
            (None, None) => self.resize_image(&photo),
        }
    }

    /// Writes an image of the final size into `out` (H × W × 3), changed by `plan` and normalised.
    pub(crate) fn write(&self, base: &RgbImage, plan: &AugmentPlan, mut out: ArrayViewMut3<'_, f32>) {
        let changed = (!plan.operations.is_empty()).then(|| {
            let operations = plan.operations.iter();
            operations.fold(base.clone(), |image, operation| operation.applied(image))
        });
        let base = changed.as_ref().unwrap_or(base);
        let moved = plan.row_shift != 0.0 || plan.column_shift != 0.0;
        if moved || plan.horizontal_flip || plan.color.is_some() {
            shift_and_flip(base, plan, out.view_mut());
            if let Some(color) = plan.color {
                recolor(color, out.view_mut());
            }
            self.normalise_in_place(out.view_mut());
        } else if let Some(values) = out.as_slice_mut() {
            self.normalise_bytes(base.as_raw(), values);
        }
        if let Some(erasing) = &plan.erasing {
            erase(erasing, out);
        }
    }
}

/// Two neighbouring positions and the weight of the second.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    second: usize,
    weight: f32,
}

/// Where each position of a shifted axis of `length` px comes from. Positions outside are those of the edge.
fn taps(length: usize, shift_px: f64) -> impl Iterator<Item = Taps> {
    let last = length.saturating_sub(1) as f64;
    (0..length).map(move |position| {
        let source = (position as f64 + shift_px).clamp(0.0, last);
        let first = source.floor();
        Taps {
            first: first as usize,
            second: (first + 1.0).min(last) as usize,
            weight: (source - first) as f32,
        }
    })
}

/// Linear interpolation in both directions, then mirroring: what Keras does through scipy's `affine_transform` of
/// order 1 with mode `nearest`.
fn shift_and_flip(base: &RgbImage, plan: &AugmentPlan, mut out: ArrayViewMut3<'_, f32>) {
    let (width, height) = (base.width() as usize, base.height() as usize);
    let mut columns: Vec<Taps> = taps(width, f64::from(plan.column_shift) * width as f64).collect();
    if plan.horizontal_flip {
        columns.reverse();
    }
    let Some(values) = out.as_slice_mut() else {
        return;
    };
    let rows = taps(height, f64::from(plan.row_shift) * height as f64);
    let source = base.as_raw();
    let stride = width * 3;
    let mut blended = vec![0.0_f32; stride];
    for (row, line) in rows.zip(values.chunks_exact_mut(stride.max(1))) {
        let upper = &source[row.first * stride..][..stride];
        let lower = &source[row.second * stride..][..stride];
        for ((value, &above), &below) in blended.iter_mut().zip(upper).zip(lower) {
            *value = f32::from(above) + (f32::from(below) - f32::from(above)) * row.weight;
        }
        for (column, pixel) in columns.iter().zip(line.chunks_exact_mut(3)) {
            let left = &blended[column.first * 3..][..3];
            let right = &blended[column.second * 3..][..3];
            for channel in 0..3 {
                pixel[channel] = left[channel] + (right[channel] - left[channel]) * column.weight;
            }
        }
    }
}

/// Brightness, contrast and saturation, in this order, each clamped to 0 to 255.
fn recolor(color: ColorPlan, mut pixels: ArrayViewMut3<'_, f32>) {
    let Some(values) = pixels.as_slice_mut() else {
        return;
    };
    let mut grey_sum = 0.0_f64;
    for pixel in values.chunks_exact_mut(3) {
        for value in pixel.iter_mut() {
            *value = (*value * color.brightness).clamp(0.0, 255.0);
        }
        grey_sum += f64::from(grey(pixel));
    }
    let mean = (grey_sum / (values.len() / 3).max(1) as f64) as f32;
    for pixel in values.chunks_exact_mut(3) {
        for value in pixel.iter_mut() {
            *value = blend(*value, mean, color.contrast);
        }
        let own = grey(pixel);
        for value in pixel.iter_mut() {
            *value = blend(*value, own, color.saturation);
        }
    }
}

fn blend(value: f32, towards: f32, factor: f32) -> f32 {
    (factor * value + (1.0 - factor) * towards).clamp(0.0, 255.0)
}

/// Sets a rectangle to 0; an image that no try fits into stays whole.
fn erase(erasing: &RectanglePlan, mut pixels: ArrayViewMut3<'_, f32>) {
    let (height, width, _) = pixels.dim();
    // Of a rectangle that is not scaled, the aspect is that in pixels: relative to a square.
    if let Some(found) = erasing.fitting(width as u32, height as u32, 1.0) {
        let [left, top, width, height] =
            [found.left, found.top, found.width, found.height].map(|px| px as usize);
        pixels
            .slice_mut(s![top..top + height, left..left + width, ..])
            .fill(0.0);
    }
}
