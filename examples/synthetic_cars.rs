//! Draws the built-in synthetic cars into an image folder with a train and a test part.
//!
//! `cargo run --release --example synthetic_cars -- --out cars`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::synthetic::{CLASS_NAMES, PartCounts, SyntheticCars, write_folder};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Draw the built-in synthetic cars into an image folder with a train and a test part.
#[derive(Parser, Debug)]
struct Arguments {
    /// The new image folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Training photos of each class.
    #[arg(long, default_value_t = 300)]
    train_per_class: u64,
    /// Test photos of each class.
    #[arg(long, default_value_t = 100)]
    test_per_class: u64,
    /// Width of a photo in pixels.
    #[arg(long, default_value_t = 128)]
    width: u32,
    /// Height of a photo in pixels.
    #[arg(long, default_value_t = 96)]
    height: u32,
    /// What all random choices are drawn from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let cars = SyntheticCars {
        seed: arguments.seed,
        image_size: (arguments.width, arguments.height),
    };
    let classes = CLASS_NAMES.len() as u64;
    let all = |per_class: u64| per_class.saturating_mul(classes);
    let counts = PartCounts {
        train: all(arguments.train_per_class),
        test: all(arguments.test_per_class),
    };
    write_folder(&cars, counts, &arguments.out)?;
    let photos = counts.train.saturating_add(counts.test);
    tell!(
        "{photos} photos of {classes} classes in {}",
        arguments.out.display()
    );
    Ok(())
}
