//! A model file of a checkpoint that was trained elsewhere, as the server and `classify` take it.
//!
//! `cargo run --release -p serve --example pack -- --arch resnet18 --checkpoint resnet18.pth --out model.safetensors`
//!
//! The photos are brought to the network as torchvision's weights expect them: the shorter side to 8/7 of the image size, its middle,
//! ImageNet's mean and deviation.

#[path = "../../shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use marque_arch::{ArchitectureOptions, ImageSize, architecture};
use marque_data::{Preprocess, Resize};
use marque_model::{ModelCard, save_model};
use marque_weights::{MatchPolicy, StateDict};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Make a model file of a checkpoint.
#[derive(Parser, Debug)]
struct Arguments {
    /// The checkpoint's architecture, such as resnet18.
    #[arg(long, value_name = "NAME")]
    arch: String,
    /// Any checkpoint that can be read: PyTorch, safetensors, Keras, npz.
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The names of the classes, one a line, in the order of the logits; numbers if not given.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Length of the logits where no names are given.
    #[arg(long, default_value_t = 1000)]
    num_classes: usize,
    /// Sides of the images, in pixels.
    #[arg(long, default_value_t = 224)]
    image_size: usize,
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let class_names: Vec<String> = match &arguments.classes {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .lines()
            .map(str::to_owned)
            .collect(),
        None => (0..arguments.num_classes)
            .map(|class| class.to_string())
            .collect(),
    };
    ensure!(!class_names.is_empty(), "--classes names none");
    let options = ArchitectureOptions {
        num_classes: class_names.len(),
        ..ArchitectureOptions::default()
    };
    let graph = architecture(&arguments.arch, options)?;
    let weights = StateDict::read(&arguments.checkpoint)?.matched_to(&graph, MatchPolicy::Strict)?;
    let preprocess = Preprocess {
        image_size: ImageSize::square(arguments.image_size),
        resize: Resize::CenterCrop {
            shorter_side: arguments.image_size * 8 / 7,
        },
        ..Preprocess::default()
    };
    preprocess.validate()?;
    let card = ModelCard::new(graph, class_names, preprocess);
    save_model(&arguments.out, &weights.weights, &card)?;
    tell!("{}: {} classes", arguments.out.display(), card.class_names.len());
    Ok(())
}
