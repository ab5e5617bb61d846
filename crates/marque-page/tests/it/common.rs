//! The model and the photos of the tests.

use std::path::{Path, PathBuf};

use image::RgbImage;
use marque_infer::{Session, SessionOptions};
use marque_model::Classifier;
use marque_synthetic::SyntheticCars;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The small model that lies in the repository.
pub(crate) fn model() -> PathBuf {
    root().join("weights/synthetic-cars.safetensors")
}

/// The same model, asked without a page.
pub(crate) fn classifier() -> Classifier<Session> {
    Classifier::open(&model(), SessionOptions::default()).unwrap()
}

/// Drawn cars.
pub(crate) fn cars(count: u64) -> Vec<RgbImage> {
    let cars = SyntheticCars {
        seed: 11,
        image_size: (200, 140),
    };
    (0..count).map(|index| cars.render(index)).collect()
}
