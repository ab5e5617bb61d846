//! What the charts of probabilities show, as tables.

use marque_metrics::Predictions;

use crate::chart::reliability::BINS;
use crate::{Error, Table};

/// Curves with more points than this are thinned: their shape stays, the file stays small.
const MOST_POINTS: usize = 1000;

/// The points of [`roc_chart`](crate::roc_chart), of all classes: `curve`, `threshold`, `false_positive_rate` and
/// `true_positive_rate`, where `curve` is a class's name, `macro avg` or `micro avg`. A curve of more than a thousand points is
/// thinned to as many. The threshold of the first point is infinite, written `inf`; points of the macro average have none.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
///
/// ```
/// use marque_metrics::Predictions;
/// use ndarray::array;
///
/// let predictions = Predictions {
///     class_names: vec!["Sedan".to_owned(), "SUV".to_owned()],
///     paths: vec!["1.jpg".to_owned(), "2.jpg".to_owned()],
///     labels: vec![0, 1],
///     probabilities: array![[0.75, 0.25], [0.25, 0.75]],
/// };
/// let table = marque_report::roc_table(&predictions)?.to_csv();
/// assert!(table.starts_with("curve,threshold,false_positive_rate,true_positive_rate\nSedan,inf,0,0\nSedan,0.75,0,1\n"));
/// # Ok::<(), marque_report::Error>(())
/// ```
pub fn roc_table(predictions: &Predictions) -> Result<Table, Error> {
    let mut curves = Vec::new();
    for (class, name) in predictions.class_names.iter().enumerate() {
        curves.push((name.as_str(), predictions.roc_curve(class)?));
    }
    curves.push(("macro avg", predictions.macro_roc_curve()?));
    curves.push(("micro avg", predictions.micro_roc_curve()?));
    let mut table = Table::new(["curve", "threshold", "false_positive_rate", "true_positive_rate"]);
    for (name, curve) in curves {
        let Some(curve) = curve.map(|curve| curve.thinned(MOST_POINTS)) else {
            continue;
        };
        let rates = curve.false_positive_rate.iter().zip(&curve.true_positive_rate);
        for (point, (false_positive, true_positive)) in rates.enumerate() {
            table.push([
                name.to_owned(),
                curve.thresholds.get(point).map_or(String::new(), f64::to_string),
                false_positive.to_string(),
                true_positive.to_string(),
            ]);
        }
    }
    Ok(table)
}

/// The points of [`precision_recall_chart`](crate::precision_recall_chart), of all classes: `curve`, `threshold`, `recall` and
/// `precision`, as in [`roc_table`]. No threshold belongs to the last point of a curve.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
pub fn precision_recall_table(predictions: &Predictions) -> Result<Table, Error> {
    let mut curves = Vec::new();
    for (class, name) in predictions.class_names.iter().enumerate() {
        curves.push((name.as_str(), predictions.precision_recall_curve(class)?));
    }
    curves.push(("micro avg", predictions.micro_precision_recall_curve()?));
    let mut table = Table::new(["curve", "threshold", "recall", "precision"]);
    for (name, curve) in curves {
        let Some(curve) = curve.map(|curve| curve.thinned(MOST_POINTS)) else {
            continue;
        };
        for (point, (recall, precision)) in curve.recall.iter().zip(&curve.precision).enumerate() {
            table.push([
                name.to_owned(),
                curve.thresholds.get(point).map_or(String::new(), f64::to_string),
                recall.to_string(),
                precision.to_string(),
            ]);
        }
    }
    Ok(table)
}

/// The bins of [`reliability_chart`](crate::reliability_chart) that are not empty: `lower`, `upper`, `photos`, `confidence` and
/// `accuracy`.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
pub fn reliability_table(predictions: &Predictions) -> Result<Table, Error> {
    let mut table = Table::new(["lower", "upper", "photos", "confidence", "accuracy"]);
    for bin in predictions.reliability(BINS)? {
        table.push([
            bin.lower.to_string(),
            bin.upper.to_string(),
            bin.count.to_string(),
            bin.confidence.to_string(),
            bin.accuracy.to_string(),
        ]);
    }
    Ok(table)
}
