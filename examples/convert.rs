//! Writes a checkpoint in another format.
//!
//! `cargo run --release --example convert -- --from model.h5 --to model.safetensors --arch densenet121`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail};
use clap::Parser;
use marque::arch::{ArchitectureOptions, Graph, ImageSize, architecture};
use marque::model::{CARD_KEY, ModelCard, read_model};
use marque::onnx::{ExportOptions, Imported, Normalization, export};
use marque::weights::{Account, Format, MatchPolicy, Matched, StateDict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;

/// Write a checkpoint in another format, under the names of an architecture if one is given.
#[derive(Parser, Debug)]
struct Arguments {
    /// Any checkpoint that can be read: PyTorch, safetensors, Keras, npz, or an ONNX file. Its contents tell which it is.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A .safetensors, .pth, .pt or .npz file; or an .onnx file, of a model of marque or with --arch.
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
    /// Of an .onnx file: it takes photos of the model's size, N×H×W×3 bytes, and its first nodes normalise them.
    #[arg(long)]
    photos: bool,
    /// Of an .onnx file: it is for images of this size alone, 224 or 160x256 pixels; VGGs must have one.
    #[arg(long, value_name = "SIZE")]
    image_size: Option<ImageSize>,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let ending = arguments.to.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("onnx") {
        return to_onnx(&arguments);
    }
    if arguments.photos || arguments.image_size.is_some() {
        bail!("--photos and --image-size are for .onnx files");
    }
    let format = Format::for_writing(&arguments.to)?;
    let (mut weights, found) = read(&arguments.from)?;
    let read = format!("{} ({found}): {}", arguments.from.display(), contents(&weights));
    let mut account = None;
    if let Some(arch) = &arguments.arch {
        let (_, matched) = under_names_of(arch, &arguments, &weights)?;
        (weights, account) = (matched.weights, Some(matched.account));
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

/// The weights in a file, and what kind of file it is.
fn read(file: &Path) -> Result<(StateDict, String)> {
    match StateDict::read(file) {
        Err(error) if Imported::is_foreign(&error) => Ok((Imported::read(file)?.weights, "ONNX".to_owned())),
        other => Ok((other?, Format::of_file(file)?.to_string())),
    }
}

/// Writes an ONNX file, of a model with its card, or of weights under the names of an architecture.
fn to_onnx(arguments: &Arguments) -> Result<()> {
    if arguments.half {
        bail!("ONNX files are written in single precision");
    }
    let (graph, weights, card) = match &arguments.arch {
        Some(arch) => {
            let (weights, _) = read(&arguments.from)?;
            let (graph, matched) = under_names_of(arch, arguments, &weights)?;
            tell!("{}", matched.account);
            (graph, matched.weights, None)
        }
        None => {
            let model = read_model(&arguments.from).context("of other files --arch says the network");
            let (card, weights) = model?;
            (card.graph.clone(), weights, Some(card))
        }
    };
    let mut options = ExportOptions {
        image_size: arguments.image_size,
        ..ExportOptions::default()
    };
    if let Some(card) = &card {
        options.class_names = card.class_names.clone();
        options.metadata.insert(CARD_KEY.to_owned(), card.to_text()?);
    }
    if arguments.photos {
        options.normalization = Some(normalization(card.as_ref())?);
        // Photos come in the size that the model was tested with.
        options.image_size = options.image_size.or(card.map(|card| card.preprocess.image_size));
    }
    export(&arguments.to, &graph, &weights, &options)?;
    tell!("{} (ONNX): {}", arguments.to.display(), contents(&weights));
    Ok(())
}

fn normalization(card: Option<&ModelCard>) -> Result<Normalization> {
    let card = card.context("--photos is for models of marque, which say how photos are normalised")?;
    Ok(Normalization {
        mean: card.preprocess.mean.to_vec(),
        std: card.preprocess.std.to_vec(),
    })
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

fn under_names_of(arch: &str, arguments: &Arguments, weights: &StateDict) -> Result<(Graph, Matched)> {
    let classes = arguments.classes;
    let graph = |num_classes| -> Result<Graph> {
        let options = ArchitectureOptions {
            num_classes,
            ..Default::default()
        };
        Ok(architecture(arch, options)?)
    };
    let named = |graph: &Graph| -> Result<StateDict> {
        // An ONNX file may have lost the names, and folded its batch norms.
        match StateDict::read(&arguments.from) {
            Err(error) if Imported::is_foreign(&error) => {
                let imported = Imported::read(&arguments.from)?;
                Ok(imported.weights_under(graph).unwrap_or(imported.weights))
            }
            _ => Ok(weights.clone()),
        }
    };
    let policy = MatchPolicy::NewHead;
    let mut graph_of = graph(classes.unwrap_or(1000))?;
    let mut matched = named(&graph_of)?.matched_to(&graph_of, policy)?;
    if let (None, Some(found)) = (classes, head_length(&matched.account, &named(&graph_of)?)) {
        graph_of = graph(found)?;
        matched = named(&graph_of)?.matched_to(&graph_of, policy)?;
    }
    Ok((graph_of, matched))
}

/// Length of the logits of a head that did not fit: that of its last bias.
fn head_length(account: &Account, weights: &StateDict) -> Option<usize> {
    let unused = |name: &str| account.unused_head.iter().any(|unused| unused == name);
    let biases = weights
        .iter()
        .filter(|(name, tensor)| unused(name) && tensor.shape().len() == 1);
    biases.last().map(|(_, bias)| bias.len())
}
