//! Trains a residual network from nothing on a folder of photos, tests it, and writes a run folder with the model,
//! its numbers, its curves and a page.
//!
//! `cargo run --release --example resnet_from_scratch -- --data photos --out runs/resnet34`

#[path = "shared/run.rs"]
mod run;

use anyhow::Result;
use clap::Parser;
use marque::torch::Network;
use marque::train::{Examples, Recipe, fit, prepare};
use run::{Finished, Plan, RunArguments};
use std::time::Instant;

/// Train a residual network from nothing on a folder of photos.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// An architecture's name, such as resnet18, resnet34, resnet50, plain34 or resnet34-subject.
    #[arg(long, default_value = "resnet34")]
    arch: String,
    /// How to train: `subject`, `scratch`, `quick`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "scratch")]
    recipe: String,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let Arguments { run, arch, recipe } = Arguments::parse();
    let device = run.start()?;
    let recipe = run.recipe(&recipe, Recipe::named)?;
    let data = prepare(&run.data, &recipe, &run.prepare_config())?;
    let Plan {
        graph,
        summary,
        drawing,
    } = Plan::new(&arch, &recipe, &data)?;
    let mut network = Network::new(graph, run.network_options(device, &recipe))?;

    let facts = run.facts(&network, &summary, &recipe, &data);
    let card = run::card(&network, &data, &recipe, &facts);
    let config = recipe.fit_config();
    run::stop_at_ctrl_c(&config)?;
    let mut observer = run::observer(run.model(), &card);
    let validation = data.validation.as_ref().map(Examples::Photos);
    let fitted = fit(&mut network, &data.train, validation, &config, &mut observer)?;
    run::finish(Finished {
        title: format!("{arch} from scratch"),
        arguments: &run,
        network: &network,
        drawing,
        data,
        recipe: &recipe,
        fitted,
        card: &card,
        facts,
        start,
    })
}
