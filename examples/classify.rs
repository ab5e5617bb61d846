//! Names the class of photos with a trained model.
//!
//! `cargo run --release --example classify -- --model runs/resnet34/model.safetensors photo.jpg …`
//!
//! A folder is gone through with all its sub-folders, in the order of names; what operating systems leave behind and folders
//! of runs are passed over. A bad photo is an error line for that photo; the others are still answered, and the exit code is
//! then 1. So is a file that was named and is no photo. A file that was only found in a folder, and is a photo neither by its
//! content nor by its ending, is passed over and named at the end. The exit code is 2 if there is no usable model.

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/model.rs"]
mod model;
#[path = "shared/terminal.rs"]
mod terminal;

use backend::{Backend, Computing};
use clap::Parser;
use marque::data::{Error as DataError, has_photo_name, list_photos};
use marque::infer::Session;
use marque::model::{Classification, Engine, Ensemble, Error};
#[cfg(feature = "torch")]
use marque::torch::Network;
use model::OnnxArguments;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::{Unprinted, note, out, with_causes};

/// Name the class of photos with a trained model.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder, or an ONNX file; of several, given one after the other, the mean answers.
    #[arg(long, value_name = "FILE", required = true)]
    model: Vec<PathBuf>,
    /// One JSON object per line instead of text.
    #[arg(long)]
    json: bool,
    /// How many classes to name per photo.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    #[command(flatten)]
    onnx: OnnxArguments,
    #[command(flatten)]
    computing: Computing,
    /// The photos, or folders of photos.
    #[arg(required = true, value_name = "IMAGE|DIR")]
    images: Vec<PathBuf>,
}

fn main() -> ExitCode {
    #[cfg(feature = "torch")]
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.computing.backend(Backend::Native) {
        Ok(Backend::Native) => classify::<Session>(&arguments, || Ok(arguments.computing.session_options())),
        #[cfg(feature = "torch")]
        Ok(Backend::Torch) => classify::<Network>(&arguments, || arguments.computing.network_options()),
        Err(error) => Ok(unusable(&error)),
    }
}

/// Answers for all that was named, on an engine.
fn classify<E: Engine>(
    arguments: &Arguments,
    options: impl Fn() -> anyhow::Result<E::Options>,
) -> anyhow::Result<ExitCode> {
    let open = |path: &PathBuf| arguments.onnx.classifier::<E>(path, options()?);
    let opened: anyhow::Result<Vec<_>> = arguments.model.iter().map(open).collect();
    let ensemble = match opened.and_then(|models| Ok(Ensemble::new(models)?)) {
        Ok(ensemble) => ensemble,
        Err(error) => return Ok(unusable(&error)),
    };
    let mut run = Run {
        ensemble,
        arguments,
        is_all_good: true,
        passed_over: Vec::new(),
    };
    for image in &arguments.images {
        if image.is_dir() {
            run.folder(image)?;
        } else {
            run.answer(image, run.ensemble.classify(image))?;
        }
    }
    if let Some(first) = run.passed_over.first() {
        let count = run.passed_over.len();
        note!(
            "files in folders that are no photos: {count}, first {}",
            first.display()
        );
    }
    Ok(if run.is_all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Says why nothing can be answered.
fn unusable(error: &anyhow::Error) -> ExitCode {
    note!("error: {}", with_causes(error));
    ExitCode::from(2)
}

/// Going through what was named.
struct Run<'a, E> {
    ensemble: Ensemble<E>,
    arguments: &'a Arguments,
    is_all_good: bool,
    /// Files in folders that are no photos, and do not claim to be.
    passed_over: Vec<PathBuf>,
}

impl<E: Engine> Run<'_, E> {
    /// Answers for each photo in and below a folder.
    fn folder(&mut self, folder: &Path) -> Result<(), Unprinted> {
        let files = match list_photos(folder) {
            Ok(files) => files,
            Err(error) => return self.error(folder, &with_causes(&error.into())),
        };
        let mut is_empty = true;
        for file in files {
            let classes = self.ensemble.classify(&file);
            if matches!(&classes, Err(error) if is_no_photo(error)) && !has_photo_name(&file) {
                self.passed_over.push(file);
            } else {
                is_empty = false;
                self.answer(&file, classes)?;
            }
        }
        if is_empty {
            self.error(folder, "there is no photo in this folder")?;
        }
        Ok(())
    }

    /// Prints one line for a photo.
    fn answer(&mut self, image: &Path, classes: Result<Vec<Classification>, Error>) -> Result<(), Unprinted> {
        let path = image.display().to_string();
        match classes {
            Ok(classes) => {
                let top = &classes[..classes.len().min(self.arguments.top as usize)];
                if self.arguments.json {
                    out!("{}", json(&path, top))
                } else {
                    out!("{path}: {}", text(top))
                }
            }
            Err(error) => self.error(image, &with_causes(&error.into())),
        }
    }

    fn error(&mut self, path: &Path, message: &str) -> Result<(), Unprinted> {
        self.is_all_good = false;
        let path = path.display().to_string();
        if self.arguments.json {
            out!("{}", serde_json::json!({ "image": path, "error": message }))
        } else {
            // Most errors begin with the path themselves; once is enough.
            let message = message.strip_prefix(&format!("{path}: ")).unwrap_or(message);
            out!("{path}: error: {message}")
        }
    }
}

/// Whether a file does not even begin like a photo.
fn is_no_photo(error: &Error) -> bool {
    matches!(
        error,
        Error::Data(DataError::NotAnImage { .. } | DataError::EmptyFile { .. })
    )
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
