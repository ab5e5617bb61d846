//! Fine-tuning of a pretrained network on a folder of photos.

use crate::run::{self, RunArguments, Start, Trained, stage};
use crate::terminal::note;
use anyhow::{Context, Result};
use clap::Args;
use marque::arch::Graph;
use marque::data::check_output;
use marque::hub::{Catalog, FetchOptions, Progress, fetch};
use marque::report::{AxisOptions, LineChart, Series, Svg, Table, save_chart, save_table};
use marque::torch::{Network, NetworkOptions};
use marque::train::{
    Error, Event, Examples, FeatureConfig, Features, FineTuneConfig, FitConfig, Recipe, evaluate, fine_tune,
};
use marque::weights::{MatchPolicy, StateDict};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The most gigabytes of features that are kept if not said otherwise.
pub(crate) const FEATURES_GB: f64 = 20.0;

/// Flags of fine-tuning.
#[derive(Args, Debug)]
pub(crate) struct FineTuneArguments {
    /// How to train: `fast`, `subject`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "fast")]
    pub(crate) recipe: String,
    /// Where outputs of the frozen layers are kept; in `features` in the run folder if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) features: Option<PathBuf>,
    /// The most gigabytes that they take; 0 to compute them in every step instead.
    #[arg(long, default_value_t = FEATURES_GB)]
    pub(crate) features_gb: f64,
    /// Measure the test photos after every epoch and write curve.csv: accuracy over wall time.
    #[arg(long)]
    pub(crate) curve: bool,
}

impl FineTuneArguments {
    /// Fine-tunes an architecture from the weights of a file.
    pub(crate) fn train(
        &self,
        run: &RunArguments,
        (arch, weights): (&str, &Path),
        stop: Arc<AtomicBool>,
    ) -> Result<Trained> {
        if let Some(features) = self.features.as_ref().filter(|_| self.features_gb > 0.0) {
            check_output(features, &run.data)?;
        }
        let start = Start::new(run, arch, &self.recipe, |name| Recipe::fine_tuning(name, arch))?;
        let options = run.options.network_options(&start);
        let mut network = pretrained(weights, start.graph.clone(), options)?;

        let facts = run.options.facts(&network, &start);
        let card = run::card(&network, &start, &facts);
        let config = FineTuneConfig {
            fit: FitConfig {
                stop,
                ..start.recipe.fit_config()
            },
            features: (self.features_gb > 0.0).then(|| FeatureConfig {
                folder: self.features.clone().unwrap_or_else(|| run.out.join("features")),
                views: 1,
                max_bytes: (self.features_gb * 1e9) as u64,
            }),
        };
        let preparing = start.seconds();
        let Start { recipe, data, .. } = &start;
        network.train_from(&recipe.trained_from)?;
        let kept = match (&config.features, self.curve) {
            (Some(features), true) => Features::compute(&network, &data.test, features, &mut |_| Ok(()))?,
            _ => None,
        };
        let mut curve = Curve {
            start: &start,
            table: Table::new(["epoch", "seconds", "validation_accuracy", "test_accuracy"]),
            points: Vec::new(),
            test: self.curve.then(|| {
                kept.as_ref()
                    .map_or(Examples::Photos(&data.test), Examples::Features)
            }),
        };
        let fitted = {
            let observed = |event: &Event<'_>| curve.observe(event);
            let mut observer = (run::observer(run.model(), &card), observed);
            fine_tune(&mut network, data, recipe, &config, &mut observer)?
        };
        let fitting = start.seconds() - preparing;
        let training: f64 = fitted.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        let mut stages = vec![stage("Preparing", preparing)];
        if config.features.is_some() {
            stages.push(stage("Outputs of the frozen layers", fitting - training));
        }
        stages.push(stage("Training and validation", training));
        if self.curve {
            save_table(&run.out, "curve", &curve.table)?;
            save_chart(&run.out, "curve", &curve.chart())?;
        }
        drop(kept);
        Ok(Trained {
            title: format!("{arch}, fine-tuned"),
            start,
            network,
            fitted,
            card,
            facts,
            stages,
        })
    }
}

/// The file of this path, or else the official one of this name, from the cache or the network.
pub(crate) fn weights_file(name: &Path) -> Result<PathBuf> {
    if name.exists() {
        return Ok(name.into());
    }
    let shown = name.display().to_string();
    let entry = Catalog::official()
        .entry(&shown)
        .with_context(|| format!("there is no file {shown}, and it is no name of official weights"))?;
    let progress = move |progress: Progress| {
        // Nobody can be told that the standard error stream is gone.
        let _ = write!(
            std::io::stderr().lock(),
            "\r{shown}: {:.1} MB",
            progress.bytes as f64 / 1e6
        );
    };
    let options = FetchOptions {
        progress: Some(Box::new(progress)),
        ..Default::default()
    };
    Ok(fetch(entry, &options)?)
}

/// The network with the weights of a file, and first values where a new head is.
fn pretrained(weights: &Path, graph: Graph, options: NetworkOptions) -> Result<Network> {
    let file = StateDict::read(weights)?;
    let matched = file
        .matched_to(&graph, MatchPolicy::NewHead)
        .with_context(|| format!("in {}", weights.display()))?;
    note!("{}", matched.account);
    Ok(Network::with_matched(graph, &matched, options)?)
}

/// Test accuracy over wall time.
struct Curve<'a> {
    start: &'a Start,
    table: Table,
    points: Vec<(f64, f64)>,
    test: Option<Examples<'a>>,
}

impl Curve<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let (Event::EpochEnd { record, network, .. }, Some(test)) = (event, self.test) else {
            return Ok(());
        };
        let seconds = self.start.seconds();
        let test = evaluate(network, test)?;
        let validation = record
            .validation_accuracy
            .map_or(String::new(), |accuracy| format!("{accuracy:.4}"));
        self.points.push((seconds / 60.0, test.accuracy));
        let test = format!("{:.4}", test.accuracy);
        note!("          {seconds:.0} s  test accuracy {test}");
        self.table.push([
            record.epoch.to_string(),
            format!("{seconds:.1}"),
            validation,
            test,
        ]);
        Ok(())
    }

    fn chart(&self) -> Svg {
        let chart = LineChart {
            title: "Test accuracy over wall time".to_owned(),
            x: AxisOptions::linear("Minutes"),
            y: AxisOptions::linear("Test accuracy"),
            series: vec![Series::new("test", self.points.iter().copied())],
        };
        chart.draw()
    }
}
