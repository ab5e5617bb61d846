//! Compares finished runs, or makes the three of ResNet-34, DenseNet-121 and Xception first: one page with their results, curves,
//! costs and disagreements.
//!
//! `cargo run --release --example compare -- --out runs/compared --data cars runs/resnet34 runs/xception`
//!
//! `cargo run --release --example compare -- --out runs/compared --data cars --train`

#[path = "../shared/flags.rs"]
mod flags;
#[path = "../shared/terminal.rs"]
mod terminal;
mod three;

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use flags::{INTERRUPTED, MachineOptions, RecordOptions, TrainingOptions};
use marque::data::ImageFolder;
use marque::model::Classifier;
use marque::report::{Comparison, FinishedRun, PhotoFiles, read_run, write_comparison};
use marque::run::{cost, photo_files};
use marque::torch::Network;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;
use three::{StartingPoints, ThreeRuns};

/// Compare finished runs, or make three and compare them.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where the comparison goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The photos, to train on and to show those on which runs disagree: a folder or, with --train, a list or archives, too.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run folders, at least two.
    #[arg(required_unless_present = "train", conflicts_with = "train", num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Train ResNet-34 from nothing and fine-tune DenseNet-121 and Xception first, each into a folder in that of the
    /// comparison. The same command after an interruption goes on with the runs that are not finished.
    #[arg(long, requires = "data")]
    train: bool,
    #[command(flatten, next_help_heading = "With --train, for all three")]
    options: TrainingOptions,
    #[command(flatten, next_help_heading = "With --train, for all three")]
    records: RecordOptions,
    #[command(flatten, next_help_heading = "With --train, for all three")]
    machine: MachineOptions,
    #[command(flatten, next_help_heading = "With --train")]
    start: StartingPoints,
}

impl Arguments {
    /// The arguments of this process. What only a training would heed is an error without `--train`.
    fn of_this_process() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        let parsed = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command));
        let arguments = parsed.unwrap_or_else(|error| error.exit());
        if !arguments.train
            && let Some(flag) = training_flag(&matches)
        {
            let message = format!("--{flag} says how to train, and goes with --train");
            command.error(ErrorKind::ArgumentConflict, message).exit()
        }
        arguments
    }
}

/// The photos to show. Below a folder they are looked for by the names that runs have for them, whatever it holds.
fn photos(data: &Path) -> Result<PhotoFiles> {
    match ImageFolder::scan(data) {
        Ok(images) => Ok(photo_files(images.root(), images.samples())),
        Err(_) if data.is_dir() => Ok(data.into()),
        Err(error) => Err(error.into()),
    }
}

/// The first flag given that says how to train.
fn training_flag(matches: &ArgMatches) -> Option<String> {
    let flags = TrainingOptions::augment_args(StartingPoints::augment_args(Command::new("train")));
    let flags = MachineOptions::augment_args(RecordOptions::augment_args(flags));
    let given = flags
        .get_arguments()
        .find(|flag| matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine))?;
    given.get_long().map(str::to_owned)
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<ExitCode> {
    let arguments = Arguments::of_this_process();
    if let Some(data) = &arguments.data {
        anyhow::ensure!(data.exists(), "there is no {}", data.display());
    }
    let folders = match &arguments.data {
        Some(data) if arguments.train => {
            let three = ThreeRuns {
                data,
                out: &arguments.out,
                options: &arguments.options,
                records: &arguments.records,
                machine: &arguments.machine,
                start: &arguments.start,
            };
            match three.make()? {
                Some(folders) => folders,
                None => return Ok(ExitCode::from(INTERRUPTED)),
            }
        }
        _ => arguments.runs,
    };
    let runs = folders.iter().map(|folder| finished(folder));
    let comparison = Comparison {
        runs: runs.collect::<Result<_>>()?,
        photos: arguments.data.as_deref().map(photos).transpose()?,
    };
    let files = write_comparison(&arguments.out, &comparison)?;
    for run in &comparison.runs {
        let accuracy = 100.0 * run.metrics.accuracy;
        tell!(
            "{}: {accuracy:.2} % of {} photos",
            run.details.title,
            run.predictions.labels.len()
        );
    }
    tell!("{}", files.compare_html.display());
    Ok(ExitCode::SUCCESS)
}

/// A run; what an older one does not say of its network is counted and measured on its model file.
fn finished(folder: &Path) -> Result<FinishedRun> {
    let mut run = read_run(folder).with_context(|| format!("cannot use the run {}", folder.display()))?;
    let model = folder.join("model.safetensors");
    if run.details.cost.is_none() && model.is_file() {
        let measured = || {
            let classifier = Classifier::<Network>::open(&model, Default::default())?;
            anyhow::Ok(cost(
                classifier.engine(),
                classifier.card().preprocess.image_size,
            )?)
        };
        run.details.cost = Some(measured().with_context(|| format!("cannot measure {}", model.display()))?);
    }
    Ok(run)
}
