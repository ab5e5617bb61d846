//! libjpeg-turbo: the pixels that Pillow and torchvision have, to the bit.

use std::cell::Cell;

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};

use super::Output;
use super::survey::{ColorSpace, MAX_SCANS, Survey};
use crate::scratch::of_length;

thread_local! {
    /// Setting one up takes as long as a small photo's header, so that each thread keeps its own.
    static OWN: Cell<Option<Decompressor>> = const { Cell::new(None) };
}

/// Decodes a file of one or three components, its sides divided by `divisor`. `None` where the library objects to anything, were it
/// a warning: data that end early are one to it.
pub(super) fn decode(
    survey: &Survey,
    bytes: &[u8],
    divisor: u32,
    output: &mut Output<'_>,
) -> Option<DynamicImage> {
    let (format, samples) = match survey.color_space {
        ColorSpace::Grey => (PixelFormat::GRAY, 1),
        ColorSpace::Cmyk | ColorSpace::Ycck => return None,
        ColorSpace::Rgb | ColorSpace::YCbCr if output.is_wide => (PixelFormat::RGBA, 4),
        ColorSpace::Rgb | ColorSpace::YCbCr => (PixelFormat::RGB, 3),
    };
    let mut decompressor = OWN.take().or_else(new)?;
    let [width, height] = survey.size_px.map(|side| side.div_ceil(divisor));
    let pitch = width as usize * samples;
    let image = Image {
        pixels: of_length(&mut output.buffer, pitch * height as usize),
        width: width as usize,
        pitch,
        height: height as usize,
        format,
    };
    let decoded = decompress(&mut decompressor, survey, bytes, divisor, image);
    OWN.set(Some(decompressor));
    decoded?;
    let pixels = std::mem::take(&mut output.buffer);
    match samples {
        1 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        4 => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
    }
}

fn new() -> Option<Decompressor> {
    let mut decompressor = Decompressor::new().ok()?;
    decompressor.set_scan_limit(MAX_SCANS as u32).ok()?;
    Some(decompressor)
}

fn decompress(
    decompressor: &mut Decompressor,
    survey: &Survey,
    bytes: &[u8],
    divisor: u32,
    image: Image<&mut [u8]>,
) -> Option<()> {
    decompressor
        .set_scaling_factor(ScalingFactor::new(1, divisor as usize))
        .ok()?;
    let header = decompressor.read_header(bytes).ok()?;
    // Every pixel of the buffer is written then.
    let agrees = [header.width, header.height] == survey.size_px.map(|side| side as usize);
    agrees.then(|| decompressor.decompress(bytes, image).ok())?
}
