//! Temperature scaling (Guo et al. 2017, arXiv:1706.04599).

use crate::{Error, Predictions};

/// Temperatures lie between this and its inverse. A model that needs another knows nothing, or makes no mistake.
const LOWEST: f64 = 0.01;

/// Probabilities that have become 0 are taken for the smallest that there are.
fn logarithm(probability: f32) -> f64 {
    f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// Turns the probabilities of one sample into those at a temperature: each to the power of 1/T, over the sum of all. Above 1 they
/// become less sure, below 1 surer, and their order stays.
///
/// Of the softmax of logits they become the softmax of logits/T.
///
/// ```
/// let mut probabilities = [0.9, 0.1];
/// marque_metrics::temper(&mut probabilities, 2.0);
/// // 3 to 1, the roots of 9 to 1.
/// assert!((probabilities[0] - 0.75_f32).abs() < 1e-6);
/// ```
pub fn temper(probabilities: &mut [f32], temperature: f64) {
    if temperature == 1.0 {
        return;
    }
    let scaled: Vec<f64> = probabilities
        .iter()
        .map(|&probability| logarithm(probability) / temperature)
        .collect();
    let shares = softmax(&scaled);
    for (probability, share) in probabilities.iter_mut().zip(shares) {
        *probability = share as f32;
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    for share in &mut shares {
        *share /= sum;
    }
    shares
}

impl Predictions {
    /// The temperature at which these probabilities have the smallest mean cross-entropy, from 0.01 to 100: above 1 for a model that
    /// is surer than it is right. To be measured on photos that were not trained on, and used for others.
    ///
    /// ```
    /// use marque_metrics::Predictions;
    /// use ndarray::array;
    ///
    /// let predictions = Predictions {
    ///     class_names: vec!["Sedan".to_owned(), "SUV".to_owned()],
    ///     paths: vec![String::new(); 4],
    ///     labels: vec![0, 0, 0, 1],
    ///     probabilities: array![[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]],
    /// };
    /// // Three of four are right: 0.75, as at a temperature of 2.
    /// assert!((predictions.temperature()? - 2.0).abs() < 1e-6);
    /// # Ok::<(), marque_metrics::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), and [`Error::NoSamples`].
    pub fn temperature(&self) -> Result<f64, Error> {
        self.validate()?;
        if self.labels.is_empty() {
            return Err(Error::NoSamples);
        }
        let logarithms = self.probabilities.mapv(logarithm);
        // The cross-entropy is convex in 1/T; its slope is the mean of what is expected of the logarithms less what is true of them.
        let slope = |inverse: f64| {
            let rows = logarithms.rows().into_iter().zip(&self.labels);
            let slopes = rows.map(|(row, &label)| {
                let scaled: Vec<f64> = row.iter().map(|value| value * inverse).collect();
                let expected: f64 = softmax(&scaled)
                    .iter()
                    .zip(row)
                    .map(|(share, value)| share * value)
                    .sum();
                expected - row[label]
            });
            slopes.sum::<f64>()
        };
        let (mut low, mut high) = (LOWEST.ln(), (1.0 / LOWEST).ln());
        // Each halves the interval, of which nothing is left to halve in the end.
        for _ in 0..64 {
            let middle = 0.5 * (low + high);
            if slope(middle.exp()) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok((-0.5 * (low + high)).exp())
    }

    /// The same at a temperature: see [`temper`].
    #[must_use]
    pub fn tempered(mut self, temperature: f64) -> Self {
        for mut row in self.probabilities.rows_mut() {
            let mut probabilities = row.to_vec();
            temper(&mut probabilities, temperature);
            for (place, probability) in row.iter_mut().zip(probabilities) {
                *place = probability;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn predictions(probabilities: Array2<f32>, labels: Vec<usize>) -> Predictions {
        Predictions {
            class_names: (0..probabilities.ncols())
                .map(|class| format!("class {class}"))
                .collect(),
            paths: vec![String::new(); labels.len()],
            labels,
            probabilities,
        }
    }

    #[test]
    fn what_makes_no_mistake_gets_surer_and_what_makes_only_mistakes_as_doubtful_as_can_be() {
        let sure = ndarray::array![[0.9_f32, 0.1], [0.2, 0.8]];
        let right = predictions(sure.clone(), vec![0, 1]).temperature().unwrap();
        // So low that the cross-entropy is 0 in double precision.
        assert!((LOWEST..0.1).contains(&right), "{right}");
        let wrong = predictions(sure, vec![1, 0]).temperature().unwrap();
        assert!((wrong * LOWEST - 1.0).abs() < 1e-9, "{wrong}");
    }

    #[test]
    fn nothing_that_is_tempered_is_no_probability() {
        let hard = ndarray::array![[1.0_f32, 0.0, 0.0], [0.0, 0.5, 0.5]];
        for temperature in [0.01, 0.5, 1.0, 3.0, 100.0] {
            let tempered = predictions(hard.clone(), vec![0, 1]).tempered(temperature);
            tempered.validate().unwrap();
            assert!(tempered.probabilities[[0, 0]] >= tempered.probabilities[[0, 1]]);
        }
        let kept = predictions(hard.clone(), vec![0, 1]).tempered(1.0);
        assert_eq!(kept.probabilities, hard);
    }

    #[test]
    fn no_sample_has_no_temperature() {
        let none = predictions(Array2::zeros((0, 2)), Vec::new());
        assert!(matches!(none.temperature(), Err(Error::NoSamples)));
    }
}
