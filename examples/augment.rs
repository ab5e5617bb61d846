//! What a recipe does to photos in training, as one picture: a row for each photo, first as it is asked about, then as some epochs
//! see it.
//!
//! `cargo run --release --example augment -- --recipe scratch --out runs/augment photo.jpg …`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail};
use clap::Parser;
use image::{Rgb, RgbImage};
use marque::data::{ImageSize, Preprocess, decode};
use marque::train::Recipe;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;

/// Draw what a recipe does to photos in training.
#[derive(Parser, Debug)]
struct Arguments {
    /// `subject`, `scratch`, `quick`, `fast`, `light`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "scratch")]
    recipe: String,
    /// Another setting of the recipe, such as data.augment.transforms=[{"kind":"trivial_augment"}]; may be given again.
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    /// Height and width of a photo in the picture; the recipe's if not given.
    #[arg(long)]
    image_size: Option<ImageSize>,
    /// Epochs that are shown.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=100))]
    epochs: u16,
    /// What is drawn from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where the picture goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The photos.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

fn main() -> ExitCode {
    terminal::run(program)
}

/// Pixels between photos.
const GAP: u32 = 4;

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let mut recipe = named(&arguments.recipe)?;
    for setting in &arguments.set {
        recipe = recipe.with(setting).context("--set")?;
    }
    let size = arguments.image_size.unwrap_or(recipe.data.image_size);
    let preprocess = Preprocess {
        image_size: size,
        resize: recipe.data.framing.resize(size),
        // What is erased is grey.
        mean: [0.5; 3],
        std: [0.5; 3],
        ..Preprocess::default()
    };
    preprocess.validate()?;
    let (width, height) = (size.width as u32 + GAP, size.height as u32 + GAP);
    let columns = u32::from(arguments.epochs) + 1;
    let mut picture = RgbImage::from_pixel(
        columns * width - GAP,
        arguments.images.len() as u32 * height - GAP,
        Rgb([255; 3]),
    );
    for (row, path) in (0_u32..).zip(&arguments.images) {
        let photo = decode(path)?;
        for epoch in 0..columns {
            let shown = if epoch == 0 {
                preprocess.resize_image(&photo)?
            } else {
                let plan = recipe.data.augment.plan(arguments.seed, epoch.into(), row.into());
                preprocess.image(preprocess.augmented(&photo, &plan)?.view())
            };
            image::imageops::replace(
                &mut picture,
                &shown,
                (epoch * width).into(),
                (row * height).into(),
            );
        }
    }
    let mut png = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png)?;
    let file = arguments.out.join("augment.png");
    marque_fs::write_atomically(&file, |target| std::io::Write::write_all(target, &png))
        .with_context(|| format!("cannot write {}", file.display()))?;
    tell!("{}", file.display());
    Ok(())
}

/// The recipe in a file, or that of this name, for training from nothing or fine-tuning.
fn named(name: &str) -> Result<Recipe> {
    let file = Path::new(name);
    if file.exists() {
        return Ok(Recipe::read(file)?);
    }
    match (Recipe::named(name), Recipe::fine_tuning(name)) {
        (Ok(recipe), _) | (_, Ok(recipe)) => Ok(recipe),
        (Err(from_nothing), Err(pretrained)) => {
            bail!("for training from nothing, {from_nothing}; for fine-tuning, {pretrained}")
        }
    }
}
