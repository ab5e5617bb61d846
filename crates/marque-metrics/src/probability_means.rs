//! Means of several answers for the same samples.

use std::collections::BTreeMap;

use ndarray::Array2;

/// The mean of several answers for each sample: those of several looks at it, or of several models.
///
/// ```
/// use marque_metrics::ProbabilityMeans;
///
/// let mut means = ProbabilityMeans::new(2);
/// means.add(7, [0.9, 0.1]);
/// means.add(7, [0.5, 0.5]);
/// means.add(3, [0.2, 0.8]);
/// // Of sample 3 there is one answer only.
/// let (samples, probabilities) = means.of_all(2);
/// assert_eq!(samples, [7]);
/// assert_eq!(probabilities, ndarray::array![[0.7, 0.3]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityMeans {
    classes: usize,
    /// By sample: how many answers there are, and their sums.
    sums: BTreeMap<usize, (usize, Vec<f32>)>,
}

impl ProbabilityMeans {
    /// No answer yet, for this number of classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            sums: BTreeMap::new(),
        }
    }

    /// Adds an answer for a sample: one probability for each class. What there is beyond that is not looked at, what is missing is 0.
    pub fn add(&mut self, sample: usize, probabilities: impl IntoIterator<Item = f32>) {
        let fresh = || (0, vec![0.0; self.classes]);
        let (count, sums) = self.sums.entry(sample).or_insert_with(fresh);
        *count += 1;
        for (sum, probability) in sums.iter_mut().zip(probabilities) {
            *sum += probability;
        }
    }

    /// The samples of which there are this many answers, ascending, and the means of their probabilities, N×K.
    pub fn of_all(&self, answers: usize) -> (Vec<usize>, Array2<f32>) {
        let complete = || self.sums.iter().filter(|(_, (count, _))| *count == answers);
        let samples: Vec<usize> = complete().map(|(&sample, _)| sample).collect();
        let mut means = Array2::zeros((samples.len(), self.classes));
        for (mut row, (_, (count, sums))) in means.rows_mut().into_iter().zip(complete()) {
            for (mean, sum) in row.iter_mut().zip(sums) {
                *mean = sum / *count as f32;
            }
        }
        (samples, means)
    }
}
