//! TIFFs: what `image` refuses although it is plain pixels, and what is no photo although it is a TIFF.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::directory::Directory;
use super::{MAX_IMAGE_BYTES, check_size};
use crate::Error;

const NEW_SUBFILE_TYPE: u16 = 254;
const BITS_PER_SAMPLE: u16 = 258;
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const SAMPLES_PER_PIXEL: u16 = 277;
const COLOR_MAP: u16 = 320;
const SAMPLE_FORMAT: u16 = 339;
const DNG_VERSION: u16 = 50_706;

const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u64 = 3;

/// Decodes a TIFF whose samples are indices into a palette, or grey with 2 or 4 bits; `None` for any other, which the
/// common way reads.
pub(super) fn decode_indexed(bytes: &[u8], name: &Path) -> Result<Option<DynamicImage>, Error> {
    let Some(directory) = Directory::first(bytes) else {
        return Ok(None);
    };
    refuse_unread(&directory, name)?;
    let bits = directory.unsigned(BITS_PER_SAMPLE).unwrap_or(1);
    let interpretation = directory.unsigned(PHOTOMETRIC_INTERPRETATION);
    let samples = directory.unsigned(SAMPLES_PER_PIXEL).unwrap_or(1);
    let colors: Vec<Rgb<u8>> = match (interpretation, bits) {
        (Some(PALETTE), 1..=8) if samples == 1 => palette(&directory, 1 << bits),
        (Some(WHITE_IS_ZERO), 2 | 4) if samples == 1 => greys(1 << bits).rev().collect(),
        (Some(1), 2 | 4) if samples == 1 => greys(1 << bits).collect(),
        _ => return Ok(None),
    };
    // To the decoder the indices are grey levels.
    let mut grey = bytes.to_vec();
    if let Some(at) = directory.position_of_short(PHOTOMETRIC_INTERPRETATION)
        && let Some(value) = grey.get_mut(at..at + 2)
    {
        value.copy_from_slice(&directory.short_bytes(BLACK_IS_ZERO));
    }
    let ([width_px, height_px], packed) = samples_of(grey, name)?;
    let row_bytes = (width_px as usize * bits as usize).div_ceil(8).max(1);
    let rows = packed.chunks_exact(row_bytes);
    let pixels = rows.flat_map(|row| row_indices(row, bits as usize).take(width_px as usize));
    let channels: Vec<u8> = pixels
        .flat_map(|index| colors.get(usize::from(index)).map_or([0; 3], |color| color.0))
        .collect();
    Ok(RgbImage::from_raw(width_px, height_px, channels).map(DynamicImage::from))
}

/// Refuses what has no pixels that could be shown without a choice, and files that begin with a preview.
fn refuse_unread(directory: &Directory, name: &Path) -> Result<(), Error> {
    const DEVELOP: &str = "develop it to JPEG, PNG or 8-bit TIFF";
    const EIGHT_BITS: &str = "save it with 8 bits per sample";
    let preview = directory.unsigned(NEW_SUBFILE_TYPE).unwrap_or(0) & 1 == 1;
    let format = directory.unsigned(SAMPLE_FORMAT).unwrap_or(1);
    let (found, advice) = if directory.unsigned(DNG_VERSION).is_some() {
        ("a camera's raw file (DNG)", DEVELOP)
    } else if preview {
        (
            "a TIFF that begins with a preview, as cameras' raw files do",
            DEVELOP,
        )
    } else if format == 3 {
        (
            "a TIFF of floating-point samples, of which none says what is white",
            EIGHT_BITS,
        )
    } else if format != 1 && format != 4 {
        ("a TIFF of signed or complex samples", EIGHT_BITS)
    } else {
        return Ok(());
    };
    Err(Error::NotRead {
        path: name.to_owned(),
        found,
        advice,
    })
}

/// The colours of a palette: 16 bits each, all reds first. Old writers gave 8 bits.
fn palette(directory: &Directory, count: usize) -> Vec<Rgb<u8>> {
    let values: Vec<u64> = (0..3 * count)
        .map(|index| directory.unsigned_at(COLOR_MAP, index).unwrap_or(0))
        .collect();
    let shift = if values.iter().all(|&value| value < 256) {
        0
    } else {
        8
    };
    (0..count)
        .map(|index| Rgb([0, 1, 2].map(|channel| (values[index + channel * count] >> shift) as u8)))
        .collect()
}

/// `count` levels from black to white.
fn greys(count: usize) -> impl DoubleEndedIterator<Item = Rgb<u8>> {
    (0..count).map(move |level| Rgb([(255 * level / (count - 1)) as u8; 3]))
}

/// Size and packed samples of a grey TIFF.
fn samples_of(grey: Vec<u8>, name: &Path) -> Result<([u32; 2], Vec<u8>), Error> {
    let failed = |source| Error::DecodeTiff {
        path: name.to_owned(),
        source,
    };
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_IMAGE_BYTES as usize;
    let mut decoder = Decoder::new(Cursor::new(grey))
        .map_err(failed)?
        .with_limits(limits);
    let (width_px, height_px) = decoder.dimensions().map_err(failed)?;
    check_size(name, [width_px, height_px], 3)?;
    match decoder.read_image().map_err(failed)? {
        DecodingResult::U8(packed) => Ok(([width_px, height_px], packed)),
        _ => Err(failed(tiff::TiffError::UnsupportedError(
            tiff::TiffUnsupportedError::UnknownInterpretation,
        ))),
    }
}

/// The numbers of a row, each of `bits`, first in the highest bits.
fn row_indices(row: &[u8], bits: usize) -> impl Iterator<Item = u8> {
    let mask = (u16::MAX >> (16 - bits)) as u8;
    row.iter()
        .flat_map(move |&byte| (0..8 / bits).map(move |place| byte >> (8 - bits * (place + 1)) & mask))
}
