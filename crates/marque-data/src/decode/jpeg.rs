//! JPEGs: what the decoder at hand does not say, or gets wrong.
//!
//! `zune-jpeg` decodes ordinary photos fast, but fills with grey whatever is missing, and has no right answer for
//! components in scans of their own. So each file is surveyed first: the markers are read and the entropy-coded scans are
//! counted through, without computing a pixel. A picture that is not all there is an error; one that is complete ends
//! there, whatever a phone has put behind it; and rare kinds go to `jpeg-decoder`, which is slower and more general.

mod bits;
mod frame;
mod scan;
mod survey;
mod tables;

use std::borrow::Cow;
use std::path::Path;

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{ColorTransform, PixelFormat};

pub(super) use survey::{ColorSpace, Survey, header_segments};

use super::MAX_IMAGE_BYTES;
use crate::Error;

impl Survey {
    /// The file as a decoder should see it: it ends where the picture does, and lacks no table.
    pub(super) fn prepared<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
        let picture = bytes.get(..self.end).unwrap_or(bytes);
        let ended = picture.ends_with(&END_OF_IMAGE);
        if ended && !self.lacks_tables {
            return Cow::Borrowed(picture);
        }
        let (start, rest) = picture.split_at(picture.len().min(2));
        let tables = if self.lacks_tables {
            tables::standard_segment()
        } else {
            Vec::new()
        };
        let end = if ended { &[][..] } else { &END_OF_IMAGE };
        Cow::Owned([start, &tables, rest, end].concat())
    }

    /// Whether `zune-jpeg` would give wrong pixels.
    pub(super) fn is_rare(&self) -> bool {
        self.scans_apart || self.colors_unusual
    }
}

/// Decodes a file of a rare kind.
pub(super) fn decode_rare(survey: &Survey, bytes: &[u8], name: &Path) -> Result<DynamicImage, Error> {
    let failed = |source| Error::DecodeJpeg {
        path: name.to_owned(),
        source,
    };
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_IMAGE_BYTES as usize);
    decoder.set_color_transform(match survey.color_space {
        ColorSpace::Grey => ColorTransform::Grayscale,
        ColorSpace::Rgb => ColorTransform::RGB,
        ColorSpace::YCbCr => ColorTransform::YCbCr,
        ColorSpace::Cmyk => ColorTransform::CMYK,
        ColorSpace::Ycck => ColorTransform::YCCK,
    });
    let samples = decoder.decode().map_err(failed)?;
    let Some(info) = decoder.info() else {
        return Err(failed(jpeg_decoder::Error::Format("no frame".to_owned())));
    };
    let (width_px, height_px) = (u32::from(info.width), u32::from(info.height));
    let image = match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        PixelFormat::RGB24 => RgbImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        PixelFormat::CMYK32 => {
            RgbImage::from_raw(width_px, height_px, without_key(&samples)).map(DynamicImage::from)
        }
        PixelFormat::L16 => None,
    };
    image.ok_or_else(|| failed(jpeg_decoder::Error::Format("no 8-bit pixels".to_owned())))
}

/// RGB of cyan, magenta, yellow and key, each 255 for full ink.
fn without_key(samples: &[u8]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<4>();
    let rgb = |&[cyan, magenta, yellow, key]: &[u8; 4]| {
        let light = 255 - u32::from(key);
        [cyan, magenta, yellow].map(|ink| (((255 - u32::from(ink)) * light + 127) / 255) as u8)
    };
    pixels.iter().flat_map(rgb).collect()
}
