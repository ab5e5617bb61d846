//! Receiver operating characteristics and precision-recall curves, point by point.

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, check_length};
use crate::probability::private::Scalar;
use crate::ranking;
use crate::rows::ROW_SUM_TOLERANCE;
use crate::thin::most_important;

/// The receiver operating characteristic: how many of the positives are found at the price of how many false alarms.
///
/// The points are those of scikit-learn's `roc_curve(drop_intermediate=True)`: from (0, 0) to (1, 1), by falling
/// threshold, without points that lie between their neighbours on a straight line of equal steps.
///
/// # Example
/// ```
/// use marque_metrics::RocCurve;
/// use ndarray::array;
///
/// let scores = array![0.1, 0.4, 0.35, 0.8];
/// let curve = RocCurve::of(&[false, false, true, true], scores.view())?.unwrap();
/// assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
/// assert_eq!(curve.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.thresholds, [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
/// assert_eq!(curve.area(), 0.75);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocCurve {
    /// Of the negatives, the fraction whose score is at least the threshold; from 0 to 1, never falling.
    pub false_positive_rate: Vec<f64>,
    /// Of the positives, the fraction whose score is at least the threshold; from 0 to 1, never falling.
    pub true_positive_rate: Vec<f64>,
    /// The threshold of each point, falling from infinity (in JSON `null`). Empty for a mean of several curves, whose
    /// points belong to no threshold.
    #[serde(with = "infinity_as_null")]
    pub thresholds: Vec<f64>,
}

/// Precision against recall.
///
/// The points are those of scikit-learn's `precision_recall_curve`: one per distinct score, by rising threshold, and
/// then precision 1 at recall 0, which no threshold belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallCurve {
    /// Of the samples whose score is at least the threshold, the fraction that is positive; from 0 to 1, the last 1.
    pub precision: Vec<f64>,
    /// Of the positives, the fraction whose score is at least the threshold; from 1 to 0, never rising.
    pub recall: Vec<f64>,
    /// The threshold of each point but the last, rising.
    pub thresholds: Vec<f64>,
}

impl RocCurve {
    /// The curve of samples of which `positive[i]` says whether they are positive; the higher the score, the surer.
    ///
    /// `None` if no sample or every sample is positive.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless there are as many scores, and [`Error::InvalidScore`] for infinite ones and
    /// those that are not a number.
    pub fn of(positive: &[bool], scores: ArrayView1<'_, f64>) -> Result<Option<Self>, Error> {
        Ok(Self::from_steps(&Steps::of(positive, scores)?))
    }

    pub(crate) fn from_steps(steps: &Steps) -> Option<Self> {
        let last = steps.0.last()?;
        let (positives, negatives) = (last.true_positives, last.false_positives);
        if positives == 0 || negatives == 0 {
            return None;
        }
        let mut curve = Self {
            false_positive_rate: vec![0.0],
            true_positive_rate: vec![0.0],
            thresholds: vec![f64::INFINITY],
        };
        let steps = &steps.0;
        for (index, step) in steps.iter().enumerate() {
            let is_between = index > 0
                && steps
                    .get(index + 1)
                    .is_some_and(|next| step.is_halfway(&steps[index - 1], next));
            if !is_between {
                curve
                    .false_positive_rate
                    .push(step.false_positives as f64 / negatives as f64);
                curve
                    .true_positive_rate
                    .push(step.true_positives as f64 / positives as f64);
                curve.thresholds.push(step.threshold);
            }
        }
        Some(curve)
    }

    /// The mean of the true positive rates of several curves at each false positive rate ("vertical averaging",
    /// Fawcett 2006, "An introduction to ROC analysis"), linear between points; `None` without any curve.
    ///
    /// Where curves rise vertically the mean does too, so that its area is the mean of their areas.
    pub(crate) fn mean(curves: &[Self]) -> Option<Self> {
        let mut rates: Vec<f64> = curves
            .iter()
            .flat_map(|curve| curve.false_positive_rate.iter().copied())
            .collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates.dedup();
        if rates.is_empty() {
            return None;
        }
        let mut mean = Self {
            false_positive_rate: Vec::with_capacity(rates.len()),
            true_positive_rate: Vec::with_capacity(rates.len()),
            thresholds: Vec::new(),
        };
        let mut places = vec![0; curves.len()];
        for rate in rates {
            let (mut low, mut high) = (0.0, 0.0);
            for (curve, place) in curves.iter().zip(&mut places) {
                let (from, to) = curve.rise_at(rate, place);
                low += from;
                high += to;
            }
            let ends = [low, high].map(|sum| sum / curves.len() as f64);
            for &end in &ends[usize::from(low == high)..] {
                mean.false_positive_rate.push(rate);
                mean.true_positive_rate.push(end);
            }
        }
        Some(mean)
    }

    /// The lowest and the highest true positive rate at a false positive rate. `place` is the first point that may
    /// lie there; it moves on, so that rates must be asked for in rising order.
    fn rise_at(&self, rate: f64, place: &mut usize) -> (f64, f64) {
        let (x, y) = (&self.false_positive_rate, &self.true_positive_rate);
        while x.get(*place).is_some_and(|&other| other < rate) {
            *place += 1;
        }
        let first = *place;
        while x.get(*place).is_some_and(|&other| other == rate) {
            *place += 1;
        }
        if first < *place {
            return (y[first], y[*place - 1]);
        }
        match (first.checked_sub(1), x.get(first)) {
            (Some(before), Some(&next)) => {
                let share = (rate - x[before]) / (next - x[before]);
                let between = y[before] + share * (y[first] - y[before]);
                (between, between)
            }
            // Every curve reaches from 0 to 1; a curve that someone else made ends where it ends.
            (Some(before), None) => (y[before], y[before]),
            (None, _) => (0.0, 0.0),
        }
    }

    /// The area under the curve by the trapezoidal rule, from 0 to 1: scikit-learn's `auc`.
    pub fn area(&self) -> f64 {
        let (x, y) = (&self.false_positive_rate, &self.true_positive_rate);
        x.windows(2)
            .zip(y.windows(2))
            .map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0)
            .sum()
    }

    /// The curve with at most so many of its points (never less than its two ends), for drawing: those that shape it
    /// least are left out (Visvalingam and Whyatt 1993, "Line generalisation by repeated elimination of points").
    pub fn thinned(&self, max_points: usize) -> Self {
        let kept = most_important(&self.false_positive_rate, &self.true_positive_rate, max_points);
        Self {
            false_positive_rate: select(&self.false_positive_rate, &kept),
            true_positive_rate: select(&self.true_positive_rate, &kept),
            thresholds: select(&self.thresholds, &kept),
        }
    }
}

impl PrecisionRecallCurve {
    /// The curve of samples of which `positive[i]` says whether they are positive; the higher the score, the surer.
    ///
    /// `None` if no sample is positive.
    ///
    /// # Errors
    /// Those of [`RocCurve::of`].
    pub fn of(positive: &[bool], scores: ArrayView1<'_, f64>) -> Result<Option<Self>, Error> {
        Ok(Self::from_steps(&Steps::of(positive, scores)?))
    }

    pub(crate) fn from_steps(steps: &Steps) -> Option<Self> {
        let positives = steps.0.last()?.true_positives;
        if positives == 0 {
            return None;
        }
        let rising = || steps.0.iter().rev();
        let precision = rising()
            .map(|step| step.true_positives as f64 / (step.true_positives + step.false_positives) as f64);
        let recall = rising().map(|step| step.true_positives as f64 / positives as f64);
        Some(Self {
            precision: precision.chain([1.0]).collect(),
            recall: recall.chain([0.0]).collect(),
            thresholds: rising().map(|step| step.threshold).collect(),
        })
    }

    /// Σ (recallₙ − recallₙ₊₁) precisionₙ, from 0 to 1: scikit-learn's `average_precision_score`.
    pub fn average_precision(&self) -> f64 {
        self.recall
            .windows(2)
            .zip(&self.precision)
            .map(|(recall, precision)| (recall[0] - recall[1]) * precision)
            .sum()
    }

    /// The curve with at most so many of its points, as [`RocCurve::thinned`].
    pub fn thinned(&self, max_points: usize) -> Self {
        let kept = most_important(&self.recall, &self.precision, max_points);
        Self {
            precision: select(&self.precision, &kept),
            recall: select(&self.recall, &kept),
            thresholds: select(&self.thresholds, &kept),
        }
    }
}

/// The values at these places, as far as there are any.
fn select(values: &[f64], places: &[usize]) -> Vec<f64> {
    places
        .iter()
        .filter_map(|&place| values.get(place).copied())
        .collect()
}

/// How many positives and negatives have at least a score, for each distinct score, falling.
pub(crate) struct Steps(Vec<Step>);

#[derive(Clone, Copy)]
struct Step {
    threshold: f64,
    true_positives: u64,
    false_positives: u64,
}

impl Step {
    fn is_halfway(&self, before: &Self, after: &Self) -> bool {
        self.true_positives - before.true_positives == after.true_positives - self.true_positives
            && self.false_positives - before.false_positives == after.false_positives - self.false_positives
    }
}

impl Steps {
    fn of(positive: &[bool], scores: ArrayView1<'_, f64>) -> Result<Self, Error> {
        check_length("scores", positive.len(), scores.len())?;
        if let Some((sample, &value)) = scores.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::InvalidScore { sample, value });
        }
        let mut samples: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
        samples.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps = Self(Vec::new());
        // Compared as numbers, so that −0 ties with 0.
        for ties in samples.chunk_by(|a, b| a.0 == b.0) {
            let positives = ties.iter().filter(|sample| sample.1).count();
            steps.push(ties[0].0, positives as u64, (ties.len() - positives) as u64);
        }
        Ok(steps)
    }

    /// The steps of columns of probabilities; every pair of a sample and a column counts as one sample, positive if
    /// the column, counted from `first_class`, is the sample's label.
    pub(crate) fn of_probabilities(
        labels: &[usize],
        probabilities: ArrayView2<'_, f32>,
        first_class: usize,
    ) -> Result<Self, Error> {
        let mut keys = Vec::with_capacity(probabilities.len());
        for (sample, (row, &label)) in probabilities.rows().into_iter().zip(labels).enumerate() {
            for (class, &value) in (first_class..).zip(row) {
                let value = f64::from(value);
                if !(0.0..=1.0 + ROW_SUM_TOLERANCE).contains(&value) {
                    return Err(Error::InvalidProbability { sample, class, value });
                }
            }
            let row = (first_class..).zip(row);
            keys.extend(row.map(|(class, value)| value.binary(class == label)));
        }
        let mut scratch = vec![0; keys.len()];
        let mut steps = Self(Vec::new());
        for ties in ranking::ties::<f32>(&mut keys, &mut scratch) {
            steps.push(ties.score, ties.positives, ties.negatives);
        }
        Ok(steps)
    }

    fn push(&mut self, threshold: f64, positives: u64, negatives: u64) {
        let (true_positives, false_positives) = self
            .0
            .last()
            .map_or((0, 0), |last| (last.true_positives, last.false_positives));
        self.0.push(Step {
            threshold,
            true_positives: true_positives + positives,
            false_positives: false_positives + negatives,
        });
    }
}

/// JSON has no infinity.
mod infinity_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        let finite: Vec<Option<f64>> = values
            .iter()
            .map(|&value| value.is_finite().then_some(value))
            .collect();
        finite.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let finite = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(finite
            .into_iter()
            .map(|value| value.unwrap_or(f64::INFINITY))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_curves_of_scikit_learns_manual() {
        let scores = array![0.1, 0.4, 0.35, 0.8];
        let curve = PrecisionRecallCurve::of(&[false, false, true, true], scores.view())
            .unwrap()
            .unwrap();
        assert_eq!(curve.precision, [0.5, 2.0 / 3.0, 0.5, 1.0, 1.0]);
        assert_eq!(curve.recall, [1.0, 1.0, 0.5, 0.5, 0.0]);
        assert_eq!(curve.thresholds, [0.1, 0.35, 0.4, 0.8]);
    }

    #[test]
    fn what_has_no_curve_is_none_and_what_is_no_score_is_refused() {
        let scores = array![0.1, 0.4];
        assert_eq!(RocCurve::of(&[true, true], scores.view()).unwrap(), None);
        assert_eq!(RocCurve::of(&[false, false], scores.view()).unwrap(), None);
        assert_eq!(
            PrecisionRecallCurve::of(&[false, false], scores.view()).unwrap(),
            None
        );
        assert_eq!(RocCurve::of(&[], array![].view()).unwrap(), None);
        let error = RocCurve::of(&[true, false], array![0.0, f64::NAN].view()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the score of sample 1 is NaN: expected a finite number"
        );
        assert!(matches!(
            RocCurve::of(&[true], scores.view()),
            Err(Error::LengthMismatch { .. })
        ));
    }

    #[test]
    fn a_curve_survives_json() {
        let curve = RocCurve::of(&[false, true], array![0.25, 0.75].view())
            .unwrap()
            .unwrap();
        let text = serde_json::to_string(&curve).unwrap();
        assert!(text.contains("[null,0.75,0.25]"), "{text}");
        assert_eq!(serde_json::from_str::<RocCurve>(&text).unwrap(), curve);
    }

    #[test]
    fn the_mean_of_a_perfect_and_a_worthless_curve() {
        let perfect = RocCurve::of(&[false, true], array![0.0, 1.0].view())
            .unwrap()
            .unwrap();
        let worthless = RocCurve::of(&[false, true], array![0.5, 0.5].view())
            .unwrap()
            .unwrap();
        let mean = RocCurve::mean(&[perfect, worthless]).unwrap();
        assert_eq!(mean.false_positive_rate, [0.0, 0.0, 1.0]);
        assert_eq!(mean.true_positive_rate, [0.0, 0.5, 1.0]);
        assert_eq!(mean.area(), 0.75);
        assert_eq!(RocCurve::mean(&[]), None);
    }
}
