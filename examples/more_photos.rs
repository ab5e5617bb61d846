//! Would more photos help? Trainings on growing shares of the training photos, tested on the same test photos, as one curve.
//!
//! `cargo run --release --example more_photos -- --data photos --out runs/shares --arch tf_efficientnet_lite0 --weights tf_efficientnet_lite0.ml-illustrated`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/series.rs"]
mod series;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Result, ensure};
use clap::Parser;
use flags::stop_at_signals;
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use series::SeriesArguments;
use std::process::ExitCode;
use terminal::tell;

/// Train on growing shares of the photos and look at the test accuracy.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    series: SeriesArguments,
    /// Shares of the training photos, each above 0, at most 1.
    #[arg(long, value_delimiter = ',', default_values_t = [0.125, 0.25, 0.5, 1.0])]
    shares: Vec<f64>,
}

/// How often test photos are drawn anew for an interval, and what share of the accuracies it holds.
const RESAMPLES: usize = 2000;
const LEVEL: f64 = 0.95;

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    processes::require_alone()?;
    let Arguments { series, shares } = Arguments::parse();
    ensure!(!shares.is_empty(), "--shares names no share");
    let images = series.images()?;
    let split = images.split(&series.options.split())?;
    let stop = stop_at_signals()?;
    let mut table = Table::new([
        "share",
        "training_photos",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
    ]);
    let mut curves: [Vec<(f64, f64)>; 3] = Default::default();
    for share in shares {
        let part = split.with_train_share(share, series.options.seed())?;
        let photos = part.train.len();
        let predictions = series.tested(&format!("share-{share}"), images.in_parts(part), &stop)?;
        let metrics = predictions.metrics()?;
        let interval = predictions.accuracy_interval(RESAMPLES, LEVEL, series.options.seed())?;
        let (low, high) = interval.map_or((f64::NAN, f64::NAN), |found| (found.lower, found.upper));
        for (curve, value) in curves.iter_mut().zip([metrics.accuracy, low, high]) {
            curve.push((photos as f64, value));
        }
        table.push([
            share.to_string(),
            photos.to_string(),
            format!("{:.6}", metrics.accuracy),
            format!("{low:.6}"),
            format!("{high:.6}"),
        ]);
        tell!(
            "{photos} training photos: accuracy {:.4}, from {low:.4} to {high:.4}",
            metrics.accuracy
        );
    }
    save_table(&series.out, "shares", &table)?;
    let names = [
        "test accuracy",
        "lower end of its interval",
        "upper end of its interval",
    ];
    let chart = LineChart {
        title: "Would more photos help?".to_owned(),
        x: AxisOptions::log10("Training photos"),
        y: AxisOptions::linear("Test accuracy"),
        series: names
            .into_iter()
            .zip(curves)
            .map(|(name, points)| Series::new(name, points))
            .collect(),
    };
    let [svg, _] = save_chart(&series.out, "shares", &chart.draw())?;
    tell!("{}", svg.display());
    Ok(())
}
