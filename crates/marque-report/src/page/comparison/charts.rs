//! The lines of several runs in one chart.

use marque_metrics::EpochRecord;

use super::Entry;
use crate::{AxisOptions, LineChart, Series, Svg};

/// More points than a chart of this width can show make the page large and no curve finer.
const MOST_POINTS: usize = 300;

pub(super) fn validation_loss(entries: &[Entry<'_>]) -> Svg {
    over_epochs(entries, "Validation loss", "Loss", |epoch| epoch.validation_loss)
}

pub(super) fn validation_accuracy(entries: &[Entry<'_>]) -> Svg {
    over_epochs(entries, "Validation accuracy", "Accuracy (%)", |epoch| {
        epoch.validation_accuracy.map(|accuracy| accuracy * 100.0)
    })
}

fn over_epochs(
    entries: &[Entry<'_>],
    title: &str,
    axis: &str,
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Svg {
    let series = entries.iter().map(|entry| {
        let epochs = &entry.run.history.epochs;
        // What was not measured is a gap.
        let point = |epoch: &EpochRecord| (f64::from(epoch.epoch), value(epoch).unwrap_or(f64::NAN));
        Series::new(&entry.name, epochs.iter().map(point))
    });
    LineChart {
        title: title.to_owned(),
        x: AxisOptions::linear("Epoch"),
        y: AxisOptions::linear(axis),
        series: series.collect(),
    }
    .draw()
}

/// The receiver operating characteristics.
pub(super) fn roc(entries: &[Entry<'_>], is_macro: bool) -> Svg {
    let series = entries.iter().map(|entry| {
        let Some(curve) = &entry.roc else {
            return Series::new(&entry.name, []);
        };
        let name = format!("{}, area {:.3}", entry.name, curve.area());
        let thinned = curve.thinned(MOST_POINTS);
        let (across, upward) = (thinned.false_positive_rate, thinned.true_positive_rate);
        Series::new(name, across.into_iter().zip(upward))
    });
    let kind = if is_macro {
        "mean over the classes"
    } else {
        "all classes together"
    };
    LineChart {
        title: format!("Receiver operating characteristic, {kind}"),
        x: AxisOptions::linear("False positive rate"),
        y: AxisOptions::linear("True positive rate"),
        series: series.collect(),
    }
    .draw()
}
