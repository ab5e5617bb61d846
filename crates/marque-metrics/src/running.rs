//! Metrics that need no order of the samples, batch by batch.

use crate::calibration::{Calibration, ReliabilityBin};
use crate::confusion::ConfusionMatrix;
use crate::error::{Error, LabelRole, check_length};
use crate::probability::Probability;
use crate::rows::{self, Prediction};

/// The k of the top-k accuracy that a run reports.
const TOP_K: usize = 5;

/// Counts and sums over samples as they come, for all metrics that need no order of the samples.
///
/// Those of parts of the data can be merged. Counts are then exact; the sums of logarithms, squares and confidences are
/// rounded in the order of the additions.
///
/// # Example
/// ```
/// use marque_metrics::RunningMetrics;
///
/// let mut running = RunningMetrics::new(2)?;
/// running.record(0, &[0.75_f32, 0.25])?;
/// let mut other = RunningMetrics::new(2)?;
/// other.record(1, &[0.5_f32, 0.5])?;
/// running.merge(&other)?;
/// assert_eq!(running.confusion().accuracy(), Some(0.5));
/// assert_eq!(running.brier_score(), Some((0.0625 + 0.25) / 2.0));
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone)]
pub struct RunningMetrics {
    confusion: ConfusionMatrix,
    calibration: Calibration,
    log_loss: f64,
    squares: f64,
    top_k_hits: u64,
}

impl RunningMetrics {
    /// No sample yet.
    ///
    /// # Errors
    /// Those of [`ConfusionMatrix::new`].
    pub fn new(num_classes: usize) -> Result<Self, Error> {
        Ok(Self {
            confusion: ConfusionMatrix::new(num_classes)?,
            calibration: Calibration::default(),
            log_loss: 0.0,
            squares: 0.0,
            top_k_hits: 0,
        })
    }

    /// Adds one sample: its class and the probabilities of the classes, which sum to 1.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless there is one probability per class; [`Error::LabelOutOfRange`],
    /// [`Error::InvalidProbability`], [`Error::RowSum`] and [`Error::TooManySamples`]. Nothing is then added.
    pub fn record<P: Probability>(&mut self, label: usize, row: &[P]) -> Result<(), Error> {
        let num_classes = self.confusion.num_classes();
        check_length("probabilities", num_classes, row.len())?;
        if label >= num_classes {
            return Err(Error::LabelOutOfRange {
                role: LabelRole::True,
                label,
                num_classes,
                sample: None,
            });
        }
        let sample = usize::try_from(self.confusion.samples()).unwrap_or(usize::MAX);
        let prediction = rows::predict(sample, row)?;
        self.add(label, row, prediction)
    }

    /// Adds one sample, whose label must be less than the length of its row.
    #[inline]
    pub(crate) fn add<P: Probability>(
        &mut self,
        label: usize,
        row: &[P],
        prediction: Prediction<P>,
    ) -> Result<(), Error> {
        self.confusion.record(label, prediction.class)?;
        self.calibration
            .record(prediction.confidence, prediction.class == label);
        self.log_loss += row[label].loss();
        let squares: f64 = row.iter().map(|&value| value.into() * value.into()).sum();
        let own = row[label].into();
        self.squares += squares - own * own + (1.0 - own) * (1.0 - own);
        self.top_k_hits += u64::from(rows::is_in_top_k(row, label, TOP_K));
        Ok(())
    }

    /// Adds the samples of another part of the data.
    ///
    /// # Errors
    /// Those of [`ConfusionMatrix::merge`]; nothing is then added.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.confusion.merge(&other.confusion)?;
        self.calibration.merge(&other.calibration)?;
        self.log_loss += other.log_loss;
        self.squares += other.squares;
        self.top_k_hits += other.top_k_hits;
        Ok(())
    }

    /// The confusion matrix, from which accuracy, precision, recall and the like follow.
    pub fn confusion(&self) -> &ConfusionMatrix {
        &self.confusion
    }

    /// The mean of −ln p(true class), in nats, or `None` without any sample; as
    /// [`Metrics::log_loss`](crate::Metrics::log_loss).
    pub fn log_loss(&self) -> Option<f64> {
        self.mean(self.log_loss)
    }

    /// The Brier score, or `None` without any sample; as [`Metrics::brier_score`](crate::Metrics::brier_score).
    pub fn brier_score(&self) -> Option<f64> {
        let scale = if self.confusion.num_classes() < 3 {
            0.5
        } else {
            1.0
        };
        self.mean(scale * self.squares)
    }

    /// The fraction of samples whose class is among the five most probable, or `None` without any sample.
    pub fn top5_accuracy(&self) -> Option<f64> {
        self.mean(self.top_k_hits as f64)
    }

    /// The expected calibration error over 15 bins, from 0 to 1, or `None` without any sample.
    pub fn expected_calibration_error(&self) -> Option<f64> {
        self.calibration.error()
    }

    /// The maximum calibration error over 15 bins, from 0 to 1, or `None` without any sample.
    pub fn maximum_calibration_error(&self) -> Option<f64> {
        self.calibration.maximum_error()
    }

    /// The bins of a reliability diagram with 15 bins that hold samples.
    pub fn reliability(&self) -> Vec<ReliabilityBin> {
        self.calibration.reliability()
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        let samples = self.confusion.samples();
        (samples > 0).then(|| sum / samples as f64)
    }
}
