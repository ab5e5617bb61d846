//! The photos that say most of a classifier: mistakes that it was surest of, and what it was least certain of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage, Rgba, RgbaImage, imageops};
use marque_metrics::Predictions;

use super::PhotoFiles;
use super::photo_files::LARGEST_FILE_BYTES;
use crate::Error;

/// The longer side of a thumbnail, in pixels.
const THUMBNAIL_PX: u32 = 160;
/// Photos with a longer side, or that take more memory, are not decoded: they come from strangers.
const LONGEST_SIDE_PX: u32 = 20_000;
const LARGEST_PICTURE_BYTES: u64 = 512 << 20;

/// A test photo and the class it was given.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    pub(crate) path: &'a str,
    pub(crate) truth: usize,
    pub(crate) predicted: usize,
    /// The probability of the predicted class.
    pub(crate) confidence: f32,
    /// The probability of the true class.
    pub(crate) true_probability: f32,
}

/// At most `most` mistakes, that with the most probable wrong class first, in the order of the predictions where
/// probabilities are equal.
pub(crate) fn worst(predictions: &Predictions, most: usize) -> Result<Vec<Given<'_>>, Error> {
    let mut mistakes = given(predictions)?;
    mistakes.retain(|photo| photo.truth != photo.predicted);
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    mistakes.truncate(most);
    Ok(mistakes)
}

/// At most `most` photos, rightly classified or not, that with the least probable predicted class first, in the order of
/// the predictions where probabilities are equal.
pub(crate) fn least_certain(predictions: &Predictions, most: usize) -> Result<Vec<Given<'_>>, Error> {
    let mut photos = given(predictions)?;
    photos.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    photos.truncate(most);
    Ok(photos)
}

fn given(predictions: &Predictions) -> Result<Vec<Given<'_>>, Error> {
    let predicted = predictions.predicted()?;
    let samples = predictions.paths.iter().zip(&predictions.labels).zip(predicted);
    let photos = samples.zip(predictions.probabilities.rows());
    let given = photos.map(|(((path, &truth), predicted), row)| Given {
        path,
        truth,
        predicted,
        confidence: row[predicted],
        true_probability: row[truth],
    });
    Ok(given.collect())
}

/// A photo in small, as a JPEG in a `data:` address.
#[derive(Debug)]
pub(crate) struct Thumbnail {
    pub(crate) address: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Why a photo could not be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it lies outside the folder of photos")]
    Outside,
    #[error("it is not a file")]
    NotAFile,
    #[error("the file is larger than {} MiB", LARGEST_FILE_BYTES >> 20)]
    TooLarge,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Image(#[from] image::ImageError),
}

/// Reads a photo and makes it small, turned upright as its EXIF orientation says.
pub(crate) fn thumbnail(files: &PhotoFiles, path: &str) -> Result<Thumbnail, Unreadable> {
    let picture = decoded(files.read(path)?)?;
    let picture = match picture.width().max(picture.height()) > THUMBNAIL_PX {
        true => picture.thumbnail(THUMBNAIL_PX, THUMBNAIL_PX),
        false => picture,
    };
    // Transparent photos are shown on white, as a browser would show them in a light page.
    let mut ground = RgbaImage::from_pixel(picture.width(), picture.height(), Rgba([255; 4]));
    imageops::overlay(&mut ground, &picture.to_rgba8(), 0, 0);
    Ok(encode(&DynamicImage::ImageRgba8(ground).into_rgb8())?)
}

/// A picture as it is, in a `data:` address.
pub(crate) fn encode(small: &RgbImage) -> Result<Thumbnail, image::ImageError> {
    let mut jpeg = Vec::new();
    small.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 82))?;
    let address = format!("data:image/jpeg;base64,{}", BASE64.encode(jpeg));
    Ok(Thumbnail {
        address,
        width: small.width(),
        height: small.height(),
    })
}

fn decoded(content: Vec<u8>) -> Result<DynamicImage, Unreadable> {
    let mut reader = ImageReader::new(std::io::Cursor::new(content)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE_PX);
    limits.max_image_height = Some(LONGEST_SIDE_PX);
    limits.max_alloc = Some(LARGEST_PICTURE_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_surest_mistake_and_the_least_certain_photo_come_first() {
        let predictions = Predictions {
            class_names: vec!["Sedan".to_owned(), "Van".to_owned()],
            paths: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            labels: vec![0, 1, 1, 0],
            probabilities: array![[0.4, 0.6], [0.1, 0.9], [0.75, 0.25], [0.4, 0.6]],
        };
        let found = worst(&predictions, 2).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|m| (m.path, m.truth, m.predicted, m.true_probability))
            .collect();
        assert_eq!(found, [("c", 1, 0, 0.25), ("a", 0, 1, 0.4)]);
        // A right one may be among the least certain; of equal ones the first comes first.
        let found = least_certain(&predictions, 3).unwrap();
        let found: Vec<_> = found.iter().map(|photo| (photo.path, photo.confidence)).collect();
        assert_eq!(found, [("a", 0.6), ("d", 0.6), ("c", 0.75)]);
    }

    #[test]
    fn photos_are_made_small_but_never_larger() {
        let folder = tempfile::tempdir().unwrap();
        for (name, size, expected) in [
            ("wide.png", (640, 320), (160, 80)),
            ("tiny.png", (12, 30), (12, 30)),
        ] {
            RgbaImage::from_pixel(size.0, size.1, Rgba([200, 0, 0, 128]))
                .save(folder.path().join(name))
                .unwrap();
            let small = thumbnail(&folder.path().into(), name).unwrap();
            assert_eq!((small.width, small.height), expected);
            let jpeg = BASE64
                .decode(small.address.strip_prefix("data:image/jpeg;base64,").unwrap())
                .unwrap();
            let shown = image::load_from_memory(&jpeg).unwrap().into_rgb8();
            assert_eq!(shown.dimensions(), expected);
            // Half transparent red on white is pink; JPEG may be off by a few steps.
            let [red, green, _] = shown.get_pixel(5, 5).0;
            assert!(red.abs_diff(227) < 6 && green.abs_diff(127) < 6, "{red} {green}");
        }
    }

    #[test]
    fn what_is_no_photo_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("text.jpg"), "not a photo").unwrap();
        std::fs::write(folder.path().join("empty.jpg"), "").unwrap();
        std::fs::create_dir(folder.path().join("folder.jpg")).unwrap();
        for name in ["text.jpg", "empty.jpg", "folder.jpg", "missing.jpg"] {
            let reason = thumbnail(&folder.path().into(), name).unwrap_err().to_string();
            assert!(!reason.is_empty(), "{name}");
        }
    }
}
