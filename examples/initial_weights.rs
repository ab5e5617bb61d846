//! Writes a network's first values, before any training, as a `.safetensors` file that other libraries read.
//!
//! `cargo run --release --example initial_weights -- --arch resnet34 --out resnet34.safetensors`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{Network, NetworkOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Write a network's first values, before any training, as a .safetensors file.
#[derive(Parser, Debug)]
struct Arguments {
    /// Its name, such as resnet34.
    #[arg(long, value_name = "NAME")]
    arch: String,
    /// Length of the logits.
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// What the values are drawn from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let options = ArchitectureOptions {
        num_classes: arguments.classes,
        ..Default::default()
    };
    let graph = architecture(&arguments.arch, options)?;
    let numbers = graph.trained_parameter_count();
    let seed = arguments.seed;
    let network = Network::new(
        graph,
        NetworkOptions {
            seed,
            ..Default::default()
        },
    )?;
    let mut weights = network.state_dict()?;
    // PyTorch's readers look for this entry.
    weights.metadata.insert("format".to_owned(), "pt".to_owned());
    weights.write(&arguments.out)?;
    tell!(
        "{} tensors with {numbers} trained numbers in {}",
        weights.len(),
        arguments.out.display()
    );
    Ok(())
}
