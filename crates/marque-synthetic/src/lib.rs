#![doc = include_str!("../README.md")]

mod body;
mod canvas;
mod car;
mod details;
mod dice;
mod error;
mod folder;
mod light;
#[cfg(test)]
mod linear_bound;
mod profile;
mod scene;
mod view;

pub use error::Error;
pub use folder::{PartCounts, write_folder};

use image::RgbImage;
use marque_data::MAX_IMAGE_SIZE_PX;
use serde::{Deserialize, Serialize};

use body::BodyType;
use canvas::Canvas;
use car::{Car, Coat};
use dice::Dice;
use light::Light;
use profile::Profile;
use scene::Scene;
use view::View;

/// The names of the classes, sorted by their bytes; the label of a photo is the place of its name here.
pub const CLASS_NAMES: [&str; 7] = [
    "Convertible",
    "Coupe",
    "Hatchback",
    "Pickup Truck",
    "SUV",
    "Sedan",
    "Van",
];

/// An endless, reproducible set of labelled photos of cars.
///
/// # Example
/// ```
/// use marque_synthetic::{CLASS_NAMES, SyntheticCars};
///
/// let cars = SyntheticCars { seed: 7, image_size: (96, 64) };
/// let photo = cars.render(12);
/// assert_eq!(photo.dimensions(), (96, 64));
/// assert_eq!(CLASS_NAMES[cars.label(12)], "Sedan");
/// assert_eq!(photo, cars.render(12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticCars {
    /// The seed of every random choice: 42 by default, as for the split of a folder.
    pub seed: u64,
    /// Width and height of the photos in pixels, 1 to [`MAX_IMAGE_SIZE_PX`] each: (144, 96) by default, the shape
    /// of most photos at a size that is drawn in about a millisecond. The body types can be told apart from
    /// 64 × 64 pixels upwards.
    pub image_size: (u32, u32),
}

impl Default for SyntheticCars {
    fn default() -> Self {
        SyntheticCars {
            seed: 42,
            image_size: (144, 96),
        }
    }
}

impl SyntheticCars {
    /// The label of a photo in 0..7: the classes take turns.
    pub fn label(&self, index: u64) -> usize {
        (index % CLASS_NAMES.len() as u64) as usize
    }

    /// Checks that photos of this size can be drawn.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if a side is 0 or longer than [`MAX_IMAGE_SIZE_PX`].
    pub fn validate(&self) -> Result<(), Error> {
        let (width_px, height_px) = self.image_size;
        let sound = |side: u32| (1..=MAX_IMAGE_SIZE_PX).contains(&(side as usize));
        if sound(width_px) && sound(height_px) {
            return Ok(());
        }
        Err(Error::ImageSize {
            width_px,
            height_px,
            limit_px: MAX_IMAGE_SIZE_PX,
        })
    }

    /// Draws the photo with this index.
    ///
    /// A side that [`validate`](Self::validate) refuses is taken as the nearest length that it allows.
    ///
    /// # Shape
    /// `image_size` as width × height, sRGB, 8 bits a channel.
    pub fn render(&self, index: u64) -> RgbImage {
        let allowed = |side: u32| side.clamp(1, MAX_IMAGE_SIZE_PX as u32);
        let (width, height) = (allowed(self.image_size.0), allowed(self.image_size.1));
        let Some(mut canvas) = Canvas::new(width, height) else {
            return RgbImage::new(width, height);
        };
        let mut dice = Dice::new(self.seed, index);
        let profile = Profile::draw(BodyType::ALL[self.label(index)], &mut dice);
        let view = View::draw(&profile, (width as f32, height as f32), &mut dice);
        let scene = Scene::draw(&canvas, &view, &mut dice);
        let coat = Coat::draw(scene.mood(), &mut dice);
        scene.paint(&mut canvas, &mut dice);
        Car {
            canvas: &mut canvas,
            view: &view,
            profile: &profile,
            coat: &coat,
        }
        .paint(&mut dice);
        scene.paint_foreground(&mut canvas, &mut dice);
        Light::draw(&mut dice).develop(&canvas, &mut dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn class_names_are_sorted_by_their_bytes_and_the_labels_take_turns() {
        assert!(CLASS_NAMES.is_sorted());
        assert_eq!(CLASS_NAMES.len(), BodyType::ALL.len());
        let cars = SyntheticCars::default();
        let labels: Vec<_> = (5..12).map(|index| cars.label(index)).collect();
        assert_eq!(labels, [5, 6, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_photo_is_the_same_on_any_thread_and_in_any_order() {
        let cars = SyntheticCars::default();
        let one_by_one: Vec<_> = (0..28).map(|index| cars.render(index)).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let mut parallel: Vec<_> = pool.install(|| {
            (0..28_u32)
                .into_par_iter()
                .rev()
                .map(|index| cars.render(index.into()))
                .collect()
        });
        parallel.reverse();
        assert!(one_by_one == parallel);
    }

    #[test]
    fn index_and_seed_each_make_another_photo() {
        let cars = SyntheticCars::default();
        let mut photos: Vec<_> = (0..42).map(|index| cars.render(index).into_raw()).collect();
        photos.extend((0..42).map(|index| SyntheticCars { seed: 43, ..cars }.render(index).into_raw()));
        photos.sort();
        photos.dedup();
        assert_eq!(photos.len(), 84);
    }

    #[test]
    fn any_size_is_drawn() {
        for image_size in [(1, 1), (1, 40), (40, 1), (3, 2), (300, 20), (20, 300)] {
            let cars = SyntheticCars {
                image_size,
                ..SyntheticCars::default()
            };
            cars.validate().unwrap();
            for index in 0..14 {
                assert_eq!(cars.render(index).dimensions(), image_size);
            }
        }
    }

    #[test]
    fn a_size_of_zero_or_too_large_is_an_error_that_says_so() {
        for image_size in [(0, 96), (144, 0), (144, 4097), (u32::MAX, 1)] {
            let cars = SyntheticCars {
                image_size,
                ..SyntheticCars::default()
            };
            let text = cars.validate().unwrap_err().to_string();
            let found = format!("found {} × {}", image_size.0, image_size.1);
            assert!(
                text.starts_with("image_size: ") && text.ends_with(&found),
                "{text}"
            );
        }
        let nothing = SyntheticCars {
            image_size: (0, 8),
            ..SyntheticCars::default()
        };
        assert_eq!(nothing.render(0).dimensions(), (1, 8));
    }
}
