//! Seven body types of cars, drawn from parameters.
//!
//! Photos for tests, demos and benches that need no download: cars as extruded side profiles in varied colours,
//! poses, scenes and light. The classes differ in the shape of the body alone, so that a network has to see
//! shapes: a linear classifier on the raw pixels stays under 0.6 test accuracy.
//!
//! Every picture is a pure function of (seed, index): neither threads nor time nor the order of the calls matter.
//! On another kind of processor single pixels may differ by rounding.

mod body;
mod canvas;
mod car;
mod details;
mod dice;
mod folder;
mod light;
mod profile;
mod scene;
mod view;

use image::RgbImage;
use serde::{Deserialize, Serialize};

pub use folder::{PartCounts, write_folder};

use body::BodyType;
use canvas::Canvas;
use car::{Car, Coat};
use dice::Dice;
use light::Light;
use profile::Profile;
use scene::Scene;
use view::View;

/// The names of the classes, sorted by their bytes; the label of a photo is the place of its name here.
pub const CLASS_NAMES: [&str; 7] = ["Convertible", "Coupe", "Hatchback", "Pickup Truck", "SUV", "Sedan", "Van"];

/// An endless, reproducible set of labelled photos of cars.
///
/// # Example
/// ```
/// use marque_data::synthetic::{CLASS_NAMES, SyntheticCars};
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
    /// Width and height of the photos in pixels: (128, 96) by default, the shape of most photos at a size that
    /// is drawn in about a millisecond. The body types can be told apart from 48 pixels upwards.
    pub image_size: (u32, u32),
}

impl Default for SyntheticCars {
    fn default() -> Self {
        SyntheticCars { seed: 42, image_size: (128, 96) }
    }
}

impl SyntheticCars {
    /// The label of a photo in 0..7: the classes take turns.
    pub fn label(&self, index: u64) -> usize {
        (index % CLASS_NAMES.len() as u64) as usize
    }

    /// Draws the photo with this index.
    ///
    /// # Shape
    /// `image_size` as width × height, sRGB, 8 bits a channel.
    pub fn render(&self, index: u64) -> RgbImage {
        let (width, height) = self.image_size;
        let Some(mut canvas) = Canvas::new(width, height) else {
            return RgbImage::new(width, height);
        };
        let mut dice = Dice::new(self.seed, index);
        let profile = Profile::draw(BodyType::ALL[self.label(index)], &mut dice);
        let view = View::draw(&profile, (width as f32, height as f32), &mut dice);
        let scene = Scene::draw(&canvas, &view, &mut dice);
        let coat = Coat::draw(scene.mood(), &mut dice);
        scene.paint(&mut canvas, &mut dice);
        Car { canvas: &mut canvas, view: &view, profile: &profile, coat: &coat }.paint(&mut dice);
        scene.paint_foreground(&mut canvas, &mut dice);
        Light::draw(&mut dice).develop(&canvas, &mut dice)
    }
}
