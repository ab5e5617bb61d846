//! Tests a trained model on a folder of labelled photos.
//!
//! `cargo run --release --example evaluate -- --model runs/resnet34/model.safetensors --data photos`

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail};
use backend::{Backend, Computing};
use clap::Parser;
use marque::data::{Augment, BadFiles, ImageFolder, Loader, LoaderConfig, Sample, SplitConfig};
use marque::infer::Session;
use marque::metrics::Predictions;
use marque::model::{Classifier, Engine};
#[cfg(feature = "torch")]
use marque::torch::Network;
use marque_fs::write_atomically;
use ndarray::{Array2, Axis};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use terminal::{note, tell};

/// Test a trained model on a folder of labelled photos.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, whose classes the model knows.
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
        Backend::Native => evaluate::<Session>(&arguments, arguments.computing.session_options()),
        #[cfg(feature = "torch")]
        Backend::Torch => evaluate::<Network>(&arguments, arguments.computing.network_options()?),
    }
}

fn evaluate<E: Engine>(arguments: &Arguments, options: E::Options) -> Result<()> {
    let classifier = Classifier::<E>::open(&arguments.model, options)?;
    let samples = samples(arguments, &classifier.card().class_names)?;
    let began = Instant::now();
    let predictions = predict(&classifier, samples, arguments.batch_size.into())?;
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

fn predict<E: Engine>(
    classifier: &Classifier<E>,
    samples: Vec<Sample>,
    batch_size: usize,
) -> Result<Predictions> {
    let card = classifier.card();
    let config = LoaderConfig {
        batch_size,
        bad_files: BadFiles::Skip,
        ..LoaderConfig::default()
    };
    let loader = Loader::new(samples, card.preprocess.clone(), Augment::none(), config)?;
    let mut predictions = Predictions {
        class_names: card.class_names.clone(),
        paths: Vec::new(),
        labels: Vec::new(),
        probabilities: Array2::zeros((0, card.class_names.len())),
    };
    for batch in loader.epoch(0) {
        let batch = batch?;
        for bad in &batch.skipped {
            note!("left out: {}: {}", bad.path.display(), bad.reason);
        }
        let probabilities = classifier.probabilities(batch.images.view())?;
        predictions.probabilities.append(Axis(0), probabilities.view())?;
        for index in batch.indices {
            let sample = &loader.samples()[index];
            predictions.paths.push(sample.path.display().to_string());
            predictions.labels.push(sample.label);
        }
    }
    Ok(predictions)
}
