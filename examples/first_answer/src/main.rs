//! Classifies drawn cars with the model that lies in the repository, on marque's own engine: no LibTorch, no photos, no training.
//!
//! `cargo first-answer`

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;

use marque::infer::{Session, SessionOptions};
use marque::model::Classifier;
use marque::synthetic::{CLASS_NAMES, SyntheticCars};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../weights/synthetic-cars.safetensors"
);
/// The model has seen the drawings of seed 7.
const SEED: u64 = 1;
const CARS: u64 = 70;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let began = Instant::now();
    let classifier = Classifier::<Session>::open(MODEL.as_ref(), SessionOptions::default())?;
    let cars = SyntheticCars {
        seed: SEED,
        ..SyntheticCars::default()
    };
    let mut right = 0;
    for index in 0..CARS {
        let classes = classifier.classify_photo(&cars.render(index))?;
        let truth = CLASS_NAMES[cars.label(index)];
        right += usize::from(classes[0].class_name == truth);
        if index == 0 {
            writeln!(
                out,
                "first answer after {:.1} ms",
                1e3 * began.elapsed().as_secs_f64()
            )?;
        }
        if index < CLASS_NAMES.len() as u64 {
            let (name, probability) = (&classes[0].class_name, 100.0 * classes[0].probability);
            writeln!(out, "a drawn {truth}: {name} {probability:.1} %")?;
        }
    }
    let executor = classifier.engine().executor();
    writeln!(
        out,
        "{right} of {CARS} cars named right, {:.2} ms for each with drawing it ({executor:?})",
        1e3 * began.elapsed().as_secs_f64() / CARS as f64
    )?;
    Ok(())
}
