//! marque's own engine, with the weights that the other engines' files were exported from.

use anyhow::{Context, Result};
use engines::{Case, serve};
use marque_arch::{ArchitectureOptions, architecture};
use marque_infer::{Session, SessionOptions};
use marque_weights::StateDict;
use ndarray::Array4;

/// The model file is PyTorch's, `resnet18.pth`: it is named after the architecture and holds its parameters.
fn main() -> Result<()> {
    let case = Case::from_arguments()?;
    let name = case
        .model
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("a model file without a name")?;
    let graph = architecture(name, ArchitectureOptions::default())?;
    let weights = StateDict::read(&case.model)?;
    let options = SessionOptions {
        threads: case.threads,
        ..Default::default()
    };
    let session = Session::new(graph, &weights, options)?;
    let [n, c, h, w] = case.shape();
    let input = Array4::from_shape_vec((n, c, h, w), case.input()?)?;
    serve(&format!("{} {}", env!("CARGO_PKG_VERSION"), session.executor().instruction_set()), || {
        Ok(session.logits(input.view())?.iter().copied().collect())
    })
}
