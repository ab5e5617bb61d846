//! From a file of unknown content to 8-bit RGB pixels.
//!
//! Photos come from strangers: the format is recognised by content and never by the ending of the name, sizes in a
//! header are checked before anything is allocated, a file that ends early is an error and not a half-grey picture,
//! and a decoder that panics costs one file and not the run.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};

use crate::Error;

/// The largest file that is read: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// The most memory that the decoded pixels of one image may take: 512 MiB, a photo of 178 megapixels.
pub const MAX_IMAGE_BYTES: u64 = 512 << 20;
/// The longest side of an image: 32,768 px.
pub const MAX_SIDE_PX: u32 = 32_768;

/// Reads the photo at `path` as 8-bit RGB, upright.
///
/// - JPEG (also progressive, grey, CMYK and YCCK), PNG, GIF (first frame), WebP, BMP and TIFF, recognised by content.
/// - The EXIF orientation is applied, all eight of them.
/// - Grey becomes R = G = B; 16-bit and float samples are rounded to 8 bits; a palette is resolved.
/// - Transparency is composited over white, as a browser would show it. Pillow's `convert("RGB")`, which torchvision
///   and Keras use, drops the alpha channel instead and shows whatever colour lies hidden under transparent pixels.
/// - Four-channel JPEGs are taken as inverted, as Adobe writes them and Pillow reads them. Colour profiles are ignored.
///
/// # Errors
/// Every error names the path: [`Error::Read`], [`Error::NotAFile`], [`Error::EmptyFile`], [`Error::FileTooLarge`],
/// and those of [`decode_bytes`].
pub fn decode(path: &Path) -> Result<RgbImage, Error> {
    decode_bytes(&read_file(path)?, path)
}

/// Decodes a photo that is already in memory; `name` is what errors call it.
///
/// # Errors
/// [`Error::EmptyFile`], [`Error::NotAnImage`], [`Error::ImageTooLarge`], [`Error::Truncated`], [`Error::Decode`] and
/// [`Error::Panicked`].
///
/// ```
/// use std::path::Path;
///
/// let error = marque_data::decode_bytes(b"dear diary", Path::new("notes.jpg")).unwrap_err();
/// assert!(matches!(error, marque_data::Error::NotAnImage { .. }));
/// ```
pub fn decode_bytes(bytes: &[u8], name: &Path) -> Result<RgbImage, Error> {
    if bytes.is_empty() {
        return Err(Error::EmptyFile {
            path: name.to_owned(),
        });
    }
    guarded(name, || decode_unguarded(bytes, name))
}

/// Turns a panic of `work` into an error that names the file it worked on.
pub(crate) fn guarded<T>(name: &Path, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Nothing that `work` may leave half-changed outlives it: its result is dropped with the panic.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "no message".to_owned(),
        };
        Err(Error::Panicked {
            path: name.to_owned(),
            message,
        })
    })
}

/// Reads a whole file, refusing what is not a regular file (opening a pipe would wait for ever) and what is too large.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile {
            path: path.to_owned(),
        });
    }
    let too_large = |found_bytes| Error::FileTooLarge {
        path: path.to_owned(),
        found_bytes,
        limit_bytes: MAX_FILE_BYTES,
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // The file may grow while it is read.
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

fn decode_unguarded(bytes: &[u8], name: &Path) -> Result<RgbImage, Error> {
    let failed = |source| Error::Decode {
        path: name.to_owned(),
        source,
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| Error::Read {
            path: name.to_owned(),
            source,
        })?;
    let Some(format) = reader.format() else {
        return Err(Error::NotAnImage {
            path: name.to_owned(),
        });
    };
    if format == ImageFormat::Jpeg && !jpeg_has_end(bytes) {
        return Err(Error::Truncated {
            path: name.to_owned(),
            found_bytes: bytes.len() as u64,
        });
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_IMAGE_BYTES);
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    reader.limits(limits);

    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width_px, height_px) = decoder.dimensions();
    if decoder.total_bytes() > MAX_IMAGE_BYTES || width_px.max(height_px) > MAX_SIDE_PX {
        return Err(Error::ImageTooLarge {
            path: name.to_owned(),
            width_px,
            height_px,
            limit_bytes: MAX_IMAGE_BYTES,
            limit_side_px: MAX_SIDE_PX,
        });
    }
    // Damaged metadata do not spoil the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation);
    Ok(into_rgb_over_white(image))
}

fn into_rgb_over_white(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() {
        over_white(&image.into_rgba8())
    } else {
        image.into_rgb8()
    }
}

fn over_white(image: &RgbaImage) -> RgbImage {
    let mut out = RgbImage::new(image.width(), image.height());
    for (pixel, &image::Rgba([red, green, blue, alpha])) in out.pixels_mut().zip(image.pixels()) {
        let white = 255 * (255 - u32::from(alpha));
        pixel.0 = [red, green, blue]
            .map(|channel| ((u32::from(channel) * u32::from(alpha) + white + 127) / 255) as u8);
    }
    out
}

/// Whether the marker that ends a JPEG is there.
///
/// The decoder fills what is missing with grey and says nothing, so the segments are walked here: from the start of
/// image over all tables and scans to the end of image. Previews inside an EXIF segment are stepped over.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: u8 = 0xD9;
    let mut position = 2;
    loop {
        let Some((marker, after)) = next_marker(bytes, position) else {
            return false;
        };
        position = after;
        match marker {
            END_OF_IMAGE => return true,
            // Restart markers, the start of image and TEM stand alone.
            0xD0..=0xD8 | 0x01 => {}
            _ => {
                let Some(&[high, low]) = bytes.get(position..position + 2) else {
                    return false;
                };
                position += usize::from(u16::from_be_bytes([high, low])).max(2);
                if marker == START_OF_SCAN && position >= bytes.len() {
                    return false;
                }
            }
        }
    }
}

/// The next marker at or after `position`, and where it ends. Bytes of a scan are stepped over: in them 0xFF is
/// followed by 0.
fn next_marker(bytes: &[u8], mut position: usize) -> Option<(u8, usize)> {
    loop {
        position += bytes.get(position..)?.iter().position(|&byte| byte == 0xFF)?;
        match bytes.get(position + 1)? {
            0x00 => position += 2,
            0xFF => position += 1,
            &marker => return Some((marker, position + 2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_jpeg_is_found_behind_previews_and_scans() {
        let start = [0xFF, 0xD8];
        // An EXIF segment that holds a preview with an end of its own.
        let exif = [0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9];
        let scan = [
            0xFF, 0xDA, 0x00, 0x03, 0x00, 0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD3, 0x56,
        ];
        let whole = [&start[..], &exif, &scan, &[0xFF, 0xFF, 0xD9]].concat();
        assert!(jpeg_has_end(&whole));
        for length in 0..whole.len() - 1 {
            assert!(!jpeg_has_end(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn transparency_shows_white() {
        let image = RgbaImage::from_raw(3, 1, vec![9, 8, 7, 255, 9, 8, 7, 0, 0, 100, 200, 128]).unwrap();
        // 128/255 of (0, 100, 200) and 127/255 of white.
        assert_eq!(
            over_white(&image).into_raw(),
            [9, 8, 7, 255, 255, 255, 127, 177, 227]
        );
    }

    #[test]
    fn a_panic_is_an_error_of_the_file() {
        let error = guarded::<()>(Path::new("odd.gif"), || panic!("index {} out of range", 7)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "odd.gif: the decoder panicked: index 7 out of range"
        );
    }

    #[test]
    fn folders_and_missing_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(decode(folder.path()), Err(Error::NotAFile { .. })));
        let missing = folder.path().join("none.jpg");
        let error = decode(&missing).unwrap_err();
        assert!(
            matches!(&error, Error::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
        );
        assert!(
            error.reason(&missing).starts_with("cannot read: "),
            "{}",
            error.reason(&missing)
        );
    }
}
