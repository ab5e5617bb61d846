//! Which way up a photo is shown: the one place that reads EXIF.
//!
//! Writers put the EXIF structure, which is a small TIFF file, into different places and forms. All of them are tried;
//! what is damaged is passed over, so that broken metadata never spoil the pixels.

use std::io::Read;

use flate2::read::ZlibDecoder;
use image::ImageFormat;
use image::metadata::Orientation;

use super::directory::Directory;

/// EXIF's tag of the orientation, which is also TIFF's own.
const ORIENTATION: u16 = 0x0112;
/// What may stand before the structure: always in a JPEG, by mistake elsewhere.
const PREFIX: &[u8] = b"Exif\0\0";
/// The most of a text that is inflated or read: twice what a JPEG's segment could hold, in hexadecimal.
const MAX_TEXT_BYTES: u64 = 256 << 10;

/// The orientation that a file asks for; upright where it says nothing that can be understood.
pub(super) fn orientation(bytes: &[u8], format: ImageFormat) -> Orientation {
    let value = match format {
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Png => png(bytes),
        ImageFormat::WebP => webp(bytes),
        ImageFormat::Tiff => of_structure(bytes),
        _ => None,
    };
    value
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether it makes columns of rows.
pub(super) fn is_turned(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// The value of the tag, 1 to 8.
fn of_structure(exif: &[u8]) -> Option<u8> {
    let structure = exif.strip_prefix(PREFIX).unwrap_or(exif);
    let value = Directory::first(structure)?.unsigned(ORIENTATION)?;
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value))
}

/// The segments APP1 in front of the first scan.
fn jpeg(bytes: &[u8]) -> Option<u8> {
    const APP1: u8 = 0xE1;
    super::jpeg::header_segments(bytes)
        .filter(|&(marker, content)| marker == APP1 && content.starts_with(PREFIX))
        .find_map(|(_, content)| of_structure(content))
}

/// The chunk eXIf wherever it stands, or else ImageMagick's and ExifTool's older way: the structure as hexadecimal text.
fn png(bytes: &[u8]) -> Option<u8> {
    let own = png_chunks(bytes)
        .filter(|(kind, _)| *kind == b"eXIf")
        .find_map(|(_, content)| of_structure(content));
    own.or_else(|| {
        png_chunks(bytes)
            .filter_map(|(kind, content)| raw_profile(kind, content))
            .find_map(|exif| of_structure(&exif))
    })
}

/// Kind and content of each chunk that is whole.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    const SIGNATURE_BYTES: usize = 8;
    const CHECKSUM_BYTES: usize = 4;
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_at_checked(4)?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(CHECKSUM_BYTES..).unwrap_or_default();
        Some((kind, content))
    })
}

/// The bytes of the EXIF structure that a text chunk holds in hexadecimal.
fn raw_profile(kind: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let (keyword, after) = split_at_zero(content)?;
    if !matches!(keyword, b"Raw profile type exif" | b"Raw profile type APP1") {
        return None;
    }
    let text = match kind {
        b"tEXt" => after.to_vec(),
        b"zTXt" => inflated(after.get(1..)?),
        b"iTXt" => {
            let (&[compressed, _method], after) = after.split_first_chunk::<2>()?;
            let (_language, after) = split_at_zero(after)?;
            let (_translated, text) = split_at_zero(after)?;
            if compressed == 1 {
                inflated(text)
            } else {
                text.to_vec()
            }
        }
        _ => return None,
    };
    // A line that names the profile, a line with its length, and the digits in lines.
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .skip(2);
    let digits: Vec<u8> = words
        .by_ref()
        .flatten()
        .take(MAX_TEXT_BYTES as usize)
        .filter_map(|&digit| char::from(digit).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// As much of a zlib stream as can be read, within the limit: the tag stands near the beginning.
fn inflated(compressed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut limited = ZlibDecoder::new(compressed).take(MAX_TEXT_BYTES);
    match limited.read_to_end(&mut text) {
        // Damaged: what came before the damage is in `text`.
        Ok(_) | Err(_) => text,
    }
}

/// The chunk EXIF of a RIFF file.
fn webp(bytes: &[u8]) -> Option<u8> {
    const HEADER_BYTES: usize = 12;
    let mut rest = bytes.get(HEADER_BYTES..)?;
    let chunks = std::iter::from_fn(|| {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        // Chunks begin at even positions.
        rest = after.get(length + length % 2..).unwrap_or_default();
        Some((kind, content))
    });
    chunks
        .filter(|(kind, _)| *kind == b"EXIF")
        .find_map(|(_, content)| of_structure(content))
}
