//! Precision, recall and F-beta with a choice of what 0 / 0 is, and of the average.

use serde::{Deserialize, Serialize};

use crate::confusion::ConfusionMatrix;
use crate::error::Error;
use crate::scores::sum_in_numpy_order;

/// What a score is whose denominator is 0, as scikit-learn's `zero_division`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ZeroDivision {
    /// 0.
    Zero,
    /// 1.
    One,
    /// Nothing (`None`), and averages leave it out: scikit-learn's `nan`.
    Undefined,
}

impl ZeroDivision {
    fn divide(self, part: f64, whole: f64) -> Option<f64> {
        match self {
            _ if whole > 0.0 => Some(part / whole),
            Self::Zero => Some(0.0),
            Self::One => Some(1.0),
            Self::Undefined => None,
        }
    }
}

/// How the scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Average {
    /// The plain mean.
    Macro,
    /// The scores of the sums of all classes' counts; with every class counted, all of them are the accuracy.
    Micro,
    /// The mean weighted by support.
    Weighted,
}

/// Precision, recall and F-beta, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FBetaScores {
    /// Of the samples that were given the class, the fraction that belongs to it: tp / (tp + fp).
    pub precision: Option<f64>,
    /// Of the samples that belong to the class, the fraction that was given it: tp / (tp + fn).
    pub recall: Option<f64>,
    /// (1 + β²) tp / ((1 + β²) tp + β² fn + fp): recall counts β times as much as precision (van Rijsbergen 1979,
    /// "Information retrieval", chapter 7).
    pub f_beta: Option<f64>,
    /// The number of samples that belong to the class.
    pub support: u64,
}

impl FBetaScores {
    fn of(correct: u64, support: u64, predicted: u64, beta: f64, zero_division: ZeroDivision) -> Self {
        let [correct, true_count, predicted] = [correct, support, predicted].map(|count| count as f64);
        let precision = zero_division.divide(correct, predicted);
        let recall = zero_division.divide(correct, true_count);
        let square = beta * beta;
        let f_beta = if beta == 0.0 {
            precision
        } else if square.is_infinite() {
            recall
        } else {
            zero_division.divide((1.0 + square) * correct, square * true_count + predicted)
        };
        Self {
            precision,
            recall,
            f_beta,
            support,
        }
    }
}

/// Scores as scikit-learn's `precision_recall_fscore_support` gives them.
impl ConfusionMatrix {
    /// Precision, recall, F-beta and support of each class, in class order. β is 0 or more; infinity is fine.
    ///
    /// # Errors
    /// [`Error::Beta`].
    pub fn f_beta_scores(&self, beta: f64, zero_division: ZeroDivision) -> Result<Vec<FBetaScores>, Error> {
        check_beta(beta)?;
        let (true_counts, predicted_counts) = (self.true_counts(), self.predicted_counts());
        let counts = self.counts();
        let correct = counts.diag();
        Ok(correct
            .iter()
            .zip(true_counts.iter().zip(&predicted_counts))
            .map(|(&correct, (&support, &predicted))| {
                FBetaScores::of(correct, support, predicted, beta, zero_division)
            })
            .collect())
    }

    /// The average of [`f_beta_scores`](Self::f_beta_scores); the support is the number of all samples. `None` stands
    /// for a score that no class has.
    ///
    /// # Errors
    /// [`Error::Beta`].
    pub fn f_beta_average(
        &self,
        average: Average,
        beta: f64,
        zero_division: ZeroDivision,
    ) -> Result<FBetaScores, Error> {
        let classes = self.f_beta_scores(beta, zero_division)?;
        let samples = self.samples();
        if average == Average::Micro {
            return Ok(FBetaScores::of(
                self.correct(),
                samples,
                samples,
                beta,
                zero_division,
            ));
        }
        let mean = |score: fn(&FBetaScores) -> Option<f64>| {
            let defined = || {
                let classes = classes.iter();
                classes.filter_map(move |class| Some((score(class)?, class.support as f64)))
            };
            let weights: f64 = defined().map(|(_, weight)| weight).sum();
            // Like scikit-learn, which takes the plain mean where all weights are 0.
            let is_weighted = average == Average::Weighted && weights > 0.0;
            let values: Vec<f64> = defined()
                .map(|(value, weight)| if is_weighted { value * weight } else { value })
                .collect();
            let total = if is_weighted { weights } else { values.len() as f64 };
            (total > 0.0).then(|| sum_in_numpy_order(&values) / total)
        };
        Ok(FBetaScores {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f_beta: mean(|class| class.f_beta),
            support: samples,
        })
    }
}

fn check_beta(beta: f64) -> Result<(), Error> {
    if beta >= 0.0 {
        Ok(())
    } else {
        Err(Error::Beta { found: beta })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_what_was_chosen() {
        let matrix = ConfusionMatrix::from_labels(3, &[0, 0, 1], &[0, 0, 0]).unwrap();
        let absent = |zero_division| matrix.f_beta_scores(1.0, zero_division).unwrap()[2];
        let all = |value| (value, value, value);
        for (zero_division, value) in [
            (ZeroDivision::Zero, Some(0.0)),
            (ZeroDivision::One, Some(1.0)),
            (ZeroDivision::Undefined, None),
        ] {
            let scores = absent(zero_division);
            assert_eq!((scores.precision, scores.recall, scores.f_beta), all(value));
        }
        let average = matrix
            .f_beta_average(Average::Macro, 1.0, ZeroDivision::Undefined)
            .unwrap();
        // The third class counts for nothing, the precision of the second neither.
        assert_eq!((average.precision, average.recall), (Some(2.0 / 3.0), Some(0.5)));
        let empty = ConfusionMatrix::new(2).unwrap();
        for average in [Average::Macro, Average::Micro, Average::Weighted] {
            let scores = empty
                .f_beta_average(average, 1.0, ZeroDivision::Undefined)
                .unwrap();
            assert_eq!((scores.precision, scores.recall, scores.f_beta), all(None));
        }
    }

    #[test]
    fn beta_leans_to_precision_or_recall() {
        let matrix = ConfusionMatrix::from_rows(&[vec![3, 1], vec![2, 4]]).unwrap();
        let scores = |beta| matrix.f_beta_scores(beta, ZeroDivision::Zero).unwrap()[0];
        assert_eq!(scores(0.0).f_beta, scores(1.0).precision);
        assert_eq!(scores(f64::INFINITY).f_beta, scores(1.0).recall);
        assert_eq!(scores(1e200).f_beta, scores(1.0).recall);
        assert_eq!(scores(1.0).f_beta, Some(6.0 / 9.0));
        for beta in [-1.0, f64::NAN] {
            let error = matrix.f_beta_scores(beta, ZeroDivision::Zero).unwrap_err();
            assert!(matches!(error, Error::Beta { .. }));
        }
    }
}
