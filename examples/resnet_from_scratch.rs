//! Trains a residual network from nothing on a folder of photos, tests it, and writes a run folder with the model,
//! its numbers, its curves and a page.
//!
//! `cargo run --release --example resnet_from_scratch -- --data photos --out runs/resnet34`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/terminal.rs"]
mod terminal;
#[path = "shared/training.rs"]
mod training;

use anyhow::Result;
use clap::Parser;
use flags::{RunArguments, ScratchArguments};
use std::process::ExitCode;

/// Train a residual network from nothing on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    scratch: ScratchArguments,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<ExitCode> {
    let Arguments { run, scratch } = Arguments::parse();
    training::make(scratch.run(&run))
}
