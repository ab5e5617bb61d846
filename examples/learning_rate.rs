//! A learning-rate range test: a short training whose rate rises from step to step, drawn as a curve, with a suggestion.
//!
//! `cargo run --release --example learning_rate -- --data photos --out runs/rates --arch resnet34 --recipe scratch`, or with
//! pretrained weights:
//! `cargo run --release --example learning_rate -- --data photos --out runs/rates --arch tf_efficientnet_lite0 --weights tf_efficientnet_lite0.ml-illustrated --recipe light`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use clap::Parser;
use flags::{TrainingOptions, download_progress, stop_at_signals};
use marque::arch::architecture;
use marque::data::check_output;
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use marque::run::weights_file;
use marque::torch::{DeviceChoice, Network, keep_freed_memory};
use marque::train::{Progress, RangeTest, prepare, range_test};
use marque::weights::{MatchPolicy, StateDict};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Find a good largest learning rate: train for some steps at a rising rate and look at the loss.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, or a list of photos: CSV, TSV or a JSON object a line.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the curve goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// An architecture's name, such as resnet34 or tf_efficientnet_lite0.
    #[arg(long, default_value = "resnet34")]
    arch: String,
    /// Pretrained weights: a file, or a name that `cargo xtask weights --list` shows; none for a training from nothing.
    #[arg(long, value_name = "FILE|NAME")]
    weights: Option<PathBuf>,
    /// How to train: the name of a recipe or its file; `scratch`, or what suits the architecture where there are weights, if not
    /// given.
    #[arg(long)]
    recipe: Option<String>,
    #[command(flatten)]
    options: TrainingOptions,
    /// The first rate.
    #[arg(long, default_value_t = RangeTest::default().from)]
    from: f64,
    /// The last rate.
    #[arg(long, default_value_t = RangeTest::default().to)]
    to: f64,
    /// Steps from one to the other.
    #[arg(long, default_value_t = RangeTest::default().steps)]
    steps: usize,
    /// cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    processes::require_alone()?;
    let arguments = Arguments::parse();
    keep_freed_memory();
    check_output(&arguments.out, &arguments.data)?;
    let test = RangeTest {
        from: arguments.from,
        to: arguments.to,
        steps: arguments.steps,
    };
    test.validate()?;
    let (arch, is_pretrained) = (arguments.arch.as_str(), arguments.weights.is_some());
    let recipe = arguments
        .options
        .recipe_for(arch, is_pretrained, arguments.recipe.as_deref())?
        .for_architecture(arch);
    let base = architecture(arch, Default::default())?;
    let config = arguments.options.prepare();
    let data = prepare(&arguments.data, &recipe.data, &config)?;
    let graph = recipe.graph(&base, data.class_names.len())?;
    let network_options = recipe.network_options(arguments.device.device()?, config.seed);
    let mut network = match &arguments.weights {
        None => Network::new(graph, network_options)?,
        Some(weights) => {
            let file = weights_file(weights, Some(Box::new(download_progress(weights))))?;
            let matched = StateDict::read(&file)?.matched_to(&graph, MatchPolicy::NewHead)?;
            let mut network = Network::with_matched(graph, &matched, network_options)?;
            let recipe = recipe.clone().for_graph(network.graph())?;
            network.train_from(recipe.model.trained_from.nodes()?)?;
            network
        }
    };
    let mut observer = (Progress::new(), stop_at_signals()?);
    let rates = range_test(&mut network, &data.train, &recipe.fit, test, &mut observer)?;
    let mut table = Table::new(["learning_rate", "loss", "smoothed"]);
    for point in &rates.points {
        table.push([point.learning_rate, point.loss, point.smoothed].map(|number| number.to_string()));
    }
    let chart = LineChart {
        title: format!("{arch}: loss of a step at a rising learning rate"),
        x: AxisOptions::log10("Learning rate"),
        y: AxisOptions::linear("Loss (nats)"),
        series: vec![
            Series::new(
                "of the batch",
                rates.points.iter().map(|point| (point.learning_rate, point.loss)),
            ),
            Series::new(
                "smoothed",
                rates
                    .points
                    .iter()
                    .map(|point| (point.learning_rate, point.smoothed)),
            ),
        ],
    };
    save_table(&arguments.out, "learning_rate", &table)?;
    let [svg, _] = save_chart(&arguments.out, "learning_rate", &chart.draw())?;
    let suggestion = rates
        .suggestion()
        .context("the loss never fell: try other rates with --from and --to, or more --steps")?;
    tell!("curve {}", svg.display());
    tell!("the loss fell fastest at a learning rate of {suggestion:.1e}: --lr {suggestion:.1e}");
    Ok(())
}
