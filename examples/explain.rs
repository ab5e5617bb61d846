//! Shows where in photos a trained model finds what speaks for a class: one picture per photo, by Grad-CAM.
//!
//! `cargo run --release --example explain -- --model runs/xception/model.safetensors --out explained photo.jpg …`
//!
//! Where one linear layer stands behind the mean of the last feature maps, as in all residual and dense networks, no gradient is needed
//! and marque's own engine computes it. Other nodes and other networks need LibTorch.
//!
//! A bad photo is an error line for that photo; the others are still explained, and the exit code is then 1.

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/model.rs"]
mod onnx_model;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use backend::{Backend, Computing};
use clap::Parser;
use image::ImageFormat;
use marque::data::decode;
use marque::infer::ClassMaps;
use marque::model::{self, Classifier, Explain, ExplainConfig, ModelCard};
use marque::report::heat_overlay;
#[cfg(feature = "torch")]
use marque::torch::Network;
use marque_fs::write_atomically;
use onnx_model::OnnxArguments;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::out;

/// Show where in photos a trained model finds what speaks for a class.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder, or an ONNX file.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Where the pictures go, as NUMBER-NAME.png.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The class to explain; for each photo the predicted one if not given.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The node whose feature maps are weighed, a name that `inspect` shows; the last feature maps if not given. Others need LibTorch.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    #[command(flatten)]
    onnx: OnnxArguments,
    #[command(flatten)]
    computing: Computing,
    /// The photos.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

fn main() -> ExitCode {
    #[cfg(feature = "torch")]
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.computing.backend(suitable_backend(&arguments)?)? {
        Backend::Native => explain_all::<ClassMaps>(&arguments, arguments.computing.session_options()),
        #[cfg(feature = "torch")]
        Backend::Torch => explain_all::<Network>(&arguments, arguments.computing.network_options()?),
    }
}

/// LibTorch where gradients are needed.
#[cfg(feature = "torch")]
fn suitable_backend(arguments: &Arguments) -> Result<Backend> {
    let (card, _) = arguments.onnx.read(&arguments.model)?;
    let is_native = arguments.node.is_none() && card.graph.with_class_maps().is_ok();
    Ok(if is_native {
        Backend::Native
    } else {
        Backend::Torch
    })
}

/// Without it, what is wrong is said where the network is built.
#[cfg(not(feature = "torch"))]
fn suitable_backend(_: &Arguments) -> Result<Backend> {
    Ok(Backend::Native)
}

fn explain_all<E: Explain>(arguments: &Arguments, options: E::Options) -> Result<ExitCode> {
    let classifier = arguments.onnx.classifier::<E>(&arguments.model, options)?;
    let config = config(arguments, classifier.card())?;
    let mut exit_code = ExitCode::SUCCESS;
    for (number, image) in (1..).zip(&arguments.images) {
        let name = image.file_stem().unwrap_or_default().to_string_lossy();
        let picture = arguments.out.join(format!("{number}-{name}.png"));
        match explain(&classifier, &config, image, &picture) {
            Ok(class) => out!("{}: {class}, {}", image.display(), picture.display())?,
            Err(error) => {
                exit_code = ExitCode::from(1);
                // Most errors begin with the path themselves; once is enough.
                let (path, message) = (image.display().to_string(), error.to_string());
                let message = message.strip_prefix(&format!("{path}: ")).unwrap_or(&message);
                out!("{path}: error: {message}")?;
            }
        }
    }
    Ok(exit_code)
}

fn config(arguments: &Arguments, card: &ModelCard) -> Result<ExplainConfig> {
    let class = |name: &String| {
        let found = card.class_names.iter().position(|class| class == name);
        found.with_context(|| {
            format!(
                "there is no class {name:?}; there are: {}",
                card.class_names.join(", ")
            )
        })
    };
    Ok(ExplainConfig {
        class: arguments.class.as_ref().map(class).transpose()?,
        node: arguments
            .node
            .as_ref()
            .map(|name| card.graph.find(name))
            .transpose()?,
        mirrored: card.mirrored,
    })
}

/// Writes the picture of one photo and gives the name of the class that it explains.
fn explain<'a, E: Explain>(
    classifier: &'a Classifier<E>,
    config: &ExplainConfig,
    image: &Path,
    picture: &Path,
) -> Result<&'a str> {
    let card = classifier.card();
    let found = model::explain(classifier.engine(), &card.preprocess, &decode(image)?, config)?;
    let mut png = Vec::new();
    heat_overlay(&found.photo, found.heat.view()).write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    write_atomically(picture, |file| file.write_all(&png))
        .with_context(|| format!("cannot write {}", picture.display()))?;
    Ok(&card.class_names[found.class])
}
