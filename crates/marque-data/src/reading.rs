//! Preprocessing of images, and of photos in files.

use std::path::Path;

use image::RgbImage;
use marque_resize::Rectangle;
use ndarray::Array3;

use crate::decode::{Wide, decode_wide, read_file};
use crate::pixels::Pixels;
use crate::preprocess::{Resize, dimensions, framed};
use crate::resample::resample;
use crate::scratch::Scratch;
use crate::{Error, ImageSize, Preprocess, SettingError, View};

impl Preprocess {
    /// Brings a photo of any size to `image_size`.
    ///
    /// # Errors
    /// [`Error::NoPixels`] for an image without pixels, [`Error::Setting`] for an image size out of range.
    pub fn resize_image(&self, image: &RgbImage) -> Result<RgbImage, Error> {
        resize(image, self.image_size, self.resize)
    }

    /// Brings a photo of any size to that of a view, as [`resize_image`](Self::resize_image) does it to its own.
    ///
    /// # Errors
    /// As [`resize_image`](Self::resize_image).
    pub fn view(&self, photo: &RgbImage, view: &View) -> Result<RgbImage, Error> {
        resampled(photo, self.viewed(photo.dimensions(), view)?, view.image_size)
    }

    /// Reads the photo at `path` and brings it to the size of a view, decoded [no larger than it must be](Self::scaled_decoding).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read_view(&self, path: &Path, view: &View) -> Result<RgbImage, Error> {
        self.with_image_size(view.image_size)
            .read_framed(path, &|size| self.viewed(size, view))
    }

    /// Reads, resizes and normalises the photo at `path`: 3 × H × W of `image_size`.
    ///
    /// # Errors
    /// Those of [`decode`](crate::decode()), which name the path, and of [`Preprocess::resize_image`].
    pub fn load(&self, path: &Path) -> Result<Array3<f32>, Error> {
        Ok(self.tensor(&self.read_image(path)?))
    }

    /// Reads the photo at `path` and brings it to `image_size`: [`decode`](crate::decode()) and
    /// [`resize_image`](Self::resize_image), but for [`scaled_decoding`](Self::scaled_decoding).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read_image(&self, path: &Path) -> Result<RgbImage, Error> {
        self.read_framed(path, &|size| framed(size, self.image_size, self.resize))
    }

    /// Reads the photo at `path` and brings the rectangle that `frame` finds in it to `image_size`.
    pub(crate) fn read_framed(
        &self,
        path: &Path,
        frame: &dyn Fn((u32, u32)) -> Result<Rectangle, SettingError>,
    ) -> Result<RgbImage, Error> {
        let bytes = read_file(path)?;
        Scratch::with(|scratch| {
            let mut resized = std::mem::take(&mut scratch.resized);
            self.decode_and_resize(Photo { bytes: &bytes, path }, frame, scratch, &mut resized)?;
            let image = Pixels::wide(&resized, self.image_size).to_image();
            scratch.resized = resized;
            Ok(image)
        })
    }

    /// Decodes a photo, no larger than it must be, and brings the rectangle that `frame` finds in it to `image_size`, with four bytes
    /// a pixel.
    pub(crate) fn decode_and_resize(
        &self,
        photo: Photo<'_>,
        frame: &dyn Fn((u32, u32)) -> Result<Rectangle, SettingError>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let divisor = |full_px| match frame(full_px) {
            Ok(crop) => self.divisor(crop),
            // Said when the photo is there.
            Err(_) => 1,
        };
        let memory = std::mem::take(&mut scratch.decoded);
        let Wide { image, full_px } = decode_wide(photo.bytes, photo.path, memory, &divisor)?;
        let crop = in_copy(frame(full_px)?, full_px, image.dimensions());
        resample(
            Pixels::of_wide(&image),
            crop,
            self.image_size,
            &mut scratch.resizer,
            out,
        )?;
        scratch.decoded = image.into_raw();
        Ok(())
    }

    /// By how much smaller a photo may be decoded of which this rectangle is looked at.
    fn divisor(&self, crop: Rectangle) -> u32 {
        let Some(factor) = self.scaled_decoding.map(f64::from) else {
            return 1;
        };
        let [width, height] =
            [self.image_size.width, self.image_size.height].map(|side| factor * side as f64);
        let is_enough = |divisor: u32| {
            let divisor = f64::from(divisor);
            crop.width >= divisor * width && crop.height >= divisor * height
        };
        [8, 4, 2]
            .into_iter()
            .find(|&divisor| is_enough(divisor))
            .unwrap_or(1)
    }

    /// Undoes the normalisation, for showing what a network saw: 3 × H × W back to 8-bit RGB, clamped and rounded.
    pub fn image(&self, tensor: ndarray::ArrayView3<'_, f32>) -> RgbImage {
        let (height, width) = (tensor.shape()[1], tensor.shape()[2]);
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            image::Rgb(std::array::from_fn(|channel| {
                let value = tensor
                    .get((channel, y as usize, x as usize))
                    .copied()
                    .unwrap_or(0.0);
                // A cast from float to u8 saturates.
                ((value * self.std[channel] + self.mean[channel]) * 255.0).round() as u8
            }))
        })
    }
}

/// The same part of a copy of the photo that has another width and height.
fn in_copy(part: Rectangle, full_px: (u32, u32), copy_px: (u32, u32)) -> Rectangle {
    if full_px == copy_px {
        return part;
    }
    let scaled = |start: f64, length: f64, full: u32, copy: u32| {
        let (full, copy) = (f64::from(full), f64::from(copy));
        let start = start * copy / full;
        // Rounding must not lead out of the copy.
        (start, (length * copy / full).min(copy - start))
    };
    let (left, width) = scaled(part.left, part.width, full_px.0, copy_px.0);
    let (top, height) = scaled(part.top, part.height, full_px.1, copy_px.1);
    Rectangle {
        left,
        top,
        width,
        height,
    }
}

/// A file's content and what errors call it.
#[derive(Clone, Copy)]
pub(crate) struct Photo<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) path: &'a Path,
}

pub(crate) fn resize(image: &RgbImage, image_size: ImageSize, resize: Resize) -> Result<RgbImage, Error> {
    let crop = framed(image.dimensions(), image_size, resize)?;
    resampled(image, crop, image_size)
}

/// Resamples a rectangle of `image` to `image_size`.
pub(crate) fn resampled(image: &RgbImage, crop: Rectangle, image_size: ImageSize) -> Result<RgbImage, Error> {
    let (width, height) = dimensions(image_size)?;
    let mut out = Vec::new();
    Scratch::with(|scratch| {
        resample(
            Pixels::of(image),
            crop,
            image_size,
            &mut scratch.resizer,
            &mut out,
        )
    })?;
    // The length is that of the size by construction.
    Ok(RgbImage::from_raw(width, height, out).unwrap_or_default())
}
