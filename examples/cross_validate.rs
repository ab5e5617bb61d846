//! Cross-validation: several runs, each of which tests another part of the photos, and the results of all photos together.
//!
//! `cargo run --release --example cross_validate -- --data photos --out runs/folds --arch tf_efficientnet_lite0 --weights tf_efficientnet_lite0.ml-illustrated`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/series.rs"]
mod series;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use flags::stop_at_signals;
use marque::metrics::{History, Predictions};
use marque::report::{Fact, RunReport, Table, save_table, write_run};
use marque::run::photo_files;
use ndarray::{Axis, concatenate};
use series::SeriesArguments;
use std::process::ExitCode;
use terminal::tell;

/// Test every photo once: train as many times as there are folds, each time without one of them.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    series: SeriesArguments,
    /// How many times to train.
    #[arg(long, default_value_t = 5)]
    folds: usize,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    processes::require_alone()?;
    let Arguments { series, folds } = Arguments::parse();
    let images = series.images()?;
    let stop = stop_at_signals()?;
    let mut tested = Vec::new();
    for (fold, images) in (1..).zip(images.folds(folds, series.options.seed())?) {
        tested.push(series.tested(&format!("fold-{fold}"), images, &stop)?);
    }
    let mut table = Table::new(["fold", "photos", "accuracy", "macro_f1", "log_loss"]);
    let (mut accuracies, mut scores) = (Vec::new(), Vec::new());
    for (fold, predictions) in (1..).zip(&tested) {
        let metrics = predictions.metrics()?;
        accuracies.push(metrics.accuracy);
        scores.push(metrics.macro_average.f1);
        table.push([
            fold.to_string(),
            predictions.labels.len().to_string(),
            format!("{:.6}", metrics.accuracy),
            format!("{:.6}", metrics.macro_average.f1),
            format!("{:.6}", metrics.log_loss),
        ]);
    }
    save_table(&series.out, "folds", &table)?;
    let pooled = pooled(tested)?;
    let report = RunReport {
        title: format!("Cross-validation with {folds} folds"),
        class_names: pooled.class_names.clone(),
        history: History::default(),
        metrics: pooled.metrics()?,
        predictions: pooled,
        facts: vec![
            Fact::new("Accuracy of the folds", spread(&accuracies)),
            Fact::new("Macro F1 of the folds", spread(&scores)),
        ],
        architecture_svg: None,
        command: Some(terminal::command()),
        skipped: Vec::new(),
        photos: Some(photo_files(images.root(), images.samples())),
        cost: None,
        stages: Vec::new(),
        explanations: Vec::new(),
    };
    let files = write_run(&series.out, &report)?;
    tell!("{}", report.metrics.classification_report());
    tell!("accuracy of the folds: {}", spread(&accuracies));
    tell!("{}", files.report_html.display());
    Ok(())
}

/// The predictions of all folds together.
fn pooled(tested: Vec<Predictions>) -> Result<Predictions> {
    let rows: Vec<_> = tested
        .iter()
        .map(|predictions| predictions.probabilities.view())
        .collect();
    let probabilities = concatenate(Axis(0), &rows)?;
    let class_names = tested
        .first()
        .map_or_else(Vec::new, |first| first.class_names.clone());
    Ok(Predictions {
        class_names,
        paths: tested
            .iter()
            .flat_map(|predictions| predictions.paths.clone())
            .collect(),
        labels: tested
            .iter()
            .flat_map(|predictions| predictions.labels.clone())
            .collect(),
        probabilities,
    })
}

/// Mean and standard deviation of the folds.
fn spread(values: &[f64]) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    format!("{mean:.4} ± {:.4}", (squares / (count - 1.0)).sqrt())
}
