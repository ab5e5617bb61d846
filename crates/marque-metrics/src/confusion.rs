use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, LabelRole, check_length};

/// The most classes that a [`ConfusionMatrix`] holds: 32,768, enough for all of ImageNet-21k.
///
/// The matrix is dense, so that its memory grows with the square of the number of classes.
pub const MAX_CLASSES: usize = 1 << 15;

/// The most samples that a [`ConfusionMatrix`] counts: 2⁵³, up to which every count is exact in `f64`.
pub const MAX_SAMPLES: u64 = 1 << 53;

/// How often each class was taken for each other one.
///
/// Row = true class, column = predicted class, as in scikit-learn's `confusion_matrix(labels=range(K))`.
/// Precision, recall and all that follows from the counts is in the second half of this page.
///
/// # Example
/// ```
/// use marque_metrics::ConfusionMatrix;
/// use ndarray::array;
///
/// let matrix = ConfusionMatrix::from_labels(3, &[0, 0, 1, 2], &[0, 1, 1, 0])?;
/// assert_eq!(matrix.counts(), array![[1, 1, 0], [0, 1, 0], [1, 0, 0]]);
/// assert_eq!(matrix.accuracy(), Some(0.5));
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    counts: Array2<u64>,
    samples: u64,
}

/// What the counts are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalize {
    /// The samples of the true class: each row sums to 1, the diagonal holds the recalls.
    TrueClass,
    /// The samples given the predicted class: each column sums to 1, the diagonal holds the precisions.
    PredictedClass,
    /// All samples: the whole matrix sums to 1.
    All,
}

impl ConfusionMatrix {
    /// An empty matrix.
    ///
    /// # Errors
    /// [`Error::NoClasses`] and [`Error::TooManyClasses`].
    pub fn new(num_classes: usize) -> Result<Self, Error> {
        match num_classes {
            0 => Err(Error::NoClasses),
            1..=MAX_CLASSES => Ok(Self {
                counts: Array2::zeros((num_classes, num_classes)),
                samples: 0,
            }),
            found => Err(Error::TooManyClasses {
                found,
                limit: MAX_CLASSES,
            }),
        }
    }

    /// The matrix of lists of labels: `truth[i]` is the class of sample `i`, `predicted[i]` the class given to it.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`Error::LengthMismatch`] if the lists differ in length, and
    /// [`Error::LabelOutOfRange`] with the first sample that has a label which is no class.
    pub fn from_labels(num_classes: usize, truth: &[usize], predicted: &[usize]) -> Result<Self, Error> {
        check_length("predicted labels", truth.len(), predicted.len())?;
        let mut matrix = Self::new(num_classes)?;
        for (sample, (&truth, &predicted)) in truth.iter().zip(predicted).enumerate() {
            matrix.count(truth, predicted, Some(sample))?;
        }
        Ok(matrix)
    }

    /// The matrix with these rows of counts, as [`Metrics::confusion`](crate::Metrics::confusion) holds them.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`Error::LengthMismatch`] unless every row has one count per class, and
    /// [`Error::TooManySamples`].
    pub fn from_rows(rows: &[Vec<u64>]) -> Result<Self, Error> {
        let mut matrix = Self::new(rows.len())?;
        for (target, row) in matrix.counts.rows_mut().into_iter().zip(rows) {
            check_length("counts in a row of the confusion matrix", rows.len(), row.len())?;
            for (count, &given) in target.into_iter().zip(row) {
                *count = given;
                matrix.samples = add_samples(matrix.samples, given)?;
            }
        }
        Ok(matrix)
    }

    /// Counts one sample.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`] and [`Error::TooManySamples`]; the matrix is then as it was.
    pub fn record(&mut self, truth: usize, predicted: usize) -> Result<(), Error> {
        self.count(truth, predicted, None)
    }

    #[inline]
    fn count(&mut self, truth: usize, predicted: usize, sample: Option<usize>) -> Result<(), Error> {
        let Some(count) = self.counts.get_mut((truth, predicted)) else {
            return Err(self.out_of_range(truth, predicted, sample));
        };
        self.samples = add_samples(self.samples, 1)?;
        *count += 1;
        Ok(())
    }

    #[cold]
    fn out_of_range(&self, truth: usize, predicted: usize, sample: Option<usize>) -> Error {
        let num_classes = self.num_classes();
        let (role, label) = if truth < num_classes {
            (LabelRole::Predicted, predicted)
        } else {
            (LabelRole::True, truth)
        };
        Error::LabelOutOfRange {
            role,
            label,
            num_classes,
            sample,
        }
    }

    /// Adds the counts of another matrix, such as that of another part of the data.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if it has another number of classes, and [`Error::TooManySamples`]; the matrix is
    /// then as it was.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        check_length("classes", self.num_classes(), other.num_classes())?;
        self.samples = add_samples(self.samples, other.samples)?;
        self.counts += &other.counts;
        Ok(())
    }

    /// The number of classes, K.
    pub fn num_classes(&self) -> usize {
        self.counts.nrows()
    }

    /// The number of samples counted so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The counts, `[K, K]`: row = true class, column = predicted class.
    pub fn counts(&self) -> ArrayView2<'_, u64> {
        self.counts.view()
    }

    /// The counts as one list per true class.
    pub fn to_rows(&self) -> Vec<Vec<u64>> {
        self.counts.rows().into_iter().map(|row| row.to_vec()).collect()
    }

    /// The number of samples that belong to each class (the row sums, scikit-learn's "support").
    pub fn true_counts(&self) -> Vec<u64> {
        self.counts.sum_axis(Axis(1)).to_vec()
    }

    /// The number of samples that were given each class (the column sums).
    pub fn predicted_counts(&self) -> Vec<u64> {
        self.counts.sum_axis(Axis(0)).to_vec()
    }

    /// The number of samples whose predicted class is their true one.
    pub fn correct(&self) -> u64 {
        self.counts.diag().sum()
    }

    /// The counts as fractions, `[K, K]`, each from 0 to 1.
    ///
    /// Rows, columns or matrices without any sample are all zeros, as in scikit-learn.
    pub fn normalized(&self, normalize: Normalize) -> Array2<f64> {
        let fraction = |count: u64, total: u64| {
            if total == 0 {
                0.0
            } else {
                count as f64 / total as f64
            }
        };
        let (true_counts, predicted_counts) = (self.true_counts(), self.predicted_counts());
        Array2::from_shape_fn(self.counts.dim(), |(truth, predicted)| {
            let total = match normalize {
                Normalize::TrueClass => true_counts[truth],
                Normalize::PredictedClass => predicted_counts[predicted],
                Normalize::All => self.samples,
            };
            fraction(self.counts[(truth, predicted)], total)
        })
    }
}

fn add_samples(samples: u64, more: u64) -> Result<u64, Error> {
    match samples.checked_add(more) {
        Some(sum) if sum <= MAX_SAMPLES => Ok(sum),
        _ => Err(Error::TooManySamples { limit: MAX_SAMPLES }),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn labels_that_are_no_class_are_named_with_their_sample() {
        let error = ConfusionMatrix::from_labels(2, &[0, 1, 1], &[0, 1, 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "predicted label 2 of sample 2 is out of range: expected less than 2"
        );
        let error = ConfusionMatrix::new(2).unwrap().record(7, 9).unwrap_err();
        assert_eq!(
            error.to_string(),
            "true label 7 is out of range: expected less than 2"
        );
    }

    #[test]
    fn a_refused_sample_leaves_the_matrix_as_it_was() {
        let mut matrix = ConfusionMatrix::from_labels(2, &[0, 1], &[0, 0]).unwrap();
        let before = matrix.clone();
        matrix.record(0, 2).unwrap_err();
        matrix.merge(&ConfusionMatrix::new(3).unwrap()).unwrap_err();
        assert_eq!(matrix, before);
    }

    #[test]
    fn no_count_overflows() {
        let full = ConfusionMatrix::from_rows(&[vec![MAX_SAMPLES]]).unwrap();
        assert!(matches!(
            full.clone().record(0, 0),
            Err(Error::TooManySamples { .. })
        ));
        assert!(matches!(
            full.clone().merge(&full),
            Err(Error::TooManySamples { .. })
        ));
        let rows = [vec![u64::MAX, 1], vec![0, 0]];
        assert!(matches!(
            ConfusionMatrix::from_rows(&rows),
            Err(Error::TooManySamples { .. })
        ));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(matches!(ConfusionMatrix::new(0), Err(Error::NoClasses)));
        assert!(matches!(
            ConfusionMatrix::new(usize::MAX),
            Err(Error::TooManyClasses { .. })
        ));
        assert!(matches!(
            ConfusionMatrix::from_labels(2, &[0], &[]),
            Err(Error::LengthMismatch { .. })
        ));
        let ragged = [vec![1, 2], vec![3]];
        assert!(matches!(
            ConfusionMatrix::from_rows(&ragged),
            Err(Error::LengthMismatch { .. })
        ));
    }

    #[test]
    fn rows_go_out_and_come_back() {
        let matrix = ConfusionMatrix::from_labels(2, &[0, 1, 1], &[1, 1, 0]).unwrap();
        assert_eq!(matrix.to_rows(), [[0, 1], [1, 1]]);
        assert_eq!(ConfusionMatrix::from_rows(&matrix.to_rows()).unwrap(), matrix);
    }

    #[test]
    fn fractions_of_rows_columns_and_all() {
        let matrix = ConfusionMatrix::from_rows(&[vec![1, 3, 0], vec![1, 0, 0], vec![0, 0, 0]]).unwrap();
        let by_row = array![[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
        let by_column = array![[0.5, 1.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]];
        let of_all = array![[0.2, 0.6, 0.0], [0.2, 0.0, 0.0], [0.0, 0.0, 0.0]];
        assert_eq!(matrix.normalized(Normalize::TrueClass), by_row);
        assert_eq!(matrix.normalized(Normalize::PredictedClass), by_column);
        assert_eq!(matrix.normalized(Normalize::All), of_all);
    }
}
