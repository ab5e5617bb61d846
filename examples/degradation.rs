//! The degradation problem (He et al. 2015, figure 4): plain networks of 18 and 34 layers against residual ones, trained
//! alike, one after the other; their training errors by epoch.
//!
//! `cargo run --release --example degradation -- --data photos --out runs/degradation`

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
use marque::arch::{ArchitectureOptions, architecture};
use marque::model::{ModelCard, save_model};
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_history, save_table};
use marque::torch::Network;
use marque::train::{Prepared, Recipe};
use std::process::ExitCode;
use study::{Study, StudyArguments};
use terminal::{note, tell};

/// Train plain and residual networks of 18 and 34 layers alike, and compare their training errors by epoch.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    study: StudyArguments,
}

const NETWORKS: [&str; 4] = ["plain18", "plain34", "resnet18", "resnet34"];

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
    let columns = ["network", "parameters", "training error", "validation error"];
    let mut table = Table::new(columns.into_iter().chain(["training loss", "validation loss"]));
    let mut series = Vec::new();
    for name in NETWORKS {
        let trained = train(name, &arguments.study, &recipe, &data, &mut study)
            .with_context(|| format!("training {name}"))?;
        series.push(trained.errors);
        table.push(trained.row);
    }
    let chart = LineChart {
        title: "Training error of plain and residual networks".to_owned(),
        x: AxisOptions::linear("Epoch"),
        y: AxisOptions::linear("Training error (%)"),
        series,
    };
    save_chart(out, "degradation", &chart.draw())?;
    save_table(out, "degradation", &table)?;
    study.finish()?;
    tell!("{}", table.to_string().trim_end());
    Ok(())
}

/// What one training adds to the chart and to the table.
struct Trained {
    errors: Series,
    row: Vec<String>,
}

fn train(
    name: &str,
    arguments: &StudyArguments,
    recipe: &Recipe,
    data: &Prepared,
    study: &mut Study,
) -> Result<Trained> {
    note!("{name}");
    let options = ArchitectureOptions {
        num_classes: data.class_names.len(),
        ..Default::default()
    };
    let graph = architecture(name, options)?;
    let mut network = Network::new(graph, arguments.network_options())?;
    let fitted = study.fit(name, &mut network, data, &recipe.fit)?;
    save_history(&arguments.out, name, &fitted.history)?;
    let class_names = data.class_names.clone();
    let card = ModelCard::new(network.graph().clone(), class_names, data.preprocess.clone());
    let model = arguments.out.join(format!("{name}.safetensors"));
    save_model(&model, &network.state_dict()?, &card)?;
    let epochs = &fitted.history.epochs;
    let last = epochs.last().context("no epoch was finished")?;
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
    let errors = epochs
        .iter()
        .map(|epoch| (f64::from(epoch.epoch), 100.0 * (1.0 - epoch.train_accuracy)));
    Ok(Trained {
        errors: Series::new(name, errors),
        row: vec![
            name.to_owned(),
            network.graph().trained_parameter_count().to_string(),
            format!("{:.3}", 1.0 - last.train_accuracy),
            optional(last.validation_accuracy.map(|accuracy| 1.0 - accuracy)),
            format!("{:.3}", last.train_loss),
            optional(last.validation_loss),
        ],
    })
}
