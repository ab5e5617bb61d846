//! The mean of several models' weights as one model ("model soup").
//!
//! `cargo run --release --example soup -- --model runs/a/model.safetensors --model runs/b/model.safetensors --out soup.safetensors`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Result, ensure};
use clap::Parser;
use marque::model::{save_model, soup};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Average the weights of models that were trained from the same start.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder; twice at least.
    #[arg(long, value_name = "FILE", required = true)]
    model: Vec<PathBuf>,
    /// The model file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let Arguments { model, out } = Arguments::parse();
    ensure!(
        model.len() > 1,
        "a mean needs two models at least: --model once more"
    );
    let (card, weights) = soup(&model)?;
    save_model(&out, &weights, &card)?;
    tell!("{}: the mean of {} models", out.display(), model.len());
    Ok(())
}
