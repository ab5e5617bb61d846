//! Fine-tunes Xception (Chollet 2017) from ImageNet weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example xception_finetune -- --data photos --out runs/xception`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/terminal.rs"]
mod terminal;
#[path = "shared/training.rs"]
mod training;

use anyhow::Result;
use clap::Parser;
use flags::{FineTuneArguments, RunArguments};
use std::path::PathBuf;
use std::process::ExitCode;

/// Fine-tune Xception from ImageNet weights on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The pretrained weights: a .safetensors, .pth, .h5, .keras or .npz file, or a name that `cargo xtask weights --list`
    /// shows.
    #[arg(
        long,
        value_name = "FILE|NAME",
        default_value = "xception-keras.imagenet-notop",
        conflicts_with = "resume"
    )]
    weights: PathBuf,
    /// An architecture's name.
    #[arg(long, default_value = "xception-keras", conflicts_with = "resume")]
    arch: String,
    #[command(flatten)]
    finetune: FineTuneArguments,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<ExitCode> {
    let Arguments {
        run,
        weights,
        arch,
        finetune,
    } = Arguments::parse();
    training::make(finetune.run(&run, || Ok((&arch, &weights))))
}
