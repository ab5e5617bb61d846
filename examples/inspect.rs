//! Shows an architecture: a table of its layers, one JSON object, or a drawing.
//!
//! `cargo run --example inspect -- --arch resnet34 --classes 7 --svg resnet34.svg`

use anyhow::{Context, Result};
use clap::Parser;
use marque::arch::{ArchitectureOptions, ImageSize, architecture};
use std::path::PathBuf;

/// Show an architecture: a table of its layers, one JSON object, or a drawing.
#[derive(Parser, Debug)]
struct Arguments {
    /// Its name, such as resnet34.
    #[arg(long, value_name = "NAME")]
    arch: String,
    /// Length of the logits.
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// Height and width of the image in pixels.
    #[arg(long, default_value_t = 224)]
    size: usize,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Draw the network into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the whole graph in Graphviz's language into this file.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = ArchitectureOptions {
        num_classes: arguments.classes,
        ..Default::default()
    };
    let graph = architecture(&arguments.arch, options)?;
    let size = ImageSize::square(arguments.size);
    let summary = graph.summary(size)?;
    if arguments.json {
        let parameters = graph.parameters();
        let parameters = parameters
            .iter()
            .map(|parameter| serde_json::json!({ "name": parameter.name, "shape": parameter.shape }));
        let object = serde_json::json!({
            "arch": graph.name(),
            "classes": arguments.classes,
            "input": [graph.input_channels(), arguments.size, arguments.size],
            "params": summary.trained_parameters(),
            "macs": summary.multiply_adds(),
            "parameters": parameters.collect::<Vec<_>>(),
        });
        println!("{object}");
    } else {
        print!("{summary}");
    }
    for (file, drawing) in [
        (&arguments.svg, graph.to_svg(size)?),
        (&arguments.dot, graph.to_dot(size)?),
    ] {
        if let Some(file) = file {
            std::fs::write(file, drawing).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}
