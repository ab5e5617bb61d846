//! Compares finished runs: one page with their results, curves, costs and disagreements.
//!
//! `cargo run --release --example compare -- --out runs/compared runs/resnet34 runs/xception --data cars`

#[path = "shared/cost.rs"]
mod cost;

use anyhow::{Context, Result};
use clap::Parser;
use cost::cost;
use marque::report::{Comparison, FinishedRun, read_run, write_comparison};
use marque::torch::Device;
use marque::train::Classifier;
use std::path::{Path, PathBuf};

/// Compare finished runs.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where the comparison goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder of the photos, to show those on which runs disagree.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run folders, at least two.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(data) = &arguments.data {
        anyhow::ensure!(data.is_dir(), "{} is not a folder", data.display());
    }
    let runs = arguments.runs.iter().map(|folder| run(folder));
    let comparison = Comparison {
        runs: runs.collect::<Result<_>>()?,
        photo_root: arguments.data,
    };
    let files = write_comparison(&arguments.out, &comparison)?;
    for run in &comparison.runs {
        let accuracy = 100.0 * run.metrics.accuracy;
        println!(
            "{}: {accuracy:.2} % of {} photos",
            run.details.title,
            run.predictions.labels.len()
        );
    }
    println!("{}", files.compare_html.display());
    Ok(())
}

/// A run; what an older one does not say of its network is counted and measured on its model file.
fn run(folder: &Path) -> Result<FinishedRun> {
    let mut run = read_run(folder).with_context(|| format!("cannot use the run {}", folder.display()))?;
    let model = folder.join("model.safetensors");
    if run.details.cost.is_none() && model.is_file() {
        let measured = || {
            let classifier = Classifier::open(&model, Device::Cpu)?;
            cost(classifier.network(), classifier.card().preprocess.image_size)
        };
        run.details.cost = Some(measured().with_context(|| format!("cannot measure {}", model.display()))?);
    }
    Ok(run)
}
