//! How a classifier's probabilities rank, as curves.

use marque_metrics::Predictions;

use crate::{AxisOptions, Error, LineChart, Series, Svg};

/// With more classes than this, only the best and the worst have a line of their own.
const MOST_CLASSES: usize = 7;
/// How many of the best, and of the worst, are shown then.
const EXTREMES: usize = 3;
/// More points than this are not seen on a chart of this size.
const MOST_POINTS: usize = 400;

/// The receiver operating characteristic of each class against the rest, with the mean of all (macro) and that of all
/// pairs of a photo and a class (micro); areas stand in the legend.
///
/// With more than seven classes those three with the largest and those three with the smallest areas are shown, and the
/// title says so. A class without photos, or with all of them, has no curve.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
pub fn roc_chart(predictions: &Predictions) -> Result<Svg, Error> {
    let series = |name: &str, curve: &marque_metrics::RocCurve| {
        let thin = curve.thinned(MOST_POINTS);
        let points = thin.false_positive_rate.into_iter().zip(thin.true_positive_rate);
        Ranked::new(name, curve.area(), points)
    };
    let mut classes = Vec::new();
    for (class, name) in predictions.class_names.iter().enumerate() {
        classes.extend(predictions.roc_curve(class)?.map(|curve| series(name, &curve)));
    }
    let means = [
        predictions
            .macro_roc_curve()?
            .map(|curve| series("macro", &curve)),
        predictions
            .micro_roc_curve()?
            .map(|curve| series("micro", &curve)),
    ];
    let title = titled("ROC curves", classes.len());
    let axes = ["False positive rate", "True positive rate"];
    Ok(chart(
        &title,
        axes,
        extremes(classes).chain(means.into_iter().flatten()),
    ))
}

/// Precision against recall of each class against the rest, and of all pairs of a photo and a class (micro); average
/// precisions stand in the legend. Of more than seven classes the best three and the worst three are shown, and the title
/// says so.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
pub fn precision_recall_chart(predictions: &Predictions) -> Result<Svg, Error> {
    let series = |name: &str, curve: &marque_metrics::PrecisionRecallCurve| {
        let thin = curve.thinned(MOST_POINTS);
        Ranked::new(
            name,
            curve.average_precision(),
            thin.recall.into_iter().zip(thin.precision),
        )
    };
    let mut classes = Vec::new();
    for (class, name) in predictions.class_names.iter().enumerate() {
        let curve = predictions.precision_recall_curve(class)?;
        classes.extend(curve.map(|curve| series(name, &curve)));
    }
    let micro = predictions.micro_precision_recall_curve()?;
    let micro = micro.map(|curve| series("micro", &curve));
    let title = titled("Precision and recall", classes.len());
    let axes = ["Recall", "Precision"];
    Ok(chart(&title, axes, extremes(classes).chain(micro)))
}

/// A curve, its area, and its name with the area.
struct Ranked {
    area: f64,
    series: Series,
}

impl Ranked {
    fn new(name: &str, area: f64, points: impl Iterator<Item = (f64, f64)>) -> Self {
        let series = Series::new(format!("{name}  {area:.3}"), points);
        Self { area, series }
    }
}

/// All of a few curves; of many the best and the worst, the best first.
fn extremes(mut curves: Vec<Ranked>) -> impl Iterator<Item = Ranked> {
    if curves.len() > MOST_CLASSES {
        curves.sort_by(|a, b| b.area.total_cmp(&a.area));
        curves.drain(EXTREMES..curves.len() - EXTREMES);
    }
    curves.into_iter()
}

/// A title that says what is left out.
fn titled(name: &str, curves: usize) -> String {
    match curves > MOST_CLASSES {
        true => format!("{name}: the best {EXTREMES} and the worst {EXTREMES} of {curves} classes"),
        false => name.to_owned(),
    }
}

fn chart(title: &str, [x, y]: [&str; 2], curves: impl Iterator<Item = Ranked>) -> Svg {
    let chart = LineChart {
        title: title.to_owned(),
        x: AxisOptions::linear(x),
        y: AxisOptions::linear(y),
        series: curves.map(|curve| curve.series).collect(),
    };
    chart.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_curves_the_best_and_the_worst_are_shown() {
        let curves = (0..20).map(|index| Ranked::new("", f64::from((index * 7) % 20), std::iter::empty()));
        let areas: Vec<f64> = extremes(curves.collect()).map(|curve| curve.area).collect();
        assert_eq!(areas, [19.0, 18.0, 17.0, 2.0, 1.0, 0.0]);
        let few = (0..7).map(|index| Ranked::new("", f64::from(index), std::iter::empty()));
        let areas: Vec<f64> = extremes(few.collect()).map(|curve| curve.area).collect();
        assert_eq!(areas, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "in class order");
        assert_eq!(titled("ROC", 8), "ROC: the best 3 and the worst 3 of 8 classes");
        assert_eq!(titled("ROC", 7), "ROC");
    }
}
