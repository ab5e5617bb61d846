//! Pixels that somebody has decoded, as they lie in memory.

use crate::Error;

/// The pixels of a decoded photo, row by row from the top: three bytes for each, red, green and blue, or four, of which the last says
/// nothing.
///
/// An `image::RgbImage` becomes one by `From`, where the crate is built with its feature `photos`.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether each pixel has four bytes.
    pub(crate) is_wide: bool,
}

impl<'a> Pixels<'a> {
    /// Three bytes for each pixel.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if there are not as many as the sides say.
    pub fn rgb(bytes: &'a [u8], width_px: u32, height_px: u32) -> Result<Self, Error> {
        Self::checked(bytes, (width_px, height_px), false)
    }

    /// Four bytes for each pixel, the last of which is not looked at: see [`over_white`] for photos in which it says something.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if there are not as many as the sides say.
    ///
    /// ```
    /// use marque_data::Pixels;
    ///
    /// assert!(Pixels::rgba(&[0; 24], 3, 2).is_ok());
    /// assert!(Pixels::rgba(&[0; 23], 3, 2).is_err());
    /// ```
    pub fn rgba(bytes: &'a [u8], width_px: u32, height_px: u32) -> Result<Self, Error> {
        Self::checked(bytes, (width_px, height_px), true)
    }

    fn checked(bytes: &'a [u8], (width_px, height_px): (u32, u32), is_wide: bool) -> Result<Self, Error> {
        let pixels = Pixels {
            bytes,
            width: width_px as usize,
            height: height_px as usize,
            is_wide,
        };
        // In 64 bits on every machine; what does not fit into them is more than there can be.
        let pixel_count = u64::from(width_px) * u64::from(height_px);
        let expected = pixel_count.saturating_mul(pixels.bytes_per_pixel() as u64);
        if expected != bytes.len() as u64 {
            return Err(Error::PixelCount {
                width_px,
                height_px,
                expected_bytes: expected,
                found_bytes: bytes.len(),
            });
        }
        Ok(pixels)
    }

    pub(crate) fn bytes_per_pixel(&self) -> usize {
        if self.is_wide { 4 } else { 3 }
    }
}

/// Composites pixels of four bytes, whose last is the opacity and in which it is not multiplied yet, over white, as marque does it to
/// every transparent photo that it decodes.
///
/// ```
/// let mut pixels = [9, 8, 7, 255, 9, 8, 7, 0, 0, 100, 200, 128];
/// marque_data::over_white(&mut pixels);
/// assert_eq!(pixels, [9, 8, 7, 255, 255, 255, 255, 255, 127, 177, 227, 255]);
/// ```
pub fn over_white(rgba: &mut [u8]) {
    for pixel in rgba.chunks_exact_mut(4) {
        let [red, green, blue, alpha] = pixel else {
            continue;
        };
        for channel in [red, green, blue] {
            *channel = sample_over_white(*channel, *alpha);
        }
        *alpha = u8::MAX;
    }
}

/// One sample of a pixel of this opacity over white.
pub(crate) fn sample_over_white(sample: u8, alpha: u8) -> u8 {
    let white = 255 * (255 - u32::from(alpha));
    ((u32::from(sample) * u32::from(alpha) + white + 127) / 255) as u8
}
