//! What the training examples have in common: flags, the end of a run by Ctrl-C, and the run folder.

use crate::terminal::{self, note, tell};
use crate::{cost, explained};
use anyhow::{Context, Result};
use clap::Args;
use marque::arch::{ArchitectureOptions, Graph, Summary, architecture};
use marque::data::{BadFiles, ImageSize, SplitConfig, check_output};
use marque::report::{Fact, RunReport, Stage, write_run};
use marque::torch::{
    Device, DeviceChoice, Network, NetworkOptions, Precision, Waiting, keep_freed_memory, set_threads,
    threads,
};
use marque::train::{
    Error, Event, Fit, ModelCard, Observer, PrepareConfig, Prepared, Progress, Recipe, predict,
    predict_mirrored, prepare, save_model,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Share of the training photos that decides which epoch was the best.
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
    /// Sets up LibTorch for a training, and chooses the device.
    fn device(&self) -> Result<Device> {
        // Feature maps of one step lie where those of the last one lay.
        keep_freed_memory();
        if let Some(count) = self.threads {
            set_threads(count);
        }
        Ok(self.device.device()?)
    }

    /// The recipe in a file, or else that of this name, with what the flags say otherwise.
    fn recipe(&self, name: &str, named: impl Fn(&str) -> Result<Recipe, Error>) -> Result<Recipe> {
        let file = Path::new(name);
        let recipe = if file.exists() {
            Recipe::read(file)?
        } else {
            named(name)?
        };
        Ok(Recipe {
            epochs: self.epochs.unwrap_or(recipe.epochs),
            batch_size: self.batch_size.unwrap_or(recipe.batch_size),
            learning_rate: self.lr.unwrap_or(recipe.learning_rate),
            image_size: self.image_size.unwrap_or(recipe.image_size),
            ..recipe
        })
    }

    /// How the network is made.
    pub(crate) fn network_options(&self, start: &Start) -> NetworkOptions {
        NetworkOptions {
            device: start.device,
            seed: self.seed,
            precision: if start.recipe.mixed_precision {
                Precision::fastest_on(start.device)
            } else {
                Precision::Single
            },
            ..Default::default()
        }
    }

    /// How the data folder is made ready.
    fn prepare_config(&self) -> PrepareConfig {
        let split = SplitConfig::default();
        PrepareConfig {
            split: SplitConfig {
                // What validation gives or takes, training has or has not.
                train: split.train + split.validation - self.validation,
                validation: self.validation,
                seed: self.seed,
                ..split
            },
            bad_files: if self.stop_at_bad_files {
                BadFiles::Stop
            } else {
                BadFiles::Skip
            },
            workers: self.workers,
            seed: self.seed,
        }
    }

    /// What a reader of the run's page wants to know.
    pub(crate) fn facts(&self, network: &Network, start: &Start) -> Vec<Fact> {
        let Start {
            recipe,
            data,
            summary,
            ..
        } = start;
        let validation = data.validation.as_ref().map_or(0, |loader| loader.len());
        let photos = format!(
            "{} train, {validation} validation, {} test",
            data.train.len(),
            data.test.len()
        );
        let mut facts = vec![
            Fact::new("Architecture", network.graph().name()),
            Fact::new("Parameters", summary.trained_parameters()),
            Fact::new(
                "Multiply-adds",
                format!("{:.3} G per photo", summary.multiply_adds() as f64 / 1e9),
            ),
            Fact::new("Image size", recipe.image_size),
            Fact::new("Photos", photos),
            Fact::new("Recipe", &recipe.name),
            Fact::new("Epochs", recipe.epochs),
            Fact::new("Batch size", recipe.batch_size),
            Fact::new("Learning rate", recipe.learning_rate),
            Fact::new("Optimiser", format!("{:?}", recipe.optimizer)),
            Fact::new("Schedule", format!("{:?}", recipe.schedule)),
            Fact::new("Augmentation", format!("{:?}", recipe.augment)),
            Fact::new("Framing", format!("{:?}", data.preprocess.resize)),
            Fact::new("Mean", format!("{:?}", data.preprocess.mean)),
            Fact::new("Standard deviation", format!("{:?}", data.preprocess.std)),
            Fact::new("Seed", self.seed),
            Fact::new("Precision", format!("{:?}", network.precision())),
            Fact::new("Device", format!("{}, {} threads", self.device, threads())),
            Fact::new("Waiting threads", Waiting::of_this_process()),
            Fact::new("marque", env!("CARGO_PKG_VERSION")),
        ];
        facts.extend(
            data.inventory
                .warnings()
                .into_iter()
                .map(|warning| Fact::new("Warning", warning)),
        );
        for Fact { name, value } in &facts {
            note!("{name:<22} {value}");
        }
        facts
    }
}

impl RunArguments {
    /// The file of the model.
    pub(crate) fn model(&self) -> PathBuf {
        self.out.join("model.safetensors")
    }
}

/// What a training begins with: the photos, an architecture for their classes, and what a reader wants to see of it.
pub(crate) struct Start {
    begun: Instant,
    device: Device,
    pub(crate) recipe: Recipe,
    pub(crate) data: Prepared,
    pub(crate) graph: Graph,
    summary: Summary,
    drawing: String,
}

impl Start {
    /// Gets an architecture and the photos ready for the recipe in a file, or else that of this name.
    pub(crate) fn new(
        run: &RunArguments,
        arch: &str,
        recipe: &str,
        named: impl Fn(&str) -> Result<Recipe, Error>,
    ) -> Result<Self> {
        let begun = Instant::now();
        check_output(&run.out, &run.data)?;
        let device = run.options.device()?;
        let recipe = run.options.recipe(recipe, named)?;
        let data = prepare(&run.data, &recipe, &run.options.prepare_config())?;
        note!("{}", data.inventory.to_string().trim_end());
        let options = ArchitectureOptions {
            num_classes: data.class_names.len(),
            head: recipe.head,
            ..Default::default()
        };
        let graph = architecture(arch, options)?;
        let size = recipe.image_size;
        Ok(Self {
            summary: graph.summary(size)?,
            drawing: graph.to_svg(size)?,
            begun,
            device,
            recipe,
            data,
            graph,
        })
    }

    /// The seconds since the photos were asked for.
    pub(crate) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}

/// What a model file says beside the weights.
pub(crate) fn card(network: &Network, start: &Start, facts: &[Fact]) -> ModelCard {
    let facts = facts.iter().map(|fact| (fact.name.clone(), fact.value.clone()));
    ModelCard {
        graph: network.graph().clone(),
        class_names: start.data.class_names.clone(),
        preprocess: start.data.preprocess.clone(),
        mirrored: start.recipe.mirrored,
        run: facts.collect::<BTreeMap<_, _>>(),
    }
}

/// Shows how far the training is, and writes every improvement to the disk at once: whatever happens later, the best model
/// so far is there.
pub(crate) fn observer<'a>(model: PathBuf, card: &'a ModelCard) -> impl Observer + 'a {
    let save_best = move |event: &Event<'_>| match event {
        Event::Improved { weights, .. } => save_model(&model, weights, card),
        _ => Ok(()),
    };
    (Progress::new(), save_best)
}

/// Set by the first Ctrl-C, which lets a training end after its step; the second ends the program.
pub(crate) fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        note!("stopping after this step; the best model so far is kept");
    })?;
    Ok(stop)
}

/// A network after its training, and what its run folder tells of it.
pub(crate) struct Trained {
    pub(crate) title: String,
    pub(crate) start: Start,
    pub(crate) network: Network,
    pub(crate) fitted: Fit,
    pub(crate) card: ModelCard,
    pub(crate) facts: Vec<Fact>,
    /// What has been done so far.
    pub(crate) stages: Vec<Stage>,
}

pub(crate) fn stage(name: &str, seconds: f64) -> Stage {
    Stage {
        name: name.to_owned(),
        seconds,
    }
}

impl Trained {
    /// Writes the model, tests it, and writes the run folder.
    pub(crate) fn finish(self, arguments: &RunArguments) -> Result<()> {
        let Self {
            title,
            start,
            network,
            fitted,
            card,
            mut facts,
            mut stages,
        } = self;
        let model = arguments.model();
        save_model(&model, &network.state_dict()?, &card)?;
        start.recipe.write(&arguments.out.join("recipe.json"))?;
        let begun = Instant::now();
        let data = &start.data;
        let (predictions, unreadable) = if start.recipe.mirrored {
            predict_mirrored(&network, &data.test, &data.class_names)?
        } else {
            predict(&network, &data.test, &data.class_names)?
        };
        let predictions = predictions.relative_to(&arguments.data);
        stages.push(stage("Testing", begun.elapsed().as_secs_f64()));
        let begun = Instant::now();
        let explanations = explained::explanations(&network, &card, &predictions, &arguments.data)?;
        stages.push(stage("Explaining photos", begun.elapsed().as_secs_f64()));
        let metrics = predictions.metrics()?;
        let report = metrics.classification_report();
        let epochs = fitted.history.epochs.len();
        facts.push(Fact::new(
            "Ended",
            format!("{:?} after {epochs} epochs", fitted.reason),
        ));
        facts.push(Fact::new("Time", format!("{:.0} s", start.seconds())));
        let cost = cost::cost(&network, start.recipe.image_size)?;
        let Start { data, drawing, .. } = start;
        let skipped = data
            .skipped
            .into_iter()
            .chain(unreadable.into_iter().map(Into::into));
        let run = RunReport {
            title,
            class_names: data.class_names,
            history: fitted.history,
            predictions,
            metrics,
            facts,
            architecture_svg: Some(drawing),
            command: Some(terminal::command()),
            skipped: skipped
                .map(|photo| (photo.path.display().to_string(), photo.reason))
                .collect(),
            photo_root: Some(arguments.data.clone()),
            cost: Some(cost),
            stages,
            explanations,
        };
        let out = &arguments.out;
        let files = write_run(out, &run).with_context(|| format!("in {}", out.display()))?;
        tell!("{report}");
        tell!(
            "model  {}\nreport {}",
            model.display(),
            files.report_html.display()
        );
        Ok(())
    }
}
