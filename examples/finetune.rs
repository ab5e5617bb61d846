//! Fine-tunes any architecture from pretrained weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example finetune -- --data photos --out runs/lite0`, or with any other architecture and weights:
//! `cargo run --release --example finetune -- --arch resnet50 --weights resnet50.imagenet1k_v2 --data photos --out runs/resnet50`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/terminal.rs"]
mod terminal;
#[path = "shared/training.rs"]
mod training;

use anyhow::Result;
use clap::Parser;
use flags::{FineTuneArguments, RunArguments};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is good within minutes on a processor.
const ARCHITECTURE: &str = "tf_efficientnet_lite0";
const WEIGHTS: &str = "tf_efficientnet_lite0.ml-illustrated";

/// Fine-tune any architecture from pretrained weights on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The pretrained weights: a .safetensors, .pth, .h5, .keras or .npz file, or a name that `cargo xtask weights --list`
    /// shows. Without --arch they are EfficientNet-Lite0's, of 19 MB.
    #[arg(long, value_name = "FILE|NAME", requires = "arch", conflicts_with = "resume")]
    weights: Option<PathBuf>,
    /// An architecture's name, such as resnet50, densenet121, xception-keras, vgg16_bn, googlenet or inception_v3;
    /// tf_efficientnet_lite0 if not given.
    #[arg(long, requires = "weights", conflicts_with = "resume")]
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
    training::make(finetune.run(&run, || {
        Ok((
            arch.as_deref().unwrap_or(ARCHITECTURE),
            weights.as_deref().unwrap_or(Path::new(WEIGHTS)),
        ))
    }))
}
