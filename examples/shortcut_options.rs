//! The three shortcuts of He et al. 2015 (section 3.3): A pads with zeros, B projects where dimensions grow, C projects
//! everywhere. What each costs, and how a network with it does after the same training.
//!
//! `cargo run --release --example shortcut_options -- --data photos --out runs/shortcut_options`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/study.rs"]
mod study;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use clap::Parser;
use marque::arch::{Graph, ImageSize, ResNet, Shortcut};
use marque::metrics::EpochRecord;
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_history, save_table};
use marque::torch::Network;
use marque::train::{Prepared, Recipe, evaluate};
use std::process::ExitCode;
use study::{Study, StudyArguments};
use terminal::{note, tell};

/// Train a residual network with each of the three kinds of shortcut, and compare costs and results.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    study: StudyArguments,
    /// Layers of the network: 18 or 34.
    #[arg(long, default_value_t = 34, value_parser = depth)]
    arch_depth: u32,
}

const OPTIONS: [(&str, Shortcut); 3] = [
    ("A", Shortcut::ZeroPadding),
    ("B", Shortcut::ProjectionWhereGrowing),
    ("C", Shortcut::Projection),
];

const COLUMNS: [&str; 9] = [
    "option",
    "parameters",
    "multiply-adds at 224 px",
    "multiply-adds of the run",
    "training error",
    "training loss",
    "best epoch",
    "test error",
    "test loss",
];

fn depth(text: &str) -> Result<u32, String> {
    match text {
        "18" => Ok(18),
        "34" => Ok(34),
        _ => Err("expected 18 or 34".to_owned()),
    }
}

impl study::Arguments for Arguments {
    fn study(&mut self) -> &mut StudyArguments {
        &mut self.study
    }
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(|| study::ended(program()))
}

fn program() -> Result<()> {
    let arguments = <Arguments as study::Arguments>::of_this_process()?;
    let (recipe, data) = arguments.study.prepare()?;
    let out = &arguments.study.out;
    let mut study = Study::begin(&arguments.study)?;
    let mut table = Table::new(COLUMNS);
    let mut series = Vec::new();
    for option in OPTIONS {
        let mut row = || train(option, (&arguments, &recipe, &data), &mut study, &mut series);
        table.push(row().with_context(|| format!("training with option {}", option.0))?);
    }
    let chart = LineChart {
        title: format!("ResNet-{} with shortcuts A, B and C", arguments.arch_depth),
        x: AxisOptions::linear("Epoch"),
        y: AxisOptions::linear("Error (%)"),
        series,
    };
    save_chart(out, "shortcut_options", &chart.draw())?;
    save_table(out, "shortcut_options", &table)?;
    study.finish()?;
    tell!("{}", table.to_string().trim_end());
    Ok(())
}

/// The row of the table; the lines of the chart are added to `series`.
fn train(
    (option, shortcut): (&str, Shortcut),
    (arguments, recipe, data): (&Arguments, &Recipe, &Prepared),
    study: &mut Study,
    series: &mut Vec<Series>,
) -> Result<Vec<String>> {
    note!("option {option}");
    let base = if arguments.arch_depth == 18 {
        ResNet::resnet18()
    } else {
        ResNet::resnet34()
    };
    let graph = base
        .shortcut(shortcut)
        .num_classes(data.class_names.len())
        .graph()?;
    let parameters = graph.trained_parameter_count();
    let [at_224, of_run] = [224, arguments.study.image_size].map(|size| multiply_adds(&graph, size));
    let mut network = Network::new(graph, arguments.study.network_options())?;
    let fitted = study.fit(option, &mut network, data, &recipe.fit)?;
    save_history(&arguments.study.out, option, &fitted.history)?;
    let test = evaluate(&network, &data.test)?;
    let epochs = &fitted.history.epochs;
    let last = epochs.last().context("no epoch was finished")?;
    series.extend(lines(option, epochs));
    Ok(vec![
        option.to_owned(),
        parameters.to_string(),
        at_224?,
        of_run?,
        format!("{:.3}", 1.0 - last.train_accuracy),
        format!("{:.3}", last.train_loss),
        fitted.best_epoch.map_or(String::new(), |epoch| epoch.to_string()),
        format!("{:.3}", 1.0 - test.accuracy),
        format!("{:.3}", test.loss),
    ])
}

fn multiply_adds(graph: &Graph, size: usize) -> Result<String> {
    let summary = graph.summary(ImageSize::square(size))?;
    Ok(format!("{:.4} G", summary.multiply_adds() as f64 / 1e9))
}

/// Training and validation error by epoch.
fn lines(option: &str, epochs: &[EpochRecord]) -> [Series; 2] {
    let point = |epoch: u32, accuracy: f64| (f64::from(epoch), 100.0 * (1.0 - accuracy));
    let training = epochs
        .iter()
        .map(|epoch| point(epoch.epoch, epoch.train_accuracy));
    let validation = epochs
        .iter()
        .filter_map(|epoch| Some(point(epoch.epoch, epoch.validation_accuracy?)));
    [
        Series::new(format!("{option}, training"), training),
        Series::new(format!("{option}, validation"), validation),
    ]
}
