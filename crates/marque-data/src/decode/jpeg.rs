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

pub(super) use survey::header_segments;

use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{MAX_IMAGE_BYTES, MAX_SIDE_PX};
use crate::Error;
use survey::{ColorSpace, Depth, Survey};

const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Decodes a JPEG, as it is stored: not yet turned upright.
pub(super) fn decode(bytes: &[u8], name: &Path) -> Result<DynamicImage, Error> {
    let survey = Survey::of(bytes, name, Depth::Markers)?;
    if !survey.is_rare()
        && let Some(end) = survey.uncounted
        && let Ok(image) = decode_common(&survey, &fenced(&bytes[..end]), Strictness::Strict)
    {
        return Ok(image);
    }
    // Not enough data, or something that is unusual: only counting tells which.
    let survey = Survey::of(bytes, name, Depth::Blocks)?;
    let prepared = survey.prepared(bytes);
    let decoded = if survey.is_rare() {
        decode_rare(&survey, &prepared).map_err(Into::into)
    } else {
        decode_common(&survey, &prepared, Strictness::Lenient).map_err(Into::into)
    };
    decoded.map_err(|source| Error::DecodeJpeg {
        path: name.to_owned(),
        source,
    })
}

/// The data of a picture with bits behind it that are no code of any table: a decoder that needs more data than there are
/// meets an error, and no grey. It looks ahead by 64 bits at most.
fn fenced(picture: &[u8]) -> Vec<u8> {
    const NO_CODE: [u8; 24] = [
        0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0,
        0xFF, 0,
    ];
    [picture, &NO_CODE, &END_OF_IMAGE].concat()
}

impl Survey {
    /// The file as a decoder should see it: it ends where the picture does, and lacks no table.
    fn prepared<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
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
    fn is_rare(&self) -> bool {
        self.scans_apart || self.colors_unusual
    }
}

/// What a decoder does about data that make no sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Strict,
    Lenient,
}

/// Decodes a file of the usual kinds.
fn decode_common(
    survey: &Survey,
    bytes: &[u8],
    strictness: Strictness,
) -> Result<DynamicImage, zune_jpeg::errors::DecodeErrors> {
    let out = match survey.color_space {
        ColorSpace::Grey => zune_jpeg::zune_core::colorspace::ColorSpace::Luma,
        _ => zune_jpeg::zune_core::colorspace::ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(strictness == Strictness::Strict)
        .set_max_width(MAX_SIDE_PX as usize)
        .set_max_height(MAX_SIDE_PX as usize)
        .jpeg_set_out_colorspace(out);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let samples = decoder.decode()?;
    let [width_px, height_px] = survey.size_px;
    let image = match survey.color_space {
        ColorSpace::Grey => GrayImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        _ => RgbImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
    };
    image.ok_or(zune_jpeg::errors::DecodeErrors::FormatStatic(
        "the size of the pixels is not that of the frame",
    ))
}

/// Decodes a file of a rare kind.
fn decode_rare(survey: &Survey, bytes: &[u8]) -> Result<DynamicImage, jpeg_decoder::Error> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_IMAGE_BYTES as usize);
    decoder.set_color_transform(match survey.color_space {
        ColorSpace::Grey => ColorTransform::Grayscale,
        ColorSpace::Rgb => ColorTransform::RGB,
        ColorSpace::YCbCr => ColorTransform::YCbCr,
        ColorSpace::Cmyk => ColorTransform::CMYK,
        ColorSpace::Ycck => ColorTransform::YCCK,
    });
    let samples = decoder.decode()?;
    let pixel_format = decoder.info().map(|info| info.pixel_format);
    let [width_px, height_px] = survey.size_px;
    let image = match pixel_format {
        Some(PixelFormat::L8) => GrayImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        Some(PixelFormat::RGB24) => RgbImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        Some(PixelFormat::CMYK32) => {
            RgbImage::from_raw(width_px, height_px, without_key(&samples)).map(DynamicImage::from)
        }
        None | Some(PixelFormat::L16) => None,
    };
    image.ok_or_else(|| jpeg_decoder::Error::Format("no 8-bit pixels of the frame's size".to_owned()))
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
