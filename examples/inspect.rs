//! Shows an architecture: a table of its layers, one JSON object, a drawing, or how it is computed.
//!
//! `cargo run --example inspect -- --arch resnet34 --classes 7 --svg resnet34.svg`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use marque::arch::{ArchitectureOptions, Graph, Head, ImageSize, Shape, Summary, architecture};
use marque::infer::{Session, SessionOptions};
use marque::model::{Error, read_model};
use marque::onnx::Imported;
use marque::weights::{DType, StateDict, Tensor};
use marque_fs::write_atomically;
use ndarray::Array4;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::out;

/// Show an architecture: a table of its layers, one JSON object, a drawing, or how it is computed.
#[derive(Parser, Debug)]
struct Arguments {
    /// Its name, such as resnet34.
    #[arg(long, value_name = "NAME", required_unless_present = "model")]
    arch: Option<String>,
    /// The network of a model file or an ONNX file instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "classes", "head", "channels"])]
    model: Option<PathBuf>,
    /// Length of the logits.
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// What stands upon the last feature maps.
    #[arg(long, value_enum, default_value_t = HeadName::Own)]
    head: HeadName,
    /// Channels of the image.
    #[arg(long, default_value_t = 3)]
    channels: usize,
    /// Height and width of the image in pixels.
    #[arg(long, default_value_t = 224)]
    size: usize,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// A short table instead, by modules and in Markdown.
    #[arg(long, conflicts_with = "json")]
    modules: bool,
    /// How marque's own engine computes it, step by step, with what each takes here.
    #[arg(long, conflicts_with_all = ["json", "modules"])]
    plan: bool,
    /// Images of a batch, for --plan.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Threads, for --plan; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Draw the network into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the whole graph in Graphviz's language into this file.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

/// The names of heads.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum HeadName {
    /// What the architecture comes with.
    Own,
    /// Global average pooling and one linear layer.
    Linear,
    /// The subject's: two hidden layers of 512 and 256.
    Subject,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let options = ArchitectureOptions {
        num_classes: arguments.classes,
        in_channels: arguments.channels,
        head: match arguments.head {
            HeadName::Own => Head::Own,
            HeadName::Linear => Head::Linear,
            HeadName::Subject => Head::Subject,
        },
    };
    let graph = match (&arguments.model, &arguments.arch) {
        (Some(file), _) => graph_in(file)?,
        (None, arch) => architecture(arch.as_deref().unwrap_or_default(), options)?,
    };
    let size = ImageSize::square(arguments.size);
    let summary = graph.summary(size)?;
    if let Some(file) = &arguments.svg {
        write(file, graph.to_svg(size)?)?;
    }
    if let Some(file) = &arguments.dot {
        write(file, graph.to_dot(size)?)?;
    }
    if arguments.plan {
        out!("{}", plan(graph, &arguments)?.trim_end())?;
    } else if arguments.json {
        out!("{}", object(&graph, &summary, &arguments))?;
    } else if arguments.modules {
        out!("{}", summary.modules().to_string().trim_end())?;
    } else {
        out!("{}", summary.to_string().trim_end())?;
    }
    Ok(())
}

/// The network of a model file or an ONNX file.
fn graph_in(file: &Path) -> Result<Graph> {
    match read_model(file) {
        Err(Error::Weights(error)) if Imported::is_foreign(&error) => Ok(Imported::read(file)?.graph),
        other => Ok(other?.0.graph),
    }
}

/// Passes whose median is told.
const PASSES: usize = 9;

/// The plan for a network whose weights are zeros: how long it takes does not depend on them.
fn plan(graph: Graph, arguments: &Arguments) -> Result<String> {
    let mut weights = StateDict::default();
    for parameter in graph.parameters() {
        let zeros = vec![0; parameter.count() * size_of::<f32>()];
        weights.insert(&parameter.name, Tensor::new(DType::F32, &parameter.shape, zeros)?);
    }
    let options = SessionOptions {
        threads: arguments.threads,
        ..SessionOptions::default()
    };
    let session = Session::new(graph, &weights, options)?;
    let size = ImageSize::square(arguments.size);
    let shape = (
        arguments.batch.into(),
        session.graph().input_channels(),
        size.height,
        size.width,
    );
    let profile = session.profile(Array4::zeros(shape).view(), PASSES)?;
    let (executor, plan) = (session.executor(), session.plan(shape.0, size)?);
    Ok(format!(
        "{profile}\n{}, threads: {}; milliseconds, expected of one core; {:.1} MB for maps and in between",
        executor.instruction_set(),
        executor.threads().count(),
        plan.working_bytes() as f64 / 1e6,
    ))
}

fn object(graph: &Graph, summary: &Summary, arguments: &Arguments) -> serde_json::Value {
    let classes = match summary.output() {
        Shape::Vector { features } => features,
        Shape::Map { channels, .. } => channels,
    };
    let parameters = graph.parameters();
    let parameters = parameters
        .iter()
        .map(|parameter| serde_json::json!({ "name": parameter.name, "shape": parameter.shape }));
    serde_json::json!({
        "arch": graph.name(),
        "classes": classes,
        "input": [graph.input_channels(), arguments.size, arguments.size],
        "params": summary.trained_parameters(),
        "macs": summary.multiply_adds(),
        "activation_bytes": summary.activation_bytes(),
        "receptive_field": summary.receptive_field().map(|seen| [seen.height, seen.width]),
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

fn write(file: &Path, drawing: String) -> Result<()> {
    write_atomically(file, |target| target.write_all(drawing.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))
}
