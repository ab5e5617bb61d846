//! The numbers of a comparison as a table and as one object.

use marque_metrics::{Interval, McNemar, Metrics};
use serde::Serialize;

use super::pairs::{Disagreement, Pair};
use super::{Entry, Measured};
use crate::{Cost, Table};

/// What `compare.json` holds.
#[derive(Serialize)]
pub(super) struct All<'a> {
    class_names: &'a [String],
    runs: Vec<Run<'a>>,
    pairs: Vec<PairNumbers<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    photos: usize,
    accuracy_interval: Option<Interval>,
    cost: Option<Cost>,
    training_seconds: Option<f64>,
    metrics: &'a Metrics,
}

#[derive(Serialize)]
struct PairNumbers<'a> {
    first: &'a str,
    second: &'a str,
    same_photos: bool,
    mcnemar: Option<McNemar>,
    only_first_right: Vec<&'a str>,
    only_second_right: Vec<&'a str>,
}

pub(super) fn all<'a>(measured: &'a Measured<'a>) -> All<'a> {
    let entries = &measured.entries;
    let run = |entry: &'a Entry<'a>| Run {
        name: &entry.name,
        photos: entry.run.predictions.labels.len(),
        accuracy_interval: entry.accuracy,
        cost: entry.run.details.cost,
        training_seconds: entry.training_seconds,
        metrics: &entry.run.metrics,
    };
    let paths =
        |photos: &'a [Disagreement]| photos.iter().map(|photo| photo.path.as_str()).collect::<Vec<_>>();
    let pair = |pair: &'a Pair| {
        let photos = pair.photos.as_ref();
        PairNumbers {
            first: &entries[pair.first].name,
            second: &entries[pair.second].name,
            same_photos: photos.is_some(),
            mcnemar: photos.map(|photos| photos.test),
            only_first_right: photos.map_or_else(Vec::new, |photos| paths(&photos.only_first)),
            only_second_right: photos.map_or_else(Vec::new, |photos| paths(&photos.only_second)),
        }
    };
    All {
        class_names: entries
            .first()
            .map_or(&[], |entry| &entry.run.predictions.class_names),
        runs: entries.iter().map(run).collect(),
        pairs: measured.pairs.iter().map(pair).collect(),
    }
}

/// One line per run. Numbers have as many digits as it takes to read back the same bits; what is not known is empty.
pub(super) fn table(measured: &Measured<'_>) -> Table {
    let mut table = Table::new([
        "run",
        "photos",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "balanced_accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "macro_auc",
        "log_loss",
        "parameters",
        "multiply_adds",
        "training_seconds",
        "latency_seconds",
    ]);
    for entry in &measured.entries {
        let (metrics, cost) = (&entry.run.metrics, entry.run.details.cost);
        let average = metrics.macro_average;
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        table.push([
            entry.name.clone(),
            entry.run.predictions.labels.len().to_string(),
            metrics.accuracy.to_string(),
            number(entry.accuracy.map(|interval| interval.lower)),
            number(entry.accuracy.map(|interval| interval.upper)),
            metrics.balanced_accuracy.to_string(),
            average.precision.to_string(),
            average.recall.to_string(),
            average.f1.to_string(),
            number(metrics.auc.macro_ovr),
            metrics.log_loss.to_string(),
            count(cost.map(|cost| cost.parameters)),
            count(cost.map(|cost| cost.multiply_adds)),
            number(entry.training_seconds),
            number(cost.and_then(|cost| cost.latency_seconds)),
        ]);
    }
    table
}
