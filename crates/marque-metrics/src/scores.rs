//! What follows from the counts alone: precision, recall, F1, their averages, and three summaries.

use serde::{Deserialize, Serialize};

use crate::confusion::ConfusionMatrix;

/// Precision, recall and F1 of one class, each from 0 to 1, and 0 where the denominator is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of the samples that were given this class, the fraction that belongs to it: tp / (tp + fp).
    pub precision: f64,
    /// Of the samples that belong to this class, the fraction that was given it: tp / (tp + fn).
    pub recall: f64,
    /// The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn).
    pub f1: f64,
    /// The number of samples that belong to this class.
    pub support: u64,
}

/// Precision, recall and F1 averaged over the classes, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// The average of the classes' precisions.
    pub precision: f64,
    /// The average of the classes' recalls.
    pub recall: f64,
    /// The average of the classes' F1 (not the F1 of the averages).
    pub f1: f64,
}

impl Averages {
    /// The plain mean over the classes; classes without a sample count as much as all others.
    pub(crate) fn macro_average(scores: &[ClassScores]) -> Self {
        Self::of(scores, |_| 1.0)
    }

    /// The mean over the classes, each weighted by its support.
    pub(crate) fn weighted_average(scores: &[ClassScores]) -> Self {
        Self::of(scores, |class| class.support as f64)
    }

    fn of(scores: &[ClassScores], weight: impl Fn(&ClassScores) -> f64) -> Self {
        let total: f64 = scores.iter().map(&weight).sum();
        let mean = |score: fn(&ClassScores) -> f64| {
            let weighted: Vec<f64> = scores.iter().map(|class| score(class) * weight(class)).collect();
            sum_in_numpy_order(&weighted) / total
        };
        Self {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
        }
    }
}

/// The sum in the order in which NumPy adds: eight partial sums in blocks of at most 128.
///
/// A mean that lies exactly between two printed numbers is rounded by its last bit, so the text report has
/// scikit-learn's digits only if the sum has the same last bit.
pub(crate) fn sum_in_numpy_order(values: &[f64]) -> f64 {
    if values.len() > 128 {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return sum_in_numpy_order(left) + sum_in_numpy_order(right);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let start = match eights.split_first() {
        None => 0.0,
        Some((first, others)) => {
            let mut partial = *first;
            for eight in others {
                for (sum, value) in partial.iter_mut().zip(eight) {
                    *sum += value;
                }
            }
            let [a, b, c, d, e, f, g, h] = partial;
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        }
    };
    rest.iter().fold(start, |sum, value| sum + value)
}

/// What follows from the counts.
impl ConfusionMatrix {
    /// The fraction of samples whose predicted class is the true one, or `None` without any sample.
    pub fn accuracy(&self) -> Option<f64> {
        (self.samples() > 0).then(|| self.correct() as f64 / self.samples() as f64)
    }

    /// Precision, recall, F1 and support of each class, in class order.
    pub fn class_scores(&self) -> Vec<ClassScores> {
        let ratio = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        let (true_counts, predicted_counts) = (self.true_counts(), self.predicted_counts());
        self.counts()
            .diag()
            .iter()
            .zip(true_counts.iter().zip(&predicted_counts))
            .map(|(&correct, (&support, &predicted))| ClassScores {
                precision: ratio(correct, predicted),
                recall: ratio(correct, support),
                f1: ratio(2 * correct, support + predicted),
                support,
            })
            .collect()
    }

    /// The plain mean of the classes' scores (`average="macro"`), or `None` without any sample.
    pub fn macro_average(&self) -> Option<Averages> {
        (self.samples() > 0).then(|| Averages::macro_average(&self.class_scores()))
    }

    /// The mean of the classes' scores weighted by support (`average="weighted"`), or `None` without any sample.
    pub fn weighted_average(&self) -> Option<Averages> {
        (self.samples() > 0).then(|| Averages::weighted_average(&self.class_scores()))
    }

    /// The mean recall of the classes that have samples, or `None` if none has.
    ///
    /// Equals scikit-learn's `balanced_accuracy_score`.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls: Vec<f64> = self
            .class_scores()
            .iter()
            .filter(|class| class.support > 0)
            .map(|class| class.recall)
            .collect();
        (!recalls.is_empty()).then(|| sum_in_numpy_order(&recalls) / recalls.len() as f64)
    }

    /// Matthews' correlation coefficient for any number of classes, from −1 to 1.
    ///
    /// `(c s − Σ tₖ pₖ) / √((s² − Σ pₖ²) (s² − Σ tₖ²))` with `s` samples, `c` of them correct, `tₖ` samples of
    /// class k and `pₖ` samples given class k (Gorodkin 2004, "Comparing two K-category assignments by a
    /// K-category correlation coefficient"). 0 where that is 0 / 0 since all samples belong to one class or all were
    /// given one, as scikit-learn's `matthews_corrcoef`. `None` without any sample.
    pub fn matthews_correlation(&self) -> Option<f64> {
        let (true_counts, predicted_counts) = (self.true_counts(), self.predicted_counts());
        let square = u128::from(self.samples()) * u128::from(self.samples());
        let covariance = difference(
            u128::from(self.correct()) * u128::from(self.samples()),
            dot(&true_counts, &predicted_counts),
        );
        let predicted_variance = difference(square, dot(&predicted_counts, &predicted_counts));
        let true_variance = difference(square, dot(&true_counts, &true_counts));
        let product = predicted_variance * true_variance;
        let correlation = if product > 0.0 {
            covariance / product.sqrt()
        } else {
            0.0
        };
        (self.samples() > 0).then_some(correlation)
    }

    /// Cohen's kappa of truth and prediction, at most 1; 0 is what chance would give.
    ///
    /// `1 − (s² − c s) / (s² − Σ tₖ pₖ)` in the letters of
    /// [`matthews_correlation`](Self::matthews_correlation) (Cohen 1960, "A coefficient of agreement for nominal
    /// scales"), as scikit-learn's `cohen_kappa_score`. `None` where that is 0 / 0.
    pub fn cohen_kappa(&self) -> Option<f64> {
        let samples = u128::from(self.samples());
        let chance = dot(&self.true_counts(), &self.predicted_counts());
        let expected_errors = difference(samples * samples, chance);
        let errors = difference(samples * samples, samples * u128::from(self.correct()));
        (expected_errors > 0.0).then(|| 1.0 - errors / expected_errors)
    }

    /// Cohen's kappa for classes that are in an order, such as grades: mistakes count more the farther apart the classes
    /// are (Cohen 1968, "Weighted kappa"), as scikit-learn's `cohen_kappa_score(weights=…)`. `None` where it is 0 / 0.
    ///
    /// `1 − Σ wᵢⱼ nᵢⱼ / (Σ wᵢⱼ tᵢ pⱼ / s)`, with `nᵢⱼ` samples of class i given class j.
    pub fn weighted_kappa(&self, weights: KappaWeights) -> Option<f64> {
        let (true_counts, predicted_counts) = (self.true_counts(), self.predicted_counts());
        let samples = self.samples() as f64;
        let (mut found, mut expected) = (0.0, 0.0);
        for ((truth, predicted), &count) in self.counts().indexed_iter() {
            let distance = truth.abs_diff(predicted) as f64;
            let weight = match weights {
                KappaWeights::Linear => distance,
                KappaWeights::Quadratic => distance * distance,
            };
            found += weight * count as f64;
            expected += weight * (true_counts[truth] as f64 * predicted_counts[predicted] as f64 / samples);
        }
        (expected > 0.0).then(|| 1.0 - found / expected)
    }
}

/// How much a mistake counts in a [weighted kappa](ConfusionMatrix::weighted_kappa).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KappaWeights {
    /// As the distance of the classes' indices.
    Linear,
    /// As the square of the distance.
    Quadratic,
}

/// Σ aₖ bₖ, exact: both sum to at most 2⁵³.
fn dot(left: &[u64], right: &[u64]) -> u128 {
    left.iter()
        .zip(right)
        .map(|(&a, &b)| u128::from(a) * u128::from(b))
        .sum()
}

/// a − b, rounded once: in `f64` the difference of two large products would lose its leading digits.
fn difference(a: u128, b: u128) -> f64 {
    if a >= b { (a - b) as f64 } else { -((b - a) as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_matrix_has_no_scores() {
        let empty = ConfusionMatrix::new(2).unwrap();
        assert_eq!(empty.accuracy(), None);
        assert_eq!(empty.macro_average(), None);
        assert_eq!(empty.weighted_average(), None);
        assert_eq!(empty.balanced_accuracy(), None);
        assert_eq!(empty.matthews_correlation(), None);
        assert_eq!(empty.cohen_kappa(), None);
        assert_eq!(empty.weighted_kappa(KappaWeights::Linear), None);
    }

    #[test]
    fn large_counts_keep_their_digits() {
        // Truth and prediction agree but for two samples of 2⁵²: in f64 the products of counts differ by nothing.
        let matrix = ConfusionMatrix::from_rows(&[vec![1 << 52, 1], vec![1, 1]]).unwrap();
        // 1 − s (s − c) / (s² − Σ t p) = 1 − 2 s / (4 s − 8) with s = 2⁵² + 3: a half to 16 digits.
        assert!((matrix.cohen_kappa().unwrap() - 0.5).abs() < 1e-15);
        assert!((matrix.matthews_correlation().unwrap() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn sums_of_every_length_are_right() {
        for length in [0, 1, 7, 8, 9, 127, 128, 129, 200, 1000] {
            let values: Vec<f64> = (0..length).map(f64::from).collect();
            let exact = f64::from(length * (length - 1) / 2);
            assert_eq!(sum_in_numpy_order(&values), exact, "length {length}");
        }
    }
}
