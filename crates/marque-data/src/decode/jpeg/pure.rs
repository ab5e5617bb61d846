//! The decoders in Rust: `zune-jpeg` for what is usual, `jpeg-decoder` for what is rare or wanted smaller.

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use jpeg_decoder::{ColorTransform, ImageInfo, PixelFormat};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Output;
use super::survey::{ColorSpace, Survey};
use crate::decode::{MAX_IMAGE_BYTES, MAX_SIDE_PX};
use crate::scratch::of_length;

/// What a decoder does about data that make no sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Strict,
    Lenient,
}

/// Decodes a file of the usual kinds.
pub(super) fn decode_common(
    survey: &Survey,
    bytes: &[u8],
    strictness: Strictness,
    output: &mut Output<'_>,
) -> Result<DynamicImage, zune_jpeg::errors::DecodeErrors> {
    use zune_jpeg::zune_core::colorspace::ColorSpace as Samples;
    let out = match survey.color_space {
        ColorSpace::Grey => Samples::Luma,
        ColorSpace::YCbCr if output.is_wide => Samples::RGBA,
        _ => Samples::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(strictness == Strictness::Strict)
        .set_max_width(MAX_SIDE_PX as usize)
        .set_max_height(MAX_SIDE_PX as usize)
        .jpeg_set_out_colorspace(out);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    let [width_px, height_px] = survey.size_px;
    let length = width_px as usize * height_px as usize * out.num_components();
    if decoder.output_buffer_size() != Some(length) {
        return Err(zune_jpeg::errors::DecodeErrors::FormatStatic(
            "the size of the pixels is not that of the frame",
        ));
    }
    let buffer = of_length(&mut output.buffer, length);
    if strictness == Strictness::Lenient {
        // Where data are missing, no pixel may be that of another photo.
        buffer.fill(0);
    }
    decoder.decode_into(buffer)?;
    let samples = std::mem::take(&mut output.buffer);
    let image = match out {
        Samples::Luma => GrayImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        Samples::RGBA => RgbaImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        _ => RgbImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
    };
    image.ok_or(zune_jpeg::errors::DecodeErrors::FormatStatic(
        "the pixels are not those of the frame",
    ))
}

/// Decodes a file of a rare kind.
pub(super) fn decode_rare(survey: &Survey, bytes: &[u8]) -> Result<DynamicImage, jpeg_decoder::Error> {
    let mut decoder = general(survey, bytes);
    let samples = decoder.decode()?;
    image_of(survey.size_px, decoder.info(), samples)
        .ok_or_else(|| jpeg_decoder::Error::Format("no 8-bit pixels of the frame's size".to_owned()))
}

/// Decodes a file to a half, a quarter or an eighth of its sides. `None` where anything is odd.
#[cfg(not(feature = "turbojpeg"))]
pub(super) fn decode_scaled(survey: &Survey, bytes: &[u8], divisor: u32) -> Option<DynamicImage> {
    let size_px = survey.size_px.map(|side| side.div_ceil(divisor));
    let [width, height] = size_px.map(|side| u16::try_from(side).ok());
    let mut decoder = general(survey, bytes);
    if decoder.scale(width?, height?).ok()? != (width?, height?) {
        return None;
    }
    let samples = decoder.decode().ok()?;
    image_of(size_px, decoder.info(), samples)
}

fn general<'a>(survey: &Survey, bytes: &'a [u8]) -> jpeg_decoder::Decoder<&'a [u8]> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_IMAGE_BYTES as usize);
    decoder.set_color_transform(match survey.color_space {
        ColorSpace::Grey => ColorTransform::Grayscale,
        ColorSpace::Rgb => ColorTransform::RGB,
        ColorSpace::YCbCr => ColorTransform::YCbCr,
        ColorSpace::Cmyk => ColorTransform::CMYK,
        ColorSpace::Ycck => ColorTransform::YCCK,
    });
    decoder
}

/// An image of this width and height; `None` if the samples are not those of one.
fn image_of(
    [width_px, height_px]: [u32; 2],
    info: Option<ImageInfo>,
    samples: Vec<u8>,
) -> Option<DynamicImage> {
    match info?.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        PixelFormat::RGB24 => RgbImage::from_raw(width_px, height_px, samples).map(DynamicImage::from),
        PixelFormat::CMYK32 => {
            RgbImage::from_raw(width_px, height_px, without_key(&samples)).map(DynamicImage::from)
        }
        PixelFormat::L16 => None,
    }
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
