//! A search among recipes: trainings with settings drawn from a space, measured on the validation photos, as one table and page.
//!
//! `cargo run --release --example tune -- --data photos --out runs/tune --space space.toml --arch tf_efficientnet_lite0 --weights tf_efficientnet_lite0.ml-illustrated --trials 27 --rounds 3 --minutes 120`

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
use marque::report::{Table, TablePage, save_table};
use marque::run::{Halving, Search, SearchOutcome};
use marque::train::{Progress, SearchSpace};
use series::SeriesArguments;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use terminal::{note, tell};

/// Search among recipes, on the validation photos alone.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    series: SeriesArguments,
    /// What may change: a TOML or JSON file of settings with lists of values or ranges.
    #[arg(long, value_name = "FILE")]
    space: PathBuf,
    /// Recipes that are drawn.
    #[arg(long, default_value_t = 20)]
    trials: u64,
    /// Rounds of successive halving; 1 for all epochs for all recipes.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// How many times fewer recipes, with as many times more epochs, a round has than the one before it.
    #[arg(long, default_value_t = 3.0)]
    factor: f64,
    /// No trial begins after so many minutes of trials; no bound if not given.
    #[arg(long)]
    minutes: Option<f64>,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    processes::require_alone()?;
    let arguments = Arguments::parse();
    let series = &arguments.series;
    let search = Search {
        space: SearchSpace::read(&arguments.space)?,
        trials: arguments.trials,
        seed: series.options.seed(),
        halving: (arguments.rounds > 1).then_some(Halving {
            rounds: arguments.rounds,
            factor: arguments.factor,
        }),
    };
    let budget = arguments
        .minutes
        .map(|minutes| Duration::try_from_secs_f64(60.0 * minutes))
        .transpose()?;
    let mut observer = (Progress::new(), stop_at_signals()?);
    let outcome = search.run(
        &series.recipe()?,
        (series.out.as_path(), budget),
        |folder, recipe| series.begun(folder, recipe),
        &mut observer,
    )?;
    if let Some(best) = &outcome.best {
        best.write(&series.out.join("best.toml"))?;
    }
    let (table, page) = written(&outcome, &series.out)?;
    tell!("{table}");
    tell!("{}", page.display());
    if outcome.is_cut_short {
        note!("trials are left: the same command goes on with them");
    }
    Ok(())
}

/// The table of all trials, and its page.
fn written(outcome: &SearchOutcome, out: &Path) -> Result<(Table, PathBuf)> {
    let settings = outcome.trials.first().map_or(&[][..], |trial| &trial.values);
    let names = settings.iter().map(|(setting, _)| setting.as_str());
    let columns = ["trial", "epochs", "accuracy", "loss", "seconds"];
    let mut table = Table::new(columns.into_iter().chain(names));
    for trial in &outcome.trials {
        let measured = |number: Option<f64>| number.map_or_else(String::new, |number| format!("{number:.4}"));
        let cells = [
            trial.trial.to_string(),
            trial.epochs.to_string(),
            measured(trial.validation.map(|found| found.accuracy)),
            measured(trial.validation.map(|found| found.loss)),
            format!("{:.0}", trial.seconds),
        ];
        let values = trial.values.iter().map(|(_, value)| value.clone());
        table.push(cells.into_iter().chain(values));
    }
    save_table(out, "trials", &table)?;
    let page = TablePage {
        kind: "Search".to_owned(),
        title: format!("{} trials", outcome.trials.len()),
        lead: "The best first. Accuracy and loss are those of the validation photos in a trial's best epoch; test photos were not \
               looked at."
            .to_owned(),
        caption: "Trials".to_owned(),
        table: table.clone(),
        notes: vec![
            "The best of many is partly the luckiest: train best.toml anew, with several seeds, before its result is believed."
                .to_owned(),
        ],
    };
    Ok((table, page.write(out, "search")?))
}
