//! Names the class of photos with a trained model.
//!
//! `cargo run --release --example classify -- --model runs/resnet34/model.safetensors photo.jpg …`
//!
//! A bad photo is an error line for that photo; the others are still answered, and the exit code is then 1. The
//! exit code is 2 if there is no usable model.

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::torch::DeviceChoice;
use marque::train::{Classification, Classifier};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{note, out, with_causes};

/// Name the class of photos with a trained model.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// One JSON object per line instead of text.
    #[arg(long)]
    json: bool,
    /// How many classes to name per photo.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// The photos.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

fn main() -> ExitCode {
    marque::torch::wait_passively();
    terminal::run(program)
}

fn program() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let opened = arguments.device.device().map_err(anyhow::Error::from);
    let classifier = match opened.and_then(|device| Ok(Classifier::open(&arguments.model, device)?)) {
        Ok(classifier) => classifier,
        Err(error) => {
            note!("error: {}", with_causes(&error));
            return Ok(ExitCode::from(2));
        }
    };
    let mut exit_code = ExitCode::SUCCESS;
    for image in &arguments.images {
        let path = image.display().to_string();
        match classifier.classify(image) {
            Ok(classes) => {
                let classes = &classes[..classes.len().min(arguments.top as usize)];
                if arguments.json {
                    out!("{}", json(&path, classes))?;
                } else {
                    out!("{path}: {}", text(classes))?;
                }
            }
            Err(error) => {
                exit_code = ExitCode::from(1);
                let message = with_causes(&error.into());
                if arguments.json {
                    out!("{}", serde_json::json!({ "image": path, "error": message }))?;
                } else {
                    // Most errors begin with the path themselves; once is enough.
                    let message = message.strip_prefix(&format!("{path}: ")).unwrap_or(&message);
                    out!("{path}: error: {message}")?;
                }
            }
        }
    }
    Ok(exit_code)
}

fn text(classes: &[Classification]) -> String {
    let parts = classes
        .iter()
        .map(|class| format!("{} {:.1} %", class.class_name, 100.0 * class.probability));
    parts.collect::<Vec<_>>().join(", ")
}

fn json(path: &str, classes: &[Classification]) -> serde_json::Value {
    let top = classes
        .iter()
        .map(|class| serde_json::json!({ "label": class.class_name, "probability": class.probability }));
    serde_json::json!({
        "image": path,
        "label": classes[0].class_name,
        "probability": classes[0].probability,
        "top": top.collect::<Vec<_>>(),
    })
}
