//! Classification metrics that equal scikit-learn's.
//!
//! Plain numbers in, plain numbers out: this crate knows neither images nor networks and opens no files. True
//! labels are class indices, predictions are class indices or rows of probabilities `[N, K]` (N samples, K
//! classes) as [`ndarray`] views, and the results are structs that serialise with [`serde`].
//!
//! | from | to | type |
//! | --- | --- | --- |
//! | labels and predicted labels | counts, precision, recall, F1, averages | [`ConfusionMatrix`] |
//! | a confusion matrix and class names | the text that scikit-learn prints | [`ClassificationReport`] |
//! | labels and probabilities | everything, as one object | [`Metrics`] |
//! | the predictions of a whole data set | a table on disk and back | [`Predictions`] |
//! | the CSV files and arrays of other programs | probabilities, labels, names | [`ProbabilityTable`], [`read_labels`], [`read_class_names`] |
//! | positives and scores | curves to draw | [`RocCurve`], [`PrecisionRecallCurve`] |
//! | labels and probabilities, batch by batch | sums that can be merged | [`RunningMetrics`] |
//! | indices of samples and a statistic | a confidence interval | [`bootstrap`], [`Interval`] |
//! | two classifiers' right answers | whether one is better | [`McNemar`] |
//! | the epochs of a training run | a table on disk and back | [`History`] |
//!
//! # Conventions
//! Definitions are those of scikit-learn 1.9 where it has them. A confusion matrix has one **row per true class**
//! and one **column per predicted class**. Precision, recall and F1 are 0 where their denominator is 0
//! (`zero_division=0`); every other value that the data do not define is `None`, in JSON `null`, never a silent
//! number. Where two classes share the highest probability of a row, the first one is predicted.
//!
//! # Example
//! ```
//! use marque_metrics::Metrics;
//! use ndarray::array;
//!
//! let class_names = ["Sedan".to_owned(), "Pickup Truck".to_owned()];
//! let labels = [0, 0, 1, 1];
//! let probabilities = array![[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]];
//! let metrics = Metrics::from_probabilities(&class_names, &labels, probabilities.view())?;
//! assert_eq!(metrics.accuracy, 0.75);
//! assert_eq!(metrics.confusion, [[1, 1], [0, 2]]);
//! assert_eq!(metrics.per_class[1].recall, 1.0);
//! println!("{}", metrics.classification_report());
//! # Ok::<(), marque_metrics::Error>(())
//! ```

mod calibration;
mod classification_report;
mod confusion;
mod curves;
mod error;
mod fbeta;
mod history;
mod intervals;
mod keys;
mod labels;
mod mcnemar;
mod metrics;
mod names;
mod prediction_curves;
mod predictions;
mod probability;
mod probability_table;
mod ranking;
mod rows;
mod running;
mod scores;
mod table;
mod thin;

pub use calibration::{MAX_BINS, ReliabilityBin};
pub use classification_report::ClassificationReport;
pub use confusion::{ConfusionMatrix, MAX_CLASSES, MAX_SAMPLES, Normalize};
pub use curves::{PrecisionRecallCurve, RocCurve};
pub use error::{Error, LabelRole};
pub use fbeta::{Average, FBetaScores, ZeroDivision};
pub use history::{EpochRecord, History};
pub use intervals::{Interval, bootstrap};
pub use labels::{labels_from_array, read_labels};
pub use mcnemar::McNemar;
pub use metrics::{AreaUnderCurve, AveragePrecision, ClassMetrics, Metrics};
pub use names::{check_class_names, read_class_names, read_lines};
pub use predictions::Predictions;
pub use probability::Probability;
pub use probability_table::ProbabilityTable;
pub use rows::ROW_SUM_TOLERANCE;
pub use running::RunningMetrics;
pub use scores::{Averages, ClassScores, KappaWeights};
pub use table::MAX_RECORD_BYTES;
