//! Classifies drawn cars with the model that lies in the repository, on marque's own engine: no LibTorch, no photos, no training.
//!
//! `cargo run --release --no-default-features --features infer,synthetic --example first_answer`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::infer::{Session, SessionOptions};
use marque::model::Classifier;
use marque::synthetic::{CLASS_NAMES, SyntheticCars};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use terminal::out;

/// Classify drawn cars with the model that lies in the repository.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "weights/synthetic-cars.safetensors"
    )]
    model: PathBuf,
    /// How many cars.
    #[arg(long, default_value_t = 70)]
    cars: usize,
    /// Seed of the drawings; the model has seen those of 7.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let classifier = Classifier::<Session>::open(&arguments.model, SessionOptions::default())?;
    let cars = SyntheticCars {
        seed: arguments.seed,
        ..SyntheticCars::default()
    };
    let mut right = 0;
    for index in 0..arguments.cars {
        let classes = classifier.classify_photo(&cars.render(index as u64))?;
        let truth = CLASS_NAMES[cars.label(index as u64)];
        right += usize::from(classes[0].class_name == truth);
        if index == 0 {
            out!("first answer after {:.1} ms", 1e3 * began.elapsed().as_secs_f64())?;
        }
        if index < CLASS_NAMES.len() {
            let (name, probability) = (&classes[0].class_name, 100.0 * classes[0].probability);
            out!("a drawn {truth}: {name} {probability:.1} %")?;
        }
    }
    let executor = classifier.engine().executor();
    out!(
        "{right} of {} cars named right, {:.2} ms for each with drawing it ({executor:?})",
        arguments.cars,
        1e3 * began.elapsed().as_secs_f64() / arguments.cars.max(1) as f64
    )?;
    Ok(())
}
