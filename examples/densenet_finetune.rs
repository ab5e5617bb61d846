//! Fine-tunes DenseNet-121 (Huang et al. 2017) from ImageNet weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example densenet_finetune -- --data photos --out runs/densenet`

#[path = "shared/cost.rs"]
mod cost;
#[path = "shared/explained.rs"]
mod explained;
#[path = "shared/finetune.rs"]
mod finetune;
#[path = "shared/run.rs"]
mod run;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use finetune::{FineTuneArguments, weights_file};
use run::RunArguments;
use std::path::PathBuf;
use std::process::ExitCode;

/// Fine-tune DenseNet-121 from ImageNet weights on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The pretrained weights: a .safetensors, .pth, .h5, .keras or .npz file, or a name that `cargo xtask weights --list`
    /// shows.
    #[arg(long, value_name = "FILE|NAME", default_value = "densenet121.imagenet1k_v1")]
    weights: PathBuf,
    /// An architecture's name.
    #[arg(long, default_value = "densenet121")]
    arch: String,
    #[command(flatten)]
    finetune: FineTuneArguments,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let weights = weights_file(&arguments.weights)?;
    let stop = run::stop_at_ctrl_c()?;
    let start_from = (arguments.arch.as_str(), weights.as_path());
    let trained = arguments.finetune.train(&arguments.run, start_from, stop)?;
    trained.finish(&arguments.run)
}
