//! What can be drawn of predictions: curves and reliability diagrams.

use ndarray::s;

use crate::calibration::{Calibration, ReliabilityBin};
use crate::curves::{PrecisionRecallCurve, RocCurve, Steps};
use crate::error::Error;
use crate::predictions::Predictions;
use crate::rows;

/// Curves and diagrams.
///
/// The curves of one class look at the probabilities of that class alone: those of the others may be anything.
impl Predictions {
    /// The receiver operating characteristic of one class (an index) against all others; `None` if no sample or every
    /// sample belongs to it.
    ///
    /// # Errors
    /// [`Error::NoSuchClass`], and those of [`validate`](Self::validate) but [`Error::RowSum`].
    pub fn roc_curve(&self, class: usize) -> Result<Option<RocCurve>, Error> {
        Ok(RocCurve::from_steps(&self.steps_of_class(class)?))
    }

    /// The receiver operating characteristic when each pair of a sample and a class counts as one sample; `None`
    /// without any sample and with a single class.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate) but [`Error::RowSum`].
    pub fn micro_roc_curve(&self) -> Result<Option<RocCurve>, Error> {
        Ok(RocCurve::from_steps(&self.steps_of_all()?))
    }

    /// The mean of the classes' true positive rates at each false positive rate, whose area is the mean of the
    /// classes' areas; it has no thresholds. `None` if one of the classes has no curve.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate) but [`Error::RowSum`].
    pub fn macro_roc_curve(&self) -> Result<Option<RocCurve>, Error> {
        let classes = 0..self.class_names.len();
        let curves = classes
            .map(|class| self.roc_curve(class))
            .collect::<Result<Option<Vec<_>>, _>>()?;
        Ok(curves.and_then(|curves| RocCurve::mean(&curves)))
    }

    /// The precision-recall curve of one class (an index) against all others; `None` if no sample belongs to it.
    ///
    /// # Errors
    /// Those of [`roc_curve`](Self::roc_curve).
    pub fn precision_recall_curve(&self, class: usize) -> Result<Option<PrecisionRecallCurve>, Error> {
        Ok(PrecisionRecallCurve::from_steps(&self.steps_of_class(class)?))
    }

    /// The precision-recall curve when each pair of a sample and a class counts as one sample; `None` without any
    /// sample.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate) but [`Error::RowSum`].
    pub fn micro_precision_recall_curve(&self) -> Result<Option<PrecisionRecallCurve>, Error> {
        Ok(PrecisionRecallCurve::from_steps(&self.steps_of_all()?))
    }

    /// Accuracy against confidence (the highest probability) in bins of equal width from 0 to 1, for a reliability
    /// diagram (Guo et al. 2017, arXiv:1706.04599). Bins without any sample are left out.
    ///
    /// # Errors
    /// [`Error::BinCount`], and those of [`validate`](Self::validate).
    pub fn reliability(&self, bins: usize) -> Result<Vec<ReliabilityBin>, Error> {
        let mut calibration = Calibration::new(bins)?;
        self.validate_labels()?;
        rows::try_for_each(self.probabilities.view(), |sample, row| {
            let prediction = rows::predict(sample, row)?;
            calibration.record(prediction.confidence, prediction.class == self.labels[sample]);
            Ok(())
        })?;
        Ok(calibration.reliability())
    }

    fn steps_of_class(&self, class: usize) -> Result<Steps, Error> {
        self.validate_labels()?;
        let num_classes = self.class_names.len();
        if class >= num_classes {
            return Err(Error::NoSuchClass { class, num_classes });
        }
        Steps::of_probabilities(
            &self.labels,
            self.probabilities.slice(s![.., class..=class]),
            class,
        )
    }

    fn steps_of_all(&self) -> Result<Steps, Error> {
        self.validate_labels()?;
        Steps::of_probabilities(&self.labels, self.probabilities.view(), 0)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn predictions() -> Predictions {
        Predictions {
            class_names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            paths: ["1", "2", "3", "4"].map(str::to_owned).to_vec(),
            labels: vec![0, 1, 2, 1],
            probabilities: array![
                [0.5, 0.25, 0.25],
                [0.25, 0.5, 0.25],
                [0.25, 0.75, 0.0],
                [0.0, 1.0, 0.0]
            ],
        }
    }

    /// The same numbers come from whole counts in the one case and from sums of fractions in the other.
    fn assert_close(found: Option<f64>, expected: Option<f64>) {
        assert_eq!(found.is_some(), expected.is_some());
        let difference = found
            .zip(expected)
            .map_or(0.0, |(found, expected)| found - expected);
        assert!(difference.abs() < 1e-15, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn areas_are_those_of_the_metrics() {
        let predictions = predictions();
        let metrics = predictions.metrics().unwrap();
        for (class, expected) in metrics.per_class.iter().enumerate() {
            let roc = predictions.roc_curve(class).unwrap();
            let precision_recall = predictions.precision_recall_curve(class).unwrap();
            assert_close(roc.map(|curve| curve.area()), expected.auc);
            assert_close(
                precision_recall.map(|curve| curve.average_precision()),
                expected.average_precision,
            );
        }
        let micro = predictions.micro_roc_curve().unwrap();
        assert_close(micro.map(|curve| curve.area()), metrics.auc.micro);
        let mean = predictions.macro_roc_curve().unwrap().unwrap();
        assert!(mean.thresholds.is_empty());
        assert_close(Some(mean.area()), metrics.auc.macro_ovr);
        assert!(predictions.micro_precision_recall_curve().unwrap().is_some());
    }

    #[test]
    fn what_is_no_class_and_no_probability_is_refused() {
        let mut predictions = predictions();
        let error = predictions.roc_curve(3).unwrap_err();
        assert_eq!(error.to_string(), "class 3 is out of range: expected less than 3");
        predictions.probabilities[(2, 1)] = 1.5;
        assert!(matches!(
            predictions.precision_recall_curve(1),
            Err(Error::InvalidProbability {
                sample: 2,
                class: 1,
                ..
            })
        ));
        assert!(matches!(
            predictions.micro_roc_curve(),
            Err(Error::InvalidProbability { .. })
        ));
        assert!(matches!(
            predictions.reliability(15),
            Err(Error::RowSum { sample: 2, .. })
        ));
    }

    #[test]
    fn a_reliability_diagram_holds_every_sample() {
        let bins = predictions().reliability(4).unwrap();
        let counts: Vec<(f64, u64, f64)> = bins
            .iter()
            .map(|bin| (bin.upper, bin.count, bin.accuracy))
            .collect();
        assert_eq!(counts, [(0.5, 2, 1.0), (0.75, 1, 0.0), (1.0, 1, 1.0)]);
    }
}
