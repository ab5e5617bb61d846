//! One pass over the rows of probabilities: checks, predicted classes, and sums that need no order.

use ndarray::ArrayView2;

use crate::calibration::Calibration;
use crate::confusion::ConfusionMatrix;
use crate::error::Error;

/// How far from 1 the probabilities of one sample may sum: 0.001, which half-precision softmax still meets.
pub const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// The k of top-k accuracy.
const TOP_K: usize = 5;

/// The class with the highest probability of one sample, the first of several.
#[derive(Clone, Copy)]
pub(crate) struct Prediction {
    pub(crate) class: usize,
    pub(crate) confidence: f32,
}

/// Checks the probabilities of one sample and finds the highest.
#[inline]
pub(crate) fn predict(sample: usize, row: &[f32]) -> Result<Prediction, Error> {
    let mut best = Prediction {
        class: 0,
        confidence: f32::NEG_INFINITY,
    };
    let mut sum = 0.0_f64;
    for (class, &value) in row.iter().enumerate() {
        if !(0.0..f32::INFINITY).contains(&value) {
            return Err(Error::InvalidProbability { sample, class, value });
        }
        sum += f64::from(value);
        if value > best.confidence {
            best = Prediction {
                class,
                confidence: value,
            };
        }
    }
    if (sum - 1.0).abs() > ROW_SUM_TOLERANCE {
        return Err(Error::RowSum {
            sample,
            sum,
            tolerance: ROW_SUM_TOLERANCE,
        });
    }
    Ok(best)
}

/// Calls `visit` with the index and the probabilities of each sample, whatever the layout in memory.
pub(crate) fn try_for_each(
    probabilities: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, &[f32]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut copy = Vec::new();
    for (sample, row) in probabilities.rows().into_iter().enumerate() {
        let row = match row.to_slice() {
            Some(slice) => slice,
            None => {
                copy.clear();
                copy.extend(row.iter().copied());
                &copy
            }
        };
        visit(sample, row)?;
    }
    Ok(())
}

/// What one pass over labels and probabilities yields.
pub(crate) struct RowSums {
    pub(crate) confusion: ConfusionMatrix,
    pub(crate) calibration: Calibration,
    log_loss: f64,
    top_k_hits: u64,
}

impl RowSums {
    pub(crate) fn new(num_classes: usize) -> Result<Self, Error> {
        Ok(Self {
            confusion: ConfusionMatrix::new(num_classes)?,
            calibration: Calibration::default(),
            log_loss: 0.0,
            top_k_hits: 0,
        })
    }

    /// Adds one sample, whose label must be less than the length of its row.
    #[inline]
    pub(crate) fn record(&mut self, label: usize, row: &[f32], prediction: Prediction) -> Result<(), Error> {
        self.confusion.record(label, prediction.class)?;
        self.calibration
            .record(prediction.confidence, prediction.class == label);
        self.log_loss -= clipped(row[label]).ln();
        self.top_k_hits += u64::from(is_in_top_k(row, label));
        Ok(())
    }

    /// The mean of −ln p(true class), or `None` without any sample.
    pub(crate) fn log_loss(&self) -> Option<f64> {
        self.mean(self.log_loss)
    }

    /// The fraction of samples whose class is among the [`TOP_K`] most probable, or `None` without any sample.
    pub(crate) fn top_k_accuracy(&self) -> Option<f64> {
        self.mean(self.top_k_hits as f64)
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        let samples = self.confusion.samples();
        (samples > 0).then(|| sum / samples as f64)
    }
}

/// scikit-learn keeps probabilities of type `f32` this far from 0 and 1; the logarithm is then taken in `f64`.
fn clipped(probability: f32) -> f64 {
    f64::from(probability.clamp(f32::EPSILON, 1.0 - f32::EPSILON))
}

/// Whether at most four classes come before this one. Of classes with the same probability the last one comes
/// first, as scikit-learn sorts them.
#[inline]
fn is_in_top_k(row: &[f32], label: usize) -> bool {
    if row.len() <= TOP_K {
        return true;
    }
    let own = row[label];
    let (before, after) = row.split_at(label);
    let ahead = before.iter().filter(|&&other| other > own).count()
        + after[1..].iter().filter(|&&other| other >= own).count();
    ahead < TOP_K
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_probability_is_refused() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.1] {
            let error = predict(3, &[0.5, value, 0.5]).err().unwrap();
            assert!(
                matches!(
                    error,
                    Error::InvalidProbability {
                        sample: 3,
                        class: 1,
                        ..
                    }
                ),
                "{error}"
            );
        }
        for row in [[0.5, 0.501_1], [3.0, 0.0], [0.0, 0.0]] {
            let error = predict(3, &row).err().unwrap();
            assert!(matches!(error, Error::RowSum { sample: 3, .. }), "{error}");
        }
        assert!(predict(0, &[-0.0, 1.000_9]).is_ok());
    }

    #[test]
    fn the_first_of_equals_is_predicted() {
        assert_eq!(predict(0, &[0.2, 0.4, 0.4]).unwrap().class, 1);
    }

    #[test]
    fn the_last_of_equals_is_ranked_first() {
        let row = [0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.2];
        let hits: Vec<bool> = (0..7).map(|label| is_in_top_k(&row, label)).collect();
        assert_eq!(hits, [false, true, false, true, true, true, true]);
    }
}
