//! Flags of the training examples, and what they say of a run.
#![allow(dead_code, reason = "each program uses a part of it")]

use crate::terminal::{self, note};
use anyhow::{Context, Result};
use clap::Args;
use marque::data::{BadFiles, ImageSize};
use marque::run::Run;
use marque::torch::{DeviceChoice, keep_freed_memory, set_threads};
use marque::train::{Error, Recipe, StopFlag};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Flags of every training example.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where the run folder goes.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) options: TrainingOptions,
}

/// What can be said of a training otherwise than its recipe has it.
#[derive(Args, Clone, Debug)]
pub(crate) struct TrainingOptions {
    /// The most epochs; the recipe's if not given.
    #[arg(long)]
    epochs: Option<u32>,
    /// Photos in a step; the recipe's if not given.
    #[arg(long)]
    batch_size: Option<usize>,
    /// The largest learning rate; the recipe's if not given.
    #[arg(long)]
    lr: Option<f64>,
    /// What photos are brought to, in pixels: 224, or 160x256 for height and width; the recipe's if not given.
    #[arg(long)]
    image_size: Option<ImageSize>,
    /// Another setting of the recipe, such as fit.label_smoothing=0.1 or fit.optimizer=sgd; may be given again.
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    /// Share of all photos that decides which epoch was the best.
    #[arg(long, default_value_t = 0.15)]
    validation: f64,
    /// What all random choices are drawn from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Threads that read photos; one per core if not given.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Threads that LibTorch computes with; its own choice if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Stop at the first photo that cannot be read, instead of going on without it.
    #[arg(long)]
    stop_at_bad_files: bool,
}

impl TrainingOptions {
    /// The recipe in a file, or else that of this name, with what the flags say otherwise.
    pub(crate) fn recipe(&self, name: &str, named: impl Fn(&str) -> Result<Recipe, Error>) -> Result<Recipe> {
        let file = Path::new(name);
        let mut recipe = if file.exists() {
            Recipe::read(file)?
        } else {
            named(name)?
        };
        let (data, fit) = (&mut recipe.data, &mut recipe.fit);
        data.image_size = self.image_size.unwrap_or(data.image_size);
        data.batch_size = self.batch_size.unwrap_or(data.batch_size);
        fit.epochs = self.epochs.unwrap_or(fit.epochs);
        fit.learning_rate = self.lr.unwrap_or(fit.learning_rate);
        for assignment in &self.set {
            recipe = recipe.with(assignment).context("--set")?;
        }
        Ok(recipe)
    }

    /// A run on a folder, as the flags say; LibTorch is set up for a training.
    pub(crate) fn run(&self, data: &Path, out: &Path) -> Result<Run> {
        // Feature maps of one step lie where those of the last one lay.
        keep_freed_memory();
        if let Some(count) = self.threads {
            set_threads(count);
        }
        let bad_files = if self.stop_at_bad_files {
            BadFiles::Stop
        } else {
            BadFiles::Skip
        };
        Ok(Run::on(data)
            .out(out)
            .seed(self.seed)
            .validation(self.validation)
            .workers(self.workers)
            .bad_files(bad_files)
            .device(self.device.device()?)
            .command(terminal::command()))
    }
}

/// Flags of training from nothing.
#[derive(Args, Debug)]
pub(crate) struct ScratchArguments {
    /// An architecture's name, such as resnet18, resnet34, resnet50, plain34 or resnet34-subject.
    #[arg(long, default_value = "resnet34")]
    arch: String,
    /// How to train: `subject`, `scratch`, `quick`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "scratch")]
    recipe: String,
}

impl ScratchArguments {
    /// The run that the flags describe.
    pub(crate) fn run(&self, arguments: &RunArguments) -> Result<Run> {
        let RunArguments { data, out, options } = arguments;
        let recipe = options.recipe(&self.recipe, Recipe::named)?;
        Ok(options.run(data, out)?.architecture(&self.arch).recipe(recipe))
    }
}

/// Flags of fine-tuning.
#[derive(Args, Debug)]
pub(crate) struct FineTuneArguments {
    /// How to train: `fast`, `subject`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "fast")]
    recipe: String,
    /// Where outputs of the frozen layers are kept; in `features` in the run folder if not given.
    #[arg(long, value_name = "DIR")]
    features: Option<PathBuf>,
    /// The most gigabytes that they take; 0 to compute them in every step instead.
    #[arg(long, default_value_t = 20.0)]
    features_gb: f64,
    /// Measure the test photos after every epoch and write curve.csv: accuracy over wall time.
    #[arg(long)]
    curve: bool,
}

impl FineTuneArguments {
    /// The run that the flags describe.
    pub(crate) fn run(&self, arguments: &RunArguments, arch: &str, weights: &Path) -> Result<Run> {
        let RunArguments { data, out, options } = arguments;
        let recipe = options.recipe(&self.recipe, Recipe::fine_tuning)?;
        let run = options
            .run(data, out)?
            .architecture(arch)
            .weights(weights)
            .download_progress(download_progress(weights))
            .recipe(recipe)
            .max_feature_bytes((self.features_gb * 1e9) as u64)
            .with_curve(self.curve);
        Ok(match &self.features {
            Some(folder) => run.features(folder),
            None => run,
        })
    }
}

/// Shows how much of a file has arrived.
pub(crate) fn download_progress(name: &Path) -> impl Fn(u64) + 'static {
    let name = name.display().to_string();
    move |bytes| {
        // Nobody can be told that the standard error stream is gone.
        let _ = write!(std::io::stderr().lock(), "\r{name}: {:.1} MB", bytes as f64 / 1e6);
    }
}

/// Raised by the first Ctrl-C, which lets a training end after its step; the second ends the program.
pub(crate) fn stop_at_ctrl_c() -> Result<StopFlag> {
    let stop = StopFlag::default();
    let raised = stop.clone();
    ctrlc::set_handler(move || {
        if raised.raise() {
            std::process::exit(130);
        }
        note!("stopping after this step; the best model so far is kept");
    })?;
    Ok(stop)
}
