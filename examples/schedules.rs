//! Learning rates over a training: of all kinds of schedules, or of those that are asked for.
//!
//! `cargo run --release --example schedules -- --out runs/schedules`, or
//! `cargo run --release --example schedules -- --out runs/schedules --schedule '{"kind": "cosine", "cycles": 3}'`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use marque::train::{Recipe, Schedule, SchedulePoint};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Draw how learning rates change over a training.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where chart and table go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A schedule as `--set fit.schedule=…` takes it, by its name or in JSON; may be given again. One of each kind if none is.
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Vec<String>,
    /// Epochs of the training.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Steps of an epoch.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
}

/// One of each kind but the two that a line does not show: `constant` and `plateau`.
const KINDS: [&str; 6] = [
    r#"{"kind": "step", "every": 10, "factor": 0.3}"#,
    r#"{"kind": "multi_step", "at": [18, 26], "factor": 0.2}"#,
    r#"{"kind": "exponential", "factor": 0.9}"#,
    r#"{"kind": "polynomial", "warmup": 0.1}"#,
    r#"{"kind": "cosine", "warmup": 0.1, "cycles": 2}"#,
    r#"{"kind": "one_cycle"}"#,
];

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let mut texts = arguments.schedule;
    if texts.is_empty() {
        texts = KINDS.map(str::to_owned).to_vec();
    }
    let schedules = texts.iter().map(|text| {
        let recipe = Recipe::scratch().with(&format!("fit.schedule={text}"))?;
        Ok(recipe.fit.schedule)
    });
    let schedules: Vec<Schedule> = schedules.collect::<Result<_>>()?;
    let steps_per_epoch = usize::from(arguments.steps);
    let steps = steps_per_epoch * arguments.epochs as usize;
    let factor = |schedule: &Schedule, step: usize| {
        schedule.factor(SchedulePoint {
            step,
            steps_per_epoch,
            epochs: arguments.epochs,
            losses: &[],
        })
    };
    let mut table = Table::new(std::iter::once("step").chain(texts.iter().map(String::as_str)));
    for step in 0..steps {
        let factors = schedules
            .iter()
            .map(|schedule| format!("{:.6}", factor(schedule, step)));
        table.push(std::iter::once(step.to_string()).chain(factors));
    }
    save_table(&arguments.out, "schedules", &table)?;
    let epoch = |step: usize| step as f64 / steps_per_epoch as f64;
    let lines = texts.iter().zip(&schedules).map(|(text, schedule)| {
        let points = (0..steps).map(|step| (epoch(step), factor(schedule, step)));
        Series::new(text.clone(), points)
    });
    let chart = LineChart {
        title: "Learning rates over a training".to_owned(),
        x: AxisOptions::linear("Epochs"),
        y: AxisOptions::linear("Share of the largest rate"),
        series: lines.collect(),
    };
    let [svg, _] = save_chart(&arguments.out, "schedules", &chart.draw())?;
    tell!("{}", svg.display());
    Ok(())
}
