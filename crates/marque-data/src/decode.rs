//! From a file of unknown content to 8-bit RGB pixels.
//!
//! Photos come from strangers: the format is recognised by content and never by the ending of the name, sizes in a
//! header are checked before anything is allocated, a picture that is not all there is an error and not half grey, what
//! is not read is named with what to do about it, and a decoder that panics costs one file and not the run.

mod directory;
mod jpeg;
mod kind;
mod orientation;
mod tiff;

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};

use crate::Error;
use crate::pixels::sample_over_white;

/// The largest file that is read: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// The most memory that the decoded pixels of one image may take: 512 MiB, a photo of 178 megapixels.
pub const MAX_IMAGE_BYTES: u64 = 512 << 20;
/// The longest side of an image: 32,768 px.
pub const MAX_SIDE_PX: u32 = 32_768;

/// Reads the photo at `path` as 8-bit RGB, upright.
///
/// - JPEG (baseline and progressive, its components in one scan or in several, grey, YCbCr, RGB, CMYK and YCCK), PNG,
///   GIF (first frame), WebP, BMP and TIFF (also BigTIFF; the first page), recognised by content.
/// - The EXIF orientation is applied, all eight of them, wherever a JPEG, PNG, WebP or TIFF keeps it.
/// - A JPEG ends where its picture is complete: what a phone puts behind it, such as a film, is no part of the photo.
/// - Grey becomes R = G = B; 16-bit samples are rounded to 8 bits; a palette is resolved.
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
/// [`Error::EmptyFile`], [`Error::NotAnImage`], [`Error::NotRead`], [`Error::ImageTooLarge`], [`Error::Truncated`],
/// [`Error::CutShort`], [`Error::DamagedJpeg`], [`Error::Decode`], [`Error::DecodeJpeg`], [`Error::DecodeTiff`] and
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
    guarded(name, || {
        let decoded = decode_unguarded(bytes, name, Target::default())?;
        Ok(into_rgb_over_white(decoded.image))
    })
}

/// The name of the library that decodes JPEGs in this program: `libjpeg-turbo` with the feature `turbojpeg`, `zune-jpeg` without. Their
/// pixels differ by a few levels.
pub fn jpeg_decoder() -> &'static str {
    jpeg::DECODER
}

/// A photo with four bytes a pixel, of which the last says nothing: a layout that is faster to resize.
pub(crate) struct Wide {
    pub(crate) image: RgbaImage,
    /// Width and height of the photo, of which the image may be a smaller copy.
    pub(crate) full_px: (u32, u32),
}

/// As [`decode_bytes`], into the memory of `buffer` where that can be.
///
/// By the photo's upright width and height `divisor` says whether a JPEG may be decoded to a half, a quarter or an eighth of them: 2, 4
/// or 8, or 1 for all of it. It may come out whole all the same.
pub(crate) fn decode_wide(
    bytes: &[u8],
    name: &Path,
    buffer: Vec<u8>,
    divisor: &dyn Fn((u32, u32)) -> u32,
) -> Result<Wide, Error> {
    if bytes.is_empty() {
        return Err(Error::EmptyFile {
            path: name.to_owned(),
        });
    }
    guarded(name, || {
        let target = Target {
            is_wide: true,
            buffer,
            divisor: Some(divisor),
        };
        let Decoded {
            image,
            full_px,
            is_jpeg,
        } = decode_unguarded(bytes, name, target)?;
        let image = if image.color().has_alpha() && !is_jpeg {
            DynamicImage::from(into_rgb_over_white(image))
        } else {
            image
        };
        Ok(Wide {
            image: image.into_rgba8(),
            full_px,
        })
    })
}

/// What a decoder is to write.
#[derive(Default)]
struct Target<'a> {
    /// Whether four bytes a pixel are wanted. A decoder that cannot may write three, or one for greys.
    is_wide: bool,
    /// Memory to write to.
    buffer: Vec<u8>,
    /// As in [`decode_wide`]; `None` for the whole photo.
    divisor: Option<&'a dyn Fn((u32, u32)) -> u32>,
}

/// What came of a file.
struct Decoded {
    image: DynamicImage,
    /// Width and height of the photo, of which the image may be a smaller copy.
    full_px: (u32, u32),
    is_jpeg: bool,
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

fn decode_unguarded(bytes: &[u8], name: &Path, target: Target<'_>) -> Result<Decoded, Error> {
    let format = format_of(bytes, name)?;
    let orientation = orientation::orientation(bytes, format);
    let is_turned = orientation::is_turned(orientation);
    let upright = |(width, height): (u32, u32)| {
        if is_turned {
            (height, width)
        } else {
            (width, height)
        }
    };
    let whole = |image: DynamicImage| {
        let stored_px = (image.width(), image.height());
        (image, stored_px)
    };
    let (mut image, stored_px) = match format {
        ImageFormat::Jpeg => {
            let divisor = |stored_px| target.divisor.map_or(1, |divisor| divisor(upright(stored_px)));
            jpeg::decode(
                bytes,
                name,
                jpeg::Output::new(target.is_wide, target.buffer, &divisor),
            )?
        }
        ImageFormat::Tiff => match tiff::decode_indexed(bytes, name)? {
            Some(image) => whole(image),
            None => whole(decode_common(bytes, format, name)?),
        },
        _ => whole(decode_common(bytes, format, name)?),
    };
    image.apply_orientation(orientation);
    Ok(Decoded {
        image,
        full_px: upright(stored_px),
        is_jpeg: format == ImageFormat::Jpeg,
    })
}

/// The format by the first bytes, if it is one that is read.
fn format_of(bytes: &[u8], name: &Path) -> Result<ImageFormat, Error> {
    if let Some(kind::Foreign { found, advice }) = kind::foreign(bytes) {
        return Err(Error::NotRead {
            path: name.to_owned(),
            found,
            advice,
        });
    }
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        return Ok(ImageFormat::Tiff);
    }
    image::guess_format(bytes)
        .ok()
        .filter(ImageFormat::reading_enabled)
        .ok_or_else(|| Error::NotAnImage {
            path: name.to_owned(),
        })
}

fn decode_common(bytes: &[u8], format: ImageFormat, name: &Path) -> Result<DynamicImage, Error> {
    let failed = |source| Error::Decode {
        path: name.to_owned(),
        source,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_IMAGE_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(failed)?;
    let (width_px, height_px) = decoder.dimensions();
    check_size(
        name,
        [width_px, height_px],
        decoder.color_type().bytes_per_pixel().into(),
    )?;
    DynamicImage::from_decoder(decoder).map_err(failed)
}

/// Refuses a size from a header that no photo has, before memory is taken for it.
fn check_size(name: &Path, [width_px, height_px]: [u32; 2], bytes_per_pixel: u64) -> Result<(), Error> {
    if width_px == 0 || height_px == 0 {
        return Err(Error::WithoutPixels {
            path: name.to_owned(),
            width_px,
            height_px,
        });
    }
    // Two sides of 32 bits and a few bytes a pixel may be more than 64 bits hold.
    let bytes = (u64::from(width_px) * u64::from(height_px)).saturating_mul(bytes_per_pixel);
    if bytes > MAX_IMAGE_BYTES || width_px.max(height_px) > MAX_SIDE_PX {
        return Err(Error::ImageTooLarge {
            path: name.to_owned(),
            width_px,
            height_px,
            limit_bytes: MAX_IMAGE_BYTES,
            limit_side_px: MAX_SIDE_PX,
        });
    }
    Ok(())
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
        pixel.0 = [red, green, blue].map(|sample| sample_over_white(sample, alpha));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn four_bytes_a_pixel_are_the_same_photo_whatever_the_buffer_held() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode");
        let mut buffer = vec![0xAB; 1 << 16];
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(expected) = decode(&path) else { continue };
            let bytes = std::fs::read(&path).unwrap();
            let wide = decode_wide(&bytes, &path, buffer, &|_| 1).unwrap();
            assert_eq!(wide.full_px, expected.dimensions());
            let rgb: Vec<u8> = wide
                .image
                .pixels()
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect();
            assert!(rgb == *expected.as_raw(), "{}", path.display());
            buffer = wide.image.into_raw();
            seen += 1;
        }
        assert!(seen > 20);
    }

    #[test]
    fn scaled_photos_are_upright_and_have_their_size() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode");
        for number in 1..=8 {
            let path = folder.join(format!("exif_{number}.jpg"));
            let bytes = std::fs::read(&path).unwrap();
            let whole = decode(&path).unwrap();
            for divisor in [2, 4, 8] {
                let wanted = |full_px| {
                    assert_eq!(full_px, whole.dimensions());
                    divisor
                };
                let wide = decode_wide(&bytes, &path, Vec::new(), &wanted).unwrap();
                assert_eq!(wide.full_px, whole.dimensions());
                let expected = (whole.width().div_ceil(divisor), whole.height().div_ceil(divisor));
                assert_eq!(wide.image.dimensions(), expected);
            }
        }
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
