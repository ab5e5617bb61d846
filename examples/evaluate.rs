//! Tests a trained model on a folder of labelled photos.
//!
//! `cargo run --release --example evaluate -- --model runs/resnet34/model.safetensors --data photos`

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/model.rs"]
mod model;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail};
use backend::{Backend, Computing};
use clap::Parser;
use marque::data::{BadFiles, ImageFolder, LoaderConfig, Sample, SplitConfig};
use marque::infer::Session;
use marque::model::{Engine, Ensemble};
#[cfg(feature = "torch")]
use marque::torch::Network;
use marque_fs::write_atomically;
use model::OnnxArguments;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use terminal::{note, tell};

/// Test a trained model, or several together, on a folder of labelled photos.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder, or an ONNX file; of several, given one after the other, the mean is tested.
    #[arg(long, value_name = "FILE", required = true)]
    model: Vec<PathBuf>,
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, or a list of photos, whose classes the model knows.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// All photos of the folder, not those of its test part alone.
    #[arg(long)]
    all: bool,
    /// Photos that are computed together.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    batch_size: u16,
    /// Where a table goes with each photo's true class and all probabilities.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Where all metrics go as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    onnx: OnnxArguments,
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
    match arguments.computing.backend(Backend::Native)? {
        Backend::Native => evaluate::<Session>(&arguments, || Ok(arguments.computing.session_options())),
        #[cfg(feature = "torch")]
        Backend::Torch => evaluate::<Network>(&arguments, || arguments.computing.network_options()),
    }
}

fn evaluate<E: Engine>(arguments: &Arguments, options: impl Fn() -> Result<E::Options>) -> Result<()> {
    let open = |path: &PathBuf| arguments.onnx.classifier::<E>(path, options()?);
    let models = arguments.model.iter().map(open).collect::<Result<_>>()?;
    let ensemble = Ensemble::new(models)?;
    let samples = samples(arguments, ensemble.class_names())?;
    let config = LoaderConfig {
        batch_size: arguments.batch_size.into(),
        bad_files: BadFiles::Skip,
        ..LoaderConfig::default()
    };
    let began = Instant::now();
    let (predictions, unreadable) = ensemble.test(&samples, &config)?;
    for bad in unreadable {
        note!("left out: {}: {}", bad.path.display(), bad.reason);
    }
    let seconds = began.elapsed().as_secs_f64();
    let metrics = predictions.metrics()?;
    if let Some(file) = &arguments.predictions {
        let table = predictions.clone().relative_to(&arguments.data);
        write_atomically(file, |target| {
            table.write_csv(target).map_err(std::io::Error::other)
        })
        .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&metrics)?;
        write_atomically(file, |target| target.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let count = predictions.labels.len();
    tell!(
        "{}\n{count} photos in {seconds:.1} s, {:.1} a second",
        metrics.classification_report(),
        count as f64 / seconds
    );
    Ok(())
}

/// The photos of the folder, labelled by the model's classes.
fn samples(arguments: &Arguments, class_names: &[String]) -> Result<Vec<Sample>> {
    let folder = ImageFolder::scan(&arguments.data)?;
    let label = |name: &String| {
        let found = class_names.iter().position(|known| known == name);
        found.with_context(|| {
            format!(
                "the model knows no class {name:?}; it knows {}",
                class_names.join(", ")
            )
        })
    };
    let labels: Vec<usize> = folder.class_names().iter().map(label).collect::<Result<_>>()?;
    let samples = match arguments.all {
        true => folder.samples().cloned().collect(),
        false => folder.split(&SplitConfig::default())?.test,
    };
    if samples.is_empty() {
        bail!(
            "{} has no test photos; --all takes those that it has",
            arguments.data.display()
        );
    }
    let labelled = |sample: Sample| Sample {
        label: labels[sample.label],
        ..sample
    };
    Ok(samples.into_iter().map(labelled).collect())
}
