//! Fine-tunes any architecture from pretrained weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example finetune -- --arch resnet50 --weights resnet50.imagenet1k_v2 --data photos --out runs/resnet50`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/terminal.rs"]
mod terminal;
#[path = "shared/training.rs"]
mod training;

use anyhow::{Result, bail};
use clap::Parser;
use flags::{FineTuneArguments, RunArguments};
use std::path::PathBuf;
use std::process::ExitCode;

/// Fine-tune any architecture from pretrained weights on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The pretrained weights: a .safetensors, .pth, .h5, .keras or .npz file, or a name that `cargo xtask weights --list`
    /// shows.
    #[arg(
        long,
        value_name = "FILE|NAME",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    weights: Option<PathBuf>,
    /// An architecture's name, such as resnet50, densenet121, xception-keras, vgg16_bn, googlenet or inception_v3.
    #[arg(long, required_unless_present = "resume", conflicts_with = "resume")]
    arch: Option<String>,
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
    training::make(finetune.run(&run, || match (&arch, &weights) {
        (Some(arch), Some(weights)) => Ok((arch.as_str(), weights.as_path())),
        _ => bail!("--arch or --weights is missing"),
    }))
}
