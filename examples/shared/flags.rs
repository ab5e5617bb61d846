//! Flags of the training examples, and what they say of a run.
#![allow(dead_code, reason = "each program uses a part of it")]

use crate::terminal::{self, note};
use anyhow::{Context, Result, bail};
use clap::Args;
use marque::data::{AlikeClasses, BadFiles, Cache, ImageSize, SplitConfig};
use marque::run::Run;
use marque::torch::{DeviceChoice, keep_freed_memory, set_threads};
use marque::train::{Error, Inspection, PrepareConfig, Recipe, StopFlag};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Flags of every training example.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, a list of photos (CSV, TSV or a JSON object a line), or an archive of them
    /// or a folder of archives (tar files, WebDataset's too, and Parquet tables). Several times for several together.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    data: Vec<PathBuf>,
    /// Where the run folder goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run that was begun in the folder of --out and not finished. All else is known there; --data says where
    /// photos have gone, and --workers, --threads and --device may be others.
    #[arg(long, conflicts_with_all = ["TrainingOptions", "RecordOptions"])]
    resume: bool,
    /// Begin anew where the folder of --out has a run that is not finished.
    #[arg(long, conflicts_with = "resume")]
    anew: bool,
    #[command(flatten)]
    options: TrainingOptions,
    #[command(flatten)]
    records: RecordOptions,
    #[command(flatten)]
    machine: MachineOptions,
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
    /// What photos are brought to, in training and after it, in pixels: 224, or 160x256 for height and width; the recipe's sizes if
    /// not given. `--set data.test_image_size=…` has another one for after it.
    #[arg(long)]
    image_size: Option<ImageSize>,
    /// Another setting of the recipe, such as fit.label_smoothing=0.1 or fit.optimizer=sgd; may be given again.
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    /// Share of all photos that decides which epoch was the best; 0.15 if not given.
    #[arg(long)]
    validation: Option<f64>,
    /// What all random choices are drawn from; 42 if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop at the first photo that cannot be read, instead of going on without it.
    #[arg(long)]
    stop_at_bad_files: bool,
    /// Begin without opening every photo first: those that cannot be read are found when their turn comes. So it is for more than
    /// 200,000 photos, anyway.
    #[arg(long)]
    no_inspection: bool,
    /// Take classes for one whose names differ only in case, spaces, signs between words or Unicode form, instead of refusing them.
    #[arg(long)]
    merge_alike_classes: bool,
}

/// What is kept of a run while it goes on.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecordOptions {
    /// The longest time within an epoch between two writes of the training's state, in minutes; 10 if not given, 0 for one after
    /// every step. At the end of every epoch it is written in any case.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    save_every: Option<Duration>,
    /// Keep a model file of each of so many last epochs, too.
    #[arg(long, value_name = "EPOCHS")]
    keep_last: Option<usize>,
    /// Write event files for TensorBoard into the run folder.
    #[arg(long)]
    tensorboard: bool,
    /// End the run where a log cannot be written, instead of going on without it.
    #[arg(long)]
    need_logs: bool,
}

/// What may be another whenever a run is gone on with.
#[derive(Args, Clone, Debug)]
pub(crate) struct MachineOptions {
    /// cpu, cuda or cuda:N; cpu if not given.
    #[arg(long)]
    device: Option<DeviceChoice>,
    /// Threads that read photos; one per core if not given.
    #[arg(long)]
    workers: Option<usize>,
    /// Threads that LibTorch computes with; its own choice if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Keep decoded photos in this folder, or in memory (`memory`), so that only the first epoch decodes them: for photos of megapixels.
    /// It changes no result.
    #[arg(long, value_name = "DIR|memory")]
    photo_cache: Option<PathBuf>,
    /// The most gigabytes that they take.
    #[arg(long, default_value_t = 8.0, requires = "photo_cache", value_parser = gigabytes)]
    photo_cache_gb: f64,
}

fn gigabytes(text: &str) -> Result<f64, String> {
    let found: Option<f64> = text.parse().ok();
    found
        .filter(|gigabytes| gigabytes.is_finite() && *gigabytes > 0.0)
        .ok_or_else(|| "expected a number of gigabytes above 0".to_owned())
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text
        .parse()
        .map_err(|_| "expected a number of minutes".to_owned())?;
    Duration::try_from_secs_f64(60.0 * minutes).map_err(|error| error.to_string())
}

impl RunArguments {
    /// The run that is gone on with, or else the one that `begun` makes of the photos.
    fn run(&self, begun: impl FnOnce(&[PathBuf]) -> Result<Run>) -> Result<Run> {
        let mut run = match &self.data[..] {
            [] if !self.resume => bail!("--data is missing"),
            [] => Run::resume(&self.out)?,
            data if self.resume => Run::resume(&self.out)?.photos(data.to_vec()),
            data => self.records.applied(begun(data)?),
        };
        if self.anew {
            run = run.anew();
        }
        Ok(self.machine.applied(run))
    }
}

impl RecordOptions {
    pub(crate) fn applied(&self, mut run: Run) -> Run {
        if let Some(every) = self.save_every {
            run = run.save_every(Some(every));
        }
        run.keep_last(self.keep_last.unwrap_or(0))
            .tensorboard(self.tensorboard)
            .need_logs(self.need_logs)
    }
}

impl MachineOptions {
    /// The run on this machine; LibTorch is set up for a training.
    pub(crate) fn applied(&self, mut run: Run) -> Run {
        // Feature maps of one step lie where those of the last one lay.
        keep_freed_memory();
        if let Some(count) = self.threads.or(run.recorded_threads()) {
            set_threads(count);
        }
        if let Some(workers) = self.workers {
            run = run.workers(workers);
        }
        if let Some(place) = &self.photo_cache {
            let max_bytes = (self.photo_cache_gb * 1e9) as u64;
            run = run.cache(match place.as_os_str() == "memory" {
                true => Cache::Memory { max_bytes },
                false => Cache::Files {
                    folder: place.clone(),
                    max_bytes,
                },
            });
        }
        match self.device {
            Some(device) => run.device(device),
            None => run,
        }
    }
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
        if let Some(size) = self.image_size {
            data.image_size = size;
            // That of the recipe goes with its own size.
            data.test_image_size = None;
        }
        data.batch_size = self.batch_size.unwrap_or(data.batch_size);
        fit.epochs = self.epochs.unwrap_or(fit.epochs);
        fit.learning_rate = self.lr.unwrap_or(fit.learning_rate);
        for assignment in &self.set {
            recipe = recipe.with(assignment).context("--set")?;
        }
        Ok(recipe)
    }

    /// The recipe of this name or in this file; without one `scratch`, or what suits the architecture where there are pretrained
    /// weights.
    pub(crate) fn recipe_for(&self, arch: &str, is_pretrained: bool, name: Option<&str>) -> Result<Recipe> {
        if is_pretrained {
            let recommended = Recipe::recommended(arch).name;
            self.recipe(name.unwrap_or(&recommended), Recipe::fine_tuning)
        } else {
            self.recipe(name.unwrap_or("scratch"), Recipe::named)
        }
    }

    /// How the photos are made ready.
    pub(crate) fn prepare(&self) -> PrepareConfig {
        PrepareConfig {
            split: self.split(),
            bad_files: self.bad_files(),
            seed: self.seed(),
            alike_classes: self.alike_classes(),
            inspection: self.inspection(),
            ..PrepareConfig::default()
        }
    }

    pub(crate) fn alike_classes(&self) -> AlikeClasses {
        match self.merge_alike_classes {
            true => AlikeClasses::Merge,
            false => AlikeClasses::Refuse,
        }
    }

    fn inspection(&self) -> Inspection {
        match self.no_inspection {
            true => Inspection::Nothing,
            false => Inspection::Automatic,
        }
    }

    fn bad_files(&self) -> BadFiles {
        if self.stop_at_bad_files {
            BadFiles::Stop
        } else {
            BadFiles::Skip
        }
    }

    /// What all random choices are drawn from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(42)
    }

    /// How photos are split that are not given in parts.
    pub(crate) fn split(&self) -> SplitConfig {
        let mut split = SplitConfig {
            seed: self.seed(),
            ..SplitConfig::default()
        };
        if let Some(share) = self.validation {
            split.train += split.validation - share;
            split.validation = share;
        }
        split
    }

    /// A run on folders of photos, as the flags say.
    pub(crate) fn run(&self, data: &[PathBuf], out: &Path) -> Run {
        let mut run = Run::on_all(data.to_vec()).out(out).command(terminal::command());
        if let Some(seed) = self.seed {
            run = run.seed(seed);
        }
        if let Some(share) = self.validation {
            run = run.validation(share);
        }
        run.bad_files(self.bad_files())
            .alike_classes(self.alike_classes())
            .inspection(self.inspection())
    }
}

/// Flags of training from nothing.
#[derive(Args, Debug)]
pub(crate) struct ScratchArguments {
    /// An architecture's name, such as resnet18, resnet34, resnet50, plain34 or resnet34-subject.
    #[arg(long, default_value = "resnet34", conflicts_with = "resume")]
    arch: String,
    /// How to train: `subject`, `scratch`, `quick`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "scratch", conflicts_with = "resume")]
    recipe: String,
}

impl ScratchArguments {
    /// The run that the flags describe.
    pub(crate) fn run(&self, arguments: &RunArguments) -> Result<Run> {
        let options = &arguments.options;
        arguments.run(|data| {
            let recipe = options.recipe(&self.recipe, Recipe::named)?;
            let run = options.run(data, &arguments.out);
            Ok(run.architecture(&self.arch).recipe(recipe))
        })
    }
}

/// Flags of fine-tuning.
#[derive(Args, Debug)]
pub(crate) struct FineTuneArguments {
    /// How to train: `fast`, `light`, `subject`, or a file such as the recipe.json of a run; `light` for small networks and `fast`
    /// for others if not given.
    #[arg(long, conflicts_with = "resume")]
    recipe: Option<String>,
    /// Where outputs of the frozen layers are kept; in `features` in the run folder if not given.
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    features: Option<PathBuf>,
    /// The most gigabytes that they take; 0 to compute them in every step instead.
    #[arg(long, default_value_t = 20.0, conflicts_with = "resume")]
    features_gb: f64,
    /// Measure the test photos after every epoch and write curve.csv: accuracy over wall time.
    #[arg(long, conflicts_with = "resume")]
    curve: bool,
}

impl FineTuneArguments {
    /// The run that the flags describe; `start` gives architecture and weights.
    pub(crate) fn run<'a>(
        &self,
        arguments: &RunArguments,
        start: impl FnOnce() -> Result<(&'a str, &'a Path)>,
    ) -> Result<Run> {
        let options = &arguments.options;
        arguments.run(|data| {
            let (arch, weights) = start()?;
            let recommended = Recipe::recommended(arch).name;
            let name = self.recipe.as_deref().unwrap_or(&recommended);
            let recipe = options.recipe(name, Recipe::fine_tuning)?;
            let run = options
                .run(data, &arguments.out)
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

/// Raised by the first Ctrl-C, SIGTERM or SIGHUP, which lets a training end after its step; the second ends the program.
pub(crate) fn stop_at_signals() -> Result<StopFlag> {
    let stop = StopFlag::default();
    let raised = stop.clone();
    ctrlc::set_handler(move || {
        if raised.raise() {
            // Destructors of LibTorch's globals must not run while the other threads compute.
            signal_hook::low_level::exit(INTERRUPTED.into());
        }
        note!("stopping after this step; once more to stop at once");
    })?;
    Ok(stop)
}

/// The exit code of a run that was left: that of a program that Ctrl-C has ended.
pub(crate) const INTERRUPTED: u8 = 130;
