//! Carrying out an [`AugmentPlan`] on pixels: H × W × 3 floats from 0 to 255.

use image::RgbImage;
use marque_resize::Rectangle;
use ndarray::Array3;

use crate::augment::{AugmentPlan, ColorPlan};
use crate::last_pass::{Shift, are_whole, mirrored, taps};
use crate::look_up::{LookUp, normal};
use crate::pixels::Pixels;
use crate::preprocess::framed;
use crate::reading::resampled;
use crate::rectangle::RectanglePlan;
use crate::scratch::Scratch;
use crate::transform::grey;
use crate::wide::{self, Loop};
use crate::{Error, ImageSize, Preprocess, SettingError, View};

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
        let crop = self.looked_at(photo.dimensions(), plan, None)?;
        let base = resampled(photo, crop, self.image_size)?;
        let mut pixels = Array3::zeros((height, width, 3));
        if let Some(out) = pixels.as_slice_mut() {
            Scratch::with(|scratch| self.write(Pixels::of(&base), plan, scratch, out));
        }
        Ok(pixels.permuted_axes([2, 0, 1]))
    }

    /// The rectangle of a photo of these dimensions that becomes the image: the crop of `plan` where it has one, or else what
    /// `view` shows, or else what `resize` says.
    pub(crate) fn looked_at(
        &self,
        (width, height): (u32, u32),
        plan: &AugmentPlan,
        view: Option<&View>,
    ) -> Result<Rectangle, SettingError> {
        match (&plan.crop, view) {
            (Some(_), _) if width == 0 || height == 0 => {
                framed((width, height), self.image_size, self.resize)
            }
            (Some(crop), _) => {
                let found = crop.fitting_or_central(width, height, self.image_size.aspect());
                let [left, top, width, height] =
                    [found.left, found.top, found.width, found.height].map(f64::from);
                Ok(Rectangle {
                    left,
                    top,
                    width,
                    height,
                })
            }
            (None, Some(view)) => self.viewed((width, height), view),
            (None, None) => framed((width, height), self.image_size, self.resize),
        }
    }

    /// Writes an image of the final size into `out` (H × W × 3), changed by `plan` and normalised.
    pub(crate) fn write(&self, base: Pixels<'_>, plan: &AugmentPlan, scratch: &mut Scratch, out: &mut [f32]) {
        let Pixels { width, height, .. } = base;
        let changed = (!plan.operations.is_empty()).then(|| changed(base, plan));
        let base = changed.as_ref().map_or(base, Pixels::of);
        let rows = taps(height, f64::from(plan.row_shift) * height as f64);
        let mut columns = taps(width, f64::from(plan.column_shift) * width as f64);
        if plan.color.is_none() && are_whole(&rows) && are_whole(&columns) {
            if plan.horizontal_flip {
                columns.reverse();
            }
            let still = plan.row_shift == 0.0 && plan.column_shift == 0.0 && !plan.horizontal_flip;
            wide::run(LookUp {
                pixels: base,
                tables: scratch.tables.of(self),
                moved: (!still).then_some((&rows, &columns)),
                out,
            });
        } else {
            base.pack(plan.horizontal_flip, &mut scratch.packed);
            if plan.horizontal_flip {
                columns = mirrored(&columns);
            }
            wide::run(Shift {
                bytes: &scratch.packed,
                rows: &rows,
                columns: &columns,
                preprocess: plan.color.is_none().then_some(self),
                lines: &mut scratch.lines,
                out,
            });
            if let Some(color) = plan.color {
                wide::run(Recolor {
                    color,
                    preprocess: self,
                    pixels: out,
                });
            }
        }
        if let Some(erasing) = &plan.erasing {
            erase(erasing, (width, height), out);
        }
    }
}

/// The photo after the operations of a plan.
fn changed(base: Pixels<'_>, plan: &AugmentPlan) -> RgbImage {
    let photo = base.to_image();
    let operations = plan.operations.iter();
    operations.fold(photo, |photo, operation| operation.applied(photo))
}

/// Brightness, contrast and saturation, in this order, each clamped to 0 to 255; then normalisation.
struct Recolor<'a> {
    color: ColorPlan,
    preprocess: &'a Preprocess,
    /// H × W × 3.
    pixels: &'a mut [f32],
}

impl Loop for Recolor<'_> {
    #[inline(always)]
    fn run(self) {
        let Recolor {
            color,
            preprocess,
            pixels,
        } = self;
        let mut grey_sum = 0.0_f64;
        for pixel in pixels.chunks_exact_mut(3) {
            for value in pixel.iter_mut() {
                *value = (*value * color.brightness).clamp(0.0, 255.0);
            }
            grey_sum += f64::from(grey(pixel));
        }
        let mean = (grey_sum / (pixels.len() / 3).max(1) as f64) as f32;
        for pixel in pixels.chunks_exact_mut(3) {
            for value in pixel.iter_mut() {
                *value = blend(*value, mean, color.contrast);
            }
            let own = grey(pixel);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let colored = blend(*value, own, color.saturation);
                *value = normal(colored, preprocess.mean[channel], preprocess.std[channel]);
            }
        }
    }
}

#[inline(always)]
fn blend(value: f32, towards: f32, factor: f32) -> f32 {
    (factor * value + (1.0 - factor) * towards).clamp(0.0, 255.0)
}

/// Sets a rectangle to 0; an image that no try fits into stays whole.
fn erase(erasing: &RectanglePlan, (width, height): (usize, usize), out: &mut [f32]) {
    // Of a rectangle that is not scaled, the aspect is that in pixels: relative to a square.
    if let Some(found) = erasing.fitting(width as u32, height as u32, 1.0) {
        let [left, top, columns, rows] =
            [found.left, found.top, found.width, found.height].map(|px| px as usize);
        let lines = out.chunks_exact_mut((3 * width).max(1));
        for line in lines.skip(top).take(rows) {
            line[3 * left..3 * (left + columns)].fill(0.0);
        }
    }
}
