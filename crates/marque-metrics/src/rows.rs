//! Rows of probabilities: checks, predicted classes, the most probable classes.

use ndarray::ArrayView2;

use crate::error::Error;
use crate::probability::Probability;

/// How far from 1 the probabilities of one sample may sum: 0.001, which half-precision softmax still meets.
pub const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// The class with the highest probability of one sample, the first of several.
#[derive(Clone, Copy)]
pub(crate) struct Prediction<P> {
    pub(crate) class: usize,
    pub(crate) confidence: P,
}

/// Checks the probabilities of one sample and finds the highest.
#[inline]
pub(crate) fn predict<P: Probability>(sample: usize, row: &[P]) -> Result<Prediction<P>, Error> {
    let Some(&first) = row.first() else {
        return Err(Error::NoClasses);
    };
    let mut best = Prediction {
        class: 0,
        confidence: first,
    };
    let mut sum = 0.0_f64;
    for (class, &probability) in row.iter().enumerate() {
        let value = probability.into();
        if !(0.0..f64::INFINITY).contains(&value) {
            return Err(Error::InvalidProbability { sample, class, value });
        }
        sum += value;
        if probability > best.confidence {
            best = Prediction {
                class,
                confidence: probability,
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
pub(crate) fn try_for_each<P: Probability>(
    probabilities: ArrayView2<'_, P>,
    mut visit: impl FnMut(usize, &[P]) -> Result<(), Error>,
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

/// The fraction of samples whose true class is among the `k` most probable, or `None` without any sample.
pub(crate) fn top_k_accuracy(
    labels: &[usize],
    probabilities: ArrayView2<'_, f32>,
    k: usize,
) -> Result<Option<f64>, Error> {
    let mut hits = 0_u64;
    try_for_each(probabilities, |sample, row| {
        predict(sample, row)?;
        hits += u64::from(is_in_top_k(row, labels[sample], k));
        Ok(())
    })?;
    Ok((!labels.is_empty()).then(|| hits as f64 / labels.len() as f64))
}

/// Whether less than `k` classes come before this one. Of classes with the same probability the last one comes first,
/// as scikit-learn sorts them.
#[inline]
pub(crate) fn is_in_top_k<P: Probability>(row: &[P], label: usize, k: usize) -> bool {
    if row.len() <= k {
        return true;
    }
    let own = row[label];
    let (before, after) = row.split_at(label);
    let ahead = before.iter().filter(|&&other| other > own).count()
        + after[1..].iter().filter(|&&other| other >= own).count();
    ahead < k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_probability_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
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
        let hits: Vec<bool> = (0..7).map(|label| is_in_top_k(&row, label, 5)).collect();
        assert_eq!(hits, [false, true, false, true, true, true, true]);
    }
}
