//! Test photos that were taken for another class with the greatest confidence.

use crate::Error;
use crate::photos::PhotosByPath;
use image::{ImageFormat, RgbImage, imageops};
use marque_metrics::Predictions;
use std::io::Cursor;

const MOST: usize = 16;
/// Larger photos are made smaller: a card of TensorBoard's is not wider.
const LONGEST_SIDE_PX: u32 = 320;

/// The photos as PNG under tags that say what they are and what they were taken for, the surest mistake first. Those that
/// cannot be read any more are left out.
pub(super) fn surest(
    predictions: &Predictions,
    photos: &PhotosByPath,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut shown = Vec::new();
    for (rank, (sample, predicted)) in wrong(predictions)?.into_iter().take(MOST).enumerate() {
        let Ok(photo) = photos.decode(&predictions.paths[sample]) else {
            continue;
        };
        let name = |class: usize| &predictions.class_names[class];
        let tag = format!(
            "worst/{:02} truth {}, predicted {} {:.2}",
            rank + 1,
            name(predictions.labels[sample]),
            name(predicted),
            predictions.probabilities[[sample, predicted]]
        );
        shown.push((tag, png(&photo)?));
    }
    Ok(shown)
}

/// Wrongly predicted samples, each with the class that it was given, the surest first.
fn wrong(predictions: &Predictions) -> Result<Vec<(usize, usize)>, Error> {
    let all = predictions.predicted()?.into_iter().enumerate();
    let mut wrong: Vec<(usize, usize)> = all
        .filter(|&(sample, class)| predictions.labels[sample] != class)
        .collect();
    wrong.sort_by(|&first, &second| {
        let [first, second] = [first, second].map(|place| predictions.probabilities[place]);
        second.total_cmp(&first)
    });
    Ok(wrong)
}

fn png(photo: &RgbImage) -> Result<Vec<u8>, Error> {
    let longest = photo.width().max(photo.height());
    let mut file = Cursor::new(Vec::new());
    let written = if longest > LONGEST_SIDE_PX {
        let side = |pixels: u32| {
            let scaled = u64::from(pixels) * u64::from(LONGEST_SIDE_PX) / u64::from(longest);
            (scaled as u32).max(1)
        };
        let small = imageops::thumbnail(photo, side(photo.width()), side(photo.height()));
        small.write_to(&mut file, ImageFormat::Png)
    } else {
        photo.write_to(&mut file, ImageFormat::Png)
    };
    written.map_err(marque_report::Error::from)?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_data::Sample;
    use ndarray::array;

    #[test]
    fn the_surest_mistakes_come_first_and_unreadable_photos_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        RgbImage::new(640, 2).save(folder.path().join("b.png")).unwrap();
        let predictions = Predictions {
            class_names: vec!["SUV".to_owned(), "Van".to_owned()],
            paths: ["a.png", "b.png", "c.png", "d.png"].map(str::to_owned).to_vec(),
            labels: vec![0, 0, 1, 0],
            probabilities: array![[0.9, 0.1], [0.24, 0.76], [0.9, 0.1], [0.4, 0.6]],
        };
        let samples = predictions
            .paths
            .iter()
            .map(|path| Sample::new(folder.path().join(path), 0));
        let samples: Vec<Sample> = samples.collect();
        let photos = PhotosByPath::new(folder.path(), &samples);
        assert_eq!(wrong(&predictions).unwrap(), [(2, 0), (1, 1), (3, 1)]);
        let shown = surest(&predictions, &photos).unwrap();
        let [(tag, png)] = &shown[..] else {
            panic!("{} photos", shown.len());
        };
        assert_eq!(tag, "worst/02 truth SUV, predicted Van 0.76");
        let photo = image::load_from_memory(png).unwrap();
        assert_eq!((photo.width(), photo.height()), (320, 1));
    }
}
