//! Heat laid over a photo.

use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

use super::{colour_map, theme};

/// How much of a photo's own colour is left where the heat is greatest, and where there is none.
const LEAST_PHOTO: f64 = 0.35;
const MOST_PHOTO: f64 = 0.75;

/// `photo` with `heat` (H×W as the photo, each from 0 to 1) laid over it, from dark violet over green to yellow.
///
/// The photo is shown in grey, so that its own colours are not taken for heat, and shines through less where the
/// heat is greater. Places that `heat` does not have are left as without heat.
///
/// # Example
/// ```
/// let photo = image::RgbImage::from_pixel(2, 1, image::Rgb([90, 90, 90]));
/// let overlay = marque_report::heat_overlay(&photo, ndarray::aview2(&[[0.0, 1.0]]));
/// let [cold, hot] = [0, 1].map(|x| overlay.get_pixel(x, 0).0);
/// assert!(hot[0] > cold[0] && hot[1] > cold[1], "yellow is light");
/// ```
pub fn heat_overlay(photo: &RgbImage, heat: ArrayView2<'_, f32>) -> RgbImage {
    RgbImage::from_fn(photo.width(), photo.height(), |x, y| {
        let heat = heat.get([y as usize, x as usize]).copied().unwrap_or(0.0);
        let heat = f64::from(heat).clamp(0.0, 1.0);
        let theme::Rgb(colour) = colour_map::colour(heat);
        let grey = luma(photo.get_pixel(x, y));
        let share = MOST_PHOTO + (LEAST_PHOTO - MOST_PHOTO) * heat;
        Rgb(colour.map(|channel| (grey * share + f64::from(channel) * (1.0 - share)).round() as u8))
    })
}

/// Brightness by the weights of Rec. 601, from 0 to 255.
fn luma(Rgb([red, green, blue]): &Rgb<u8>) -> f64 {
    0.299 * f64::from(*red) + 0.587 * f64::from(*green) + 0.114 * f64::from(*blue)
}
