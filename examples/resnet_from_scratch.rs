//! Trains a residual network from nothing on a folder of photos, tests it, and writes a run folder with the model,
//! its numbers, its curves and a page.
//!
//! `cargo run --release --example resnet_from_scratch -- --data photos --out runs/resnet34`

#[path = "shared/cost.rs"]
mod cost;
#[path = "shared/explained.rs"]
mod explained;
#[path = "shared/run.rs"]
mod run;
#[path = "shared/scratch.rs"]
mod scratch;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use run::RunArguments;
use scratch::ScratchArguments;
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

fn program() -> Result<()> {
    let Arguments { run, scratch } = Arguments::parse();
    let stop = run::stop_at_ctrl_c()?;
    scratch.train(&run, stop)?.finish(&run)
}
