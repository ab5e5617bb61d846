//! Trains a residual network from nothing on a folder of photos, tests it, and writes a run folder with the model,
//! its numbers, its curves and a page.
//!
//! `cargo run --release --example resnet_from_scratch -- --data photos --out runs/resnet34`

use anyhow::{Context, Result};
use clap::Parser;
use marque::arch::{ArchitectureOptions, ImageSize, architecture};
use marque::data::{BadFiles, SplitConfig};
use marque::report::{Fact, Run, write_run};
use marque::torch::{DeviceChoice, Network, NetworkOptions, keep_freed_memory, set_threads, threads};
use marque::train::{
    Event, ModelCard, Observer, PrepareConfig, Prepared, Progress, Recipe, fit, predict, prepare, save_model,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Train a residual network from nothing on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the run folder goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// An architecture's name, such as resnet18, resnet34, resnet50, plain34 or resnet34-subject.
    #[arg(long, default_value = "resnet34")]
    arch: String,
    /// How to train: `subject`, `scratch` or `quick`.
    #[arg(long, default_value = "scratch")]
    recipe: String,
    /// The most epochs; the recipe's if not given.
    #[arg(long)]
    epochs: Option<u32>,
    /// Photos in a step; the recipe's if not given.
    #[arg(long)]
    batch_size: Option<usize>,
    /// The largest learning rate; the recipe's if not given.
    #[arg(long)]
    lr: Option<f64>,
    /// Height and width that photos are brought to, in pixels.
    #[arg(long, default_value_t = 224)]
    image_size: u32,
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

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let device = arguments.device.device()?;
    // Feature maps of one step lie where those of the last one lay.
    keep_freed_memory();
    if let Some(count) = arguments.threads {
        set_threads(count);
    }
    let mut recipe = Recipe::named(&arguments.recipe)?;
    recipe.epochs = arguments.epochs.unwrap_or(recipe.epochs);
    recipe.batch_size = arguments.batch_size.unwrap_or(recipe.batch_size);
    recipe.learning_rate = arguments.lr.unwrap_or(recipe.learning_rate);

    let data = prepare(&arguments.data, &recipe, &prepare_config(&arguments))?;
    let options = ArchitectureOptions {
        num_classes: data.class_names.len(),
        ..Default::default()
    };
    let graph = architecture(&arguments.arch, options)?;
    let size = ImageSize::square(arguments.image_size as usize);
    let summary = graph.summary(size)?;
    let drawing = graph.to_svg(size)?;
    let mut network = Network::new(
        graph,
        NetworkOptions {
            device,
            seed: arguments.seed,
            ..Default::default()
        },
    )?;
    let facts = facts(&arguments, &recipe, &data, &summary);
    for Fact { name, value } in &facts {
        eprintln!("{name:<22} {value}");
    }

    let card = ModelCard {
        graph: network.graph().clone(),
        class_names: data.class_names.clone(),
        preprocess: data.preprocess.clone(),
        run: facts
            .iter()
            .map(|fact| (fact.name.clone(), fact.value.clone()))
            .collect::<BTreeMap<_, _>>(),
    };
    let model = arguments.out.join("model.safetensors");
    // Every improvement goes to the disk at once: whatever happens later, the best model so far is there.
    let save_best = |event: &Event<'_>| match event {
        Event::Improved { weights, .. } => save_model(&model, weights, &card),
        _ => Ok(()),
    };
    let config = recipe.fit_config();
    let stop = config.stop.clone();
    ctrlc::set_handler(move || {
        // The second Ctrl-C ends the program at once.
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; the best model so far is kept");
    })?;
    let mut observers: (Progress, _) = (Progress::new(), save_best);
    let fitted = fit(
        &mut network,
        &data.train,
        data.validation.as_ref(),
        &config,
        &mut observers as &mut dyn Observer,
    )?;
    save_model(&model, &network.state_dict()?, &card)?;

    let (predictions, unreadable) = predict(&network, &data.test, &data.class_names)?;
    let metrics = predictions.metrics()?;
    println!("{}", metrics.classification_report());
    let skipped = data
        .skipped
        .into_iter()
        .chain(unreadable.into_iter().map(Into::into));
    let mut facts = facts;
    facts.push(Fact::new(
        "Ended",
        format!("{:?} after {} epochs", fitted.reason, fitted.history.epochs.len()),
    ));
    facts.push(Fact::new(
        "Time",
        format!("{:.0} s", start.elapsed().as_secs_f64()),
    ));
    let run = Run {
        title: format!("{} from scratch", arguments.arch),
        class_names: data.class_names,
        history: fitted.history,
        predictions,
        metrics,
        facts,
        architecture_svg: Some(drawing),
        command: Some(std::env::args().collect::<Vec<_>>().join(" ")),
        skipped: skipped
            .map(|photo| (photo.path.display().to_string(), photo.reason))
            .collect(),
        photo_root: Some(arguments.data),
    };
    let files = write_run(&arguments.out, &run).with_context(|| format!("in {}", arguments.out.display()))?;
    println!(
        "model  {}\nreport {}",
        model.display(),
        files.report_html.display()
    );
    Ok(())
}

fn prepare_config(arguments: &Arguments) -> PrepareConfig {
    PrepareConfig {
        image_size: arguments.image_size,
        split: SplitConfig {
            seed: arguments.seed,
            ..Default::default()
        },
        bad_files: if arguments.stop_at_bad_files {
            BadFiles::Stop
        } else {
            BadFiles::Skip
        },
        workers: arguments.workers,
        seed: arguments.seed,
    }
}

fn facts(
    arguments: &Arguments,
    recipe: &Recipe,
    data: &Prepared,
    summary: &marque::arch::Summary,
) -> Vec<Fact> {
    let validation = data.validation.as_ref().map_or(0, |loader| loader.len());
    vec![
        Fact::new("Architecture", &arguments.arch),
        Fact::new("Parameters", summary.trained_parameters()),
        Fact::new(
            "Multiply-adds",
            format!("{:.3} G per photo", summary.multiply_adds() as f64 / 1e9),
        ),
        Fact::new("Image size", format!("{0}×{0}", arguments.image_size)),
        Fact::new(
            "Photos",
            format!(
                "{} train, {validation} validation, {} test",
                data.train.len(),
                data.test.len()
            ),
        ),
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
        Fact::new("Seed", arguments.seed),
        Fact::new("Device", format!("{}, {} threads", arguments.device, threads())),
        Fact::new("marque", env!("CARGO_PKG_VERSION")),
    ]
}
