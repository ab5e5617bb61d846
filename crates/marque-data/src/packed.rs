//! Pixels of images, and copies of them with three bytes a pixel.

use crate::ImageSize;
use crate::pixels::Pixels;
use crate::scratch::of_length;
use crate::wide::{self, Loop};
use image::{RgbImage, RgbaImage};

impl<'a> From<&'a RgbImage> for Pixels<'a> {
    fn from(image: &'a RgbImage) -> Self {
        Pixels::of(image)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
