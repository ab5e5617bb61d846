//! Writes a checkpoint in another format.
//!
//! `cargo run --release --example convert -- --from model.h5 --to model.safetensors --arch densenet121`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::arch::{ArchitectureOptions, Graph, architecture};
use marque::weights::{Account, Format, MatchPolicy, StateDict};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Write a checkpoint in another format, under the names of an architecture if one is given.
#[derive(Parser, Debug)]
struct Arguments {
    /// Any checkpoint that can be read: PyTorch, safetensors, Keras, npz. Its contents tell which it is.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A .safetensors, .pth, .pt or .npz file.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The architecture whose names and layouts the tensors get, such as densenet121: torchvision's or timm's.
    #[arg(long, value_name = "NAME")]
    arch: Option<String>,
    /// Length of the logits; the file's own if left out.
    #[arg(long, value_name = "N", requires = "arch")]
    classes: Option<usize>,
    /// Writes numbers in half precision: half the size, each rounded to eleven bits.
    #[arg(long)]
    half: bool,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let format = Format::for_writing(&arguments.to)?;
    let mut weights = StateDict::read(&arguments.from)?;
    let read = format!(
        "{} ({}): {}",
        arguments.from.display(),
        Format::of_file(&arguments.from)?,
        contents(&weights)
    );
    let mut account = None;
    if let Some(arch) = &arguments.arch {
        let (renamed, found) = under_names_of(arch, arguments.classes, &weights)?;
        (weights, account) = (renamed, Some(found));
    }
    if arguments.half {
        weights = weights.to_half_precision()?;
    }
    weights.write_as(&arguments.to, format)?;
    tell!("{read}");
    if let Some(account) = account {
        tell!("{account}");
    }
    tell!("{} ({format}): {}", arguments.to.display(), contents(&weights));
    if format == Format::Npz && !weights.metadata.is_empty() {
        tell!(
            "left out, since npz files have no place for it: {} metadata",
            weights.metadata.len()
        );
    }
    Ok(())
}

/// How many tensors of which types, and their size.
fn contents(weights: &StateDict) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut bytes = 0;
    for (_, tensor) in weights.iter() {
        *counts.entry(tensor.dtype().to_string()).or_default() += 1;
        bytes += tensor.bytes().len();
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(dtype, count)| format!("{count} {dtype}"))
        .collect();
    format!("{} tensors, {bytes} bytes: {}", weights.len(), counts.join(", "))
}

fn under_names_of(arch: &str, classes: Option<usize>, weights: &StateDict) -> Result<(StateDict, Account)> {
    let graph = |num_classes| -> Result<Graph> {
        let options = ArchitectureOptions {
            num_classes,
            ..Default::default()
        };
        Ok(architecture(arch, options)?)
    };
    let policy = MatchPolicy::NewHead;
    let mut matched = weights.matched_to(&graph(classes.unwrap_or(1000))?, policy)?;
    if let (None, Some(found)) = (classes, head_length(&matched.account, weights)) {
        matched = weights.matched_to(&graph(found)?, policy)?;
    }
    Ok((matched.weights, matched.account))
}

/// Length of the logits of a head that did not fit: that of its last bias.
fn head_length(account: &Account, weights: &StateDict) -> Option<usize> {
    let unused = |name: &str| account.unused_head.iter().any(|unused| unused == name);
    let biases = weights
        .iter()
        .filter(|(name, tensor)| unused(name) && tensor.shape().len() == 1);
    biases.last().map(|(_, bias)| bias.len())
}
