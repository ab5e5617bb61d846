//! Means of several answers for the same samples.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::Predictions;

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
/// let names = ["Sedan", "SUV"].map(str::to_owned);
/// let predictions = means.predictions(2, &names, |sample| (format!("{sample}.jpg"), 0));
/// assert_eq!(predictions.paths, ["7.jpg"]);
/// assert_eq!(predictions.probabilities, ndarray::array![[0.7, 0.3]]);
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

    /// The means of the samples of which there are this many answers, ascending; `of` gives a sample's path and true class.
    pub fn predictions(
        &self,
        answers: usize,
        class_names: &[String],
        of: impl Fn(usize) -> (String, usize),
    ) -> Predictions {
        let complete = || self.sums.iter().filter(|(_, (count, _))| *count == answers);
        let (paths, labels): (Vec<String>, Vec<usize>) = complete().map(|(&sample, _)| of(sample)).unzip();
        let mut probabilities = Array2::zeros((labels.len(), self.classes));
        for (mut row, (_, (count, sums))) in probabilities.rows_mut().into_iter().zip(complete()) {
            for (mean, sum) in row.iter_mut().zip(sums) {
                *mean = sum / *count as f32;
            }
        }
        Predictions {
            class_names: class_names.to_vec(),
            paths,
            labels,
            probabilities,
        }
    }
}
