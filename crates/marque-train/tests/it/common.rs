//! Photos that are easy to tell apart, and a small network for them.

use image::{Rgb, RgbImage};
use marque_arch::{Graph, ResNet, ResidualBlock};
use marque_data::{BadFiles, ImageSize, SplitConfig};
use marque_train::{Normalization, PrepareConfig, Prepared, Recipe, prepare};
use std::path::Path;
use tempfile::TempDir;

pub(crate) const CLASSES: [&str; 3] = ["Blå", "Green Car", "Red"];

/// Three classes that differ in colour, 12 photos each, with a position and a brightness of their own.
pub(crate) fn photos() -> TempDir {
    photos_of(12)
}

/// As [`photos`], so many of each class.
pub(crate) fn photos_of(count: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, name) in CLASSES.iter().enumerate() {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        for number in 0..count {
            let photo = RgbImage::from_fn(40, 30, |x, y| {
                let inside = (x + 3 * number) % 40 < 20 && (y + 2 * number) % 30 < 15;
                let mut pixel = [(60 + 5 * number) as u8; 3];
                pixel[2 - class] = if inside { 220 } else { 90 };
                Rgb(pixel)
            });
            photo
                .save(folder.path().join(name).join(format!("{number}.png")))
                .unwrap();
        }
    }
    folder
}

pub(crate) fn recipe(epochs: u32) -> Recipe {
    let mut recipe = Recipe::subject();
    recipe.fit.epochs = epochs;
    recipe.data.batch_size = 8;
    recipe.data.image_size = ImageSize::square(24);
    recipe.data.normalization = Normalization::Standardize;
    recipe
}

pub(crate) fn prepared(folder: &Path, recipe: &Recipe, workers: usize) -> Prepared {
    let config = PrepareConfig {
        split: SplitConfig {
            train: 0.5,
            validation: 0.25,
            test: 0.25,
            ..Default::default()
        },
        bad_files: BadFiles::Skip,
        workers,
        seed: 5,
        ..Default::default()
    };
    prepare(folder, &recipe.data, &config).unwrap()
}

pub(crate) fn graph() -> Graph {
    ResNet::new("tiny", ResidualBlock::Basic, [1, 0, 0, 0])
        .num_classes(3)
        .graph()
        .unwrap()
}
