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
use marque::data::{BadFiles, ImageFolder, LoaderConfig, Part, Sample, SplitConfig};
use marque::infer::Session;
use marque::metrics::History;
use marque::model::{Engine, Ensemble};
use marque::report::{Fact, PhotoFiles, RunReport, write_run};
#[cfg(feature = "torch")]
use marque::torch::Network;
use marque_fs::write_atomically;
use model::OnnxArguments;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use terminal::{note, tell};

/// Test a trained model, or several together, on a folder of labelled photos.
#[derive(Parser, Debug)]
struct Arguments {
    /// The model.safetensors of a run folder, or an ONNX file; of several, given one after the other, the mean is tested.
    #[arg(long, value_name = "FILE", required = true)]
    model: Vec<PathBuf>,
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, a list or an archive of photos, whose classes the model knows.
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
    /// Where the page with everything measured goes, with its tables and pictures.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
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
    let folder = ImageFolder::scan(&arguments.data)?;
    let samples = samples(arguments, &folder, ensemble.class_names())?;
    let config = LoaderConfig {
        batch_size: arguments.batch_size.into(),
        bad_files: BadFiles::Skip,
        ..LoaderConfig::default()
    };
    let began = Instant::now();
    let (predictions, unreadable) = ensemble.test(&samples, &config)?;
    for bad in &unreadable {
        note!("left out: {}: {}", bad.path.display(), bad.reason);
    }
    let seconds = began.elapsed().as_secs_f64();
    let metrics = predictions.metrics()?;
    let predictions = predictions.relative_to(folder.root());
    if let Some(file) = &arguments.predictions {
        write_atomically(file, |target| {
            predictions.write_csv(target).map_err(std::io::Error::other)
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
    if let Some(out) = &arguments.report {
        let skipped = unreadable.into_iter();
        let report = RunReport {
            title: titled(&arguments.model),
            class_names: predictions.class_names.clone(),
            history: History::default(),
            metrics,
            predictions,
            facts: facts(arguments, &folder, seconds),
            architecture_svg: None,
            command: Some(terminal::command()),
            skipped: skipped
                .map(|bad| (bad.path.display().to_string(), bad.reason))
                .collect(),
            photos: Some(photo_files(&folder, samples)),
            cost: None,
            stages: Vec::new(),
            explanations: Vec::new(),
        };
        tell!("{}", write_run(out, &report)?.report_html.display());
    }
    Ok(())
}

/// What the page is about: a run by its folder's name, or several of them.
fn titled(models: &[PathBuf]) -> String {
    let names = models.iter().map(|model| {
        let folder = model.parent().and_then(Path::file_name);
        let name = folder.or(model.file_name()).unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    names.collect::<Vec<_>>().join(" + ")
}

fn facts(arguments: &Arguments, folder: &ImageFolder, seconds: f64) -> Vec<Fact> {
    let models = arguments.model.iter().map(|model| model.display().to_string());
    let models = models.collect::<Vec<_>>().join(", ");
    let asked = match arguments.model.len() {
        1 => "Model",
        _ => "Mean of the models",
    };
    vec![
        Fact::new(asked, models),
        Fact::new("Photos", folder.root().display().to_string()),
        Fact::new("Time", format!("{seconds:.1} s")),
    ]
}

/// The photos by the paths that predictions have for them.
fn photo_files(folder: &ImageFolder, samples: Vec<Sample>) -> PhotoFiles {
    let named = samples.into_iter().map(|sample| {
        let path = sample.path.strip_prefix(folder.root()).unwrap_or(&sample.path);
        (path.to_string_lossy().into_owned(), sample)
    });
    let photos: BTreeMap<String, Sample> = named.collect();
    PhotoFiles::read_by(move |path| match photos.get(path) {
        Some(sample) => sample.read().map_err(std::io::Error::other),
        None => Err(std::io::ErrorKind::NotFound.into()),
    })
}

/// The photos of the folder, labelled by the model's classes.
fn samples(arguments: &Arguments, folder: &ImageFolder, class_names: &[String]) -> Result<Vec<Sample>> {
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
    let samples = match (arguments.all, folder.given(Part::Test)) {
        (true, _) => folder.samples().cloned().collect(),
        // Nothing is trained, so that no other part is needed.
        (false, Some(given)) => given.to_vec(),
        (false, None) => folder.split(&SplitConfig::default())?.test,
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
