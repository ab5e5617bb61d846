//! Runs images through a network in evaluation mode and writes its logits.
//!
//! `cargo run --release --example forward -- --arch resnet34 --weights resnet34.safetensors --input x.npy --output y.npy`

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use backend::{Backend, Computing};
use clap::Parser;
use marque::arch::{ArchitectureOptions, Graph, architecture};
use marque::infer::Session;
#[cfg(feature = "torch")]
use marque::torch::Network;
use marque::weights::{MatchPolicy, StateDict};
use marque_fs::write_atomically;
use ndarray::{Array2, Array4, ArrayView4};
use ndarray_npy::WriteNpyExt;
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{note, tell};

/// Run images through a network in evaluation mode and write its logits.
#[derive(Parser, Debug)]
struct Arguments {
    /// Its name, such as resnet34.
    #[arg(long, value_name = "NAME")]
    arch: String,
    /// Length of the logits.
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// Any checkpoint with the architecture's parameters: PyTorch, safetensors, Keras, npz. Its contents tell which it is.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// f32 images, N×3×H×W, normalised.
    #[arg(long, value_name = "X.npy")]
    input: PathBuf,
    /// Where the f32 logits go, N×K.
    #[arg(long, value_name = "Y.npy")]
    output: PathBuf,
    #[command(flatten)]
    computing: Computing,
}

fn main() -> ExitCode {
    #[cfg(feature = "torch")]
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let backend = arguments.computing.backend(Backend::Native)?;
    let graph = architecture(
        &arguments.arch,
        ArchitectureOptions {
            num_classes: arguments.classes,
            ..Default::default()
        },
    )?;
    let file = StateDict::read(&arguments.weights)?;
    let matched = file
        .matched_to(&graph, MatchPolicy::Strict)
        .with_context(|| format!("in {}", arguments.weights.display()))?;
    note!("{}", matched.account);
    let input: Array4<f32> = ndarray_npy::read_npy(&arguments.input).with_context(|| {
        format!(
            "cannot read {} as f32 of four dimensions",
            arguments.input.display()
        )
    })?;
    let logits = logits(
        &arguments.computing,
        backend,
        graph,
        &matched.weights,
        input.view(),
    )?;
    write_atomically(&arguments.output, |file| {
        logits.write_npy(file).map_err(std::io::Error::other)
    })
    .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    tell!(
        "{} × {} logits in {}",
        logits.nrows(),
        logits.ncols(),
        arguments.output.display()
    );
    Ok(())
}

fn logits(
    computing: &Computing,
    backend: Backend,
    graph: Graph,
    weights: &StateDict,
    images: ArrayView4<'_, f32>,
) -> Result<Array2<f32>> {
    match backend {
        Backend::Native => Ok(Session::new(graph, weights, computing.session_options())?.logits(images)?),
        #[cfg(feature = "torch")]
        Backend::Torch => {
            Ok(Network::with_weights(graph, weights, computing.network_options()?)?.predict(images)?)
        }
    }
}
