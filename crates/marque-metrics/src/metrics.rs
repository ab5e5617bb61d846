use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::classification_report::ClassificationReport;
use crate::confusion::ConfusionMatrix;
use crate::error::{Error, LabelRole, check_length};
use crate::names::check_class_names;
use crate::probability::Probability;
use crate::ranking::{OneVersusOne, Ranking, rank_class};
use crate::rows;
use crate::running::RunningMetrics;
use crate::scores::{Averages, ClassScores};

/// All metrics of a classifier on one data set; serialised, it is the `metrics.json` of a run.
///
/// Definitions are scikit-learn's; see each field. `None` (`null`) means that the data do not define the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The fraction of samples whose predicted class is the true one, from 0 to 1.
    pub accuracy: f64,
    /// The mean recall of the classes that have samples, from 0 to 1.
    pub balanced_accuracy: f64,
    /// The mean of −ln p(true class), in nats. Probabilities are kept 2⁻²³ away from 0 and 1 if they are `f32`, 2⁻⁵² if
    /// they are `f64`, as scikit-learn does; they are summed in `f64`.
    pub log_loss: f64,
    /// The fraction of samples whose true class is among the five most probable; 1 with five classes or less. Of
    /// classes with the same probability the last one counts as the more probable, as in
    /// `top_k_accuracy_score(k=5)`.
    pub top5_accuracy: f64,
    /// Precision, recall and F1, as the plain mean over all classes.
    #[serde(rename = "macro")]
    pub macro_average: Averages,
    /// Precision, recall and F1, as the mean over all classes weighted by support.
    pub weighted: Averages,
    /// The metrics of each class, in class order.
    pub per_class: Vec<ClassMetrics>,
    /// Areas under the receiver operating characteristic.
    pub auc: AreaUnderCurve,
    /// The average precisions of the classes, averaged; all `None` if read from a file without it.
    #[serde(default)]
    pub average_precision: AveragePrecision,
    /// Matthews' correlation coefficient, from −1 to 1 and 0 where one side is constant; see
    /// [`ConfusionMatrix::matthews_correlation`].
    pub mcc: Option<f64>,
    /// Cohen's kappa, at most 1; see [`ConfusionMatrix::cohen_kappa`].
    pub cohen_kappa: Option<f64>,
    /// The expected calibration error over 15 bins of equal width of the highest probability, from 0 to 1
    /// (Guo et al. 2017, arXiv:1706.04599).
    pub ece: f64,
    /// The maximum calibration error over the same bins, from 0 to 1: the largest difference of accuracy and mean
    /// confidence. `None` if read from a file without it.
    pub mce: Option<f64>,
    /// The mean over the samples of Σ (pₖ − yₖ)² over the classes, with y 1 for the true class and 0 for all others,
    /// from 0 to 2; with less than three classes half of that, as scikit-learn's `brier_score_loss` (Brier 1950,
    /// "Verification of forecasts expressed in terms of probability"). `None` if read from a file without it.
    pub brier_score: Option<f64>,
    /// The counts of the confusion matrix: `confusion[true class][predicted class]`.
    pub confusion: Vec<Vec<u64>>,
}

/// The metrics of one class against all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The name of the class.
    pub name: String,
    /// Of the samples that were given this class, the fraction that belongs to it; 0 if there are none.
    pub precision: f64,
    /// Of the samples that belong to this class, the fraction that was given it; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 if both are.
    pub f1: f64,
    /// The number of samples that belong to this class.
    pub support: u64,
    /// The area under the receiver operating characteristic of this class's probability, from 0 to 1; `None` if
    /// no sample or every sample belongs to this class.
    pub auc: Option<f64>,
    /// Σ (recallₙ − recallₙ₋₁) precisionₙ over the distinct probabilities from the highest, from 0 to 1; `None` if
    /// no sample belongs to this class.
    pub average_precision: Option<f64>,
}

/// Areas under the receiver operating characteristic over all classes, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaUnderCurve {
    /// The plain mean of the classes' one-versus-rest areas; `None` if one of them is.
    pub macro_ovr: Option<f64>,
    /// The mean of the classes' one-versus-rest areas weighted by support; `None` if that of a class with samples
    /// is.
    pub weighted_ovr: Option<f64>,
    /// The area when each pair of a sample and a class counts as one sample; `None` with a single class.
    pub micro: Option<f64>,
    /// The plain mean of the one-versus-one areas of all pairs of classes that have samples (Hand and Till 2001); `None`
    /// with less than two of them.
    pub macro_ovo: Option<f64>,
    /// The mean of the same areas, each weighted by the number of samples of its two classes.
    pub weighted_ovo: Option<f64>,
}

/// Average precisions over all classes, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AveragePrecision {
    /// The plain mean over all classes; those without a sample count as 0, as in scikit-learn.
    #[serde(rename = "macro")]
    pub macro_average: Option<f64>,
    /// The mean over the classes weighted by support.
    pub weighted: Option<f64>,
    /// The average precision when each pair of a sample and a class counts as one sample.
    pub micro: Option<f64>,
}

impl Metrics {
    /// All metrics of the probabilities `[N, K]` of N samples and K classes, whose rows sum to 1.
    ///
    /// `labels[i]` is the class of sample `i`, an index into `class_names`. Takes time proportional to N · K, and
    /// twice as much memory as the probabilities do.
    ///
    /// # Errors
    /// Those of [`check_class_names`](crate::check_class_names); [`Error::NoSamples`]; [`Error::LengthMismatch`] unless there are
    /// N labels and K names; [`Error::LabelOutOfRange`], [`Error::InvalidProbability`] (negative,
    /// infinite, not a number) and [`Error::RowSum`] name the sample.
    pub fn from_probabilities<P: Probability>(
        class_names: &[String],
        labels: &[usize],
        probabilities: ArrayView2<'_, P>,
    ) -> Result<Self, Error> {
        check_class_names(class_names)?;
        check_length(
            "columns of probabilities, one for each class",
            class_names.len(),
            probabilities.ncols(),
        )?;
        check_length(
            "rows of probabilities, one for each label",
            labels.len(),
            probabilities.nrows(),
        )?;
        let sums = RunningMetrics::new(class_names.len())?;
        if labels.is_empty() {
            return Err(Error::NoSamples);
        }
        let sums = scan(sums, labels, probabilities)?;
        let rankings = Rankings::of(labels, probabilities, &sums.confusion().true_counts());
        Self::assemble(class_names, &sums, &rankings).ok_or(Error::NoSamples)
    }

    /// `None` only if `sums` are those of no sample.
    fn assemble(class_names: &[String], sums: &RunningMetrics, rankings: &Rankings) -> Option<Self> {
        let confusion = sums.confusion();
        let scores = confusion.class_scores();
        let per_class: Vec<ClassMetrics> = class_names
            .iter()
            .zip(scores.iter().zip(&rankings.classes))
            .map(|(name, (scores, ranking))| ClassMetrics::new(name, *scores, ranking))
            .collect();
        Some(Self {
            accuracy: confusion.accuracy()?,
            balanced_accuracy: confusion.balanced_accuracy()?,
            log_loss: sums.log_loss()?,
            top5_accuracy: sums.top5_accuracy()?,
            macro_average: Averages::macro_average(&scores),
            weighted: Averages::weighted_average(&scores),
            auc: AreaUnderCurve::new(&per_class, rankings),
            average_precision: AveragePrecision::new(&per_class, rankings),
            per_class,
            mcc: confusion.matthews_correlation(),
            cohen_kappa: confusion.cohen_kappa(),
            ece: sums.expected_calibration_error()?,
            mce: sums.maximum_calibration_error(),
            brier_score: sums.brier_score(),
            confusion: confusion.to_rows(),
        })
    }

    /// The confusion matrix, for what its methods offer.
    ///
    /// # Errors
    /// Those of [`ConfusionMatrix::from_rows`]: not for metrics that were computed, but for those that were read
    /// from a file of unknown origin.
    pub fn confusion_matrix(&self) -> Result<ConfusionMatrix, Error> {
        ConfusionMatrix::from_rows(&self.confusion)
    }

    /// The text that scikit-learn's `classification_report` prints.
    pub fn classification_report(&self) -> ClassificationReport {
        let scores = self
            .per_class
            .iter()
            .map(|class| (class.name.clone(), class.scores()))
            .collect();
        ClassificationReport::from_scores(scores, self.accuracy, self.macro_average, self.weighted)
    }
}

impl ClassMetrics {
    fn new(name: &str, scores: ClassScores, ranking: &Ranking) -> Self {
        let ClassScores {
            precision,
            recall,
            f1,
            support,
        } = scores;
        Self {
            name: name.to_owned(),
            precision,
            recall,
            f1,
            support,
            auc: ranking.roc_auc,
            average_precision: ranking.average_precision,
        }
    }

    fn scores(&self) -> ClassScores {
        let &Self {
            precision,
            recall,
            f1,
            support,
            ..
        } = self;
        ClassScores {
            precision,
            recall,
            f1,
            support,
        }
    }
}

impl AreaUnderCurve {
    fn new(per_class: &[ClassMetrics], rankings: &Rankings) -> Self {
        let areas: Option<Vec<f64>> = per_class.iter().map(|class| class.auc).collect();
        let macro_ovr = areas.map(|areas| areas.iter().sum::<f64>() / areas.len() as f64);
        let present = || per_class.iter().filter(|class| class.support > 0);
        let support: u64 = present().map(|class| class.support).sum();
        let weighted: Option<f64> = present()
            .map(|class| Some(class.auc? * class.support as f64))
            .sum();
        Self {
            macro_ovr,
            weighted_ovr: weighted.map(|sum| sum / support as f64),
            micro: rankings.micro.roc_auc,
            macro_ovo: rankings.pairs.macro_average(),
            weighted_ovo: rankings.pairs.weighted_average(),
        }
    }
}

impl AveragePrecision {
    fn new(per_class: &[ClassMetrics], rankings: &Rankings) -> Self {
        let sum = |weight: fn(&ClassMetrics) -> f64| -> f64 {
            let classes = per_class.iter();
            classes
                .map(|class| weight(class) * class.average_precision.unwrap_or(0.0))
                .sum()
        };
        let support: u64 = per_class.iter().map(|class| class.support).sum();
        Self {
            macro_average: Some(sum(|_| 1.0) / per_class.len() as f64),
            weighted: Some(sum(|class| class.support as f64) / support as f64),
            micro: rankings.micro.average_precision,
        }
    }
}

/// Passes once over the rows: the checks, and the sums that need no order.
fn scan<P: Probability>(
    mut sums: RunningMetrics,
    labels: &[usize],
    probabilities: ArrayView2<'_, P>,
) -> Result<RunningMetrics, Error> {
    let num_classes = probabilities.ncols();
    rows::try_for_each(probabilities, |sample, row| {
        let label = labels[sample];
        if label >= num_classes {
            let sample = Some(sample);
            return Err(Error::LabelOutOfRange {
                role: LabelRole::True,
                label,
                num_classes,
                sample,
            });
        }
        sums.add(label, row, rows::predict(sample, row)?)
    })?;
    Ok(sums)
}

/// What needs the samples in the order of their scores.
struct Rankings {
    classes: Vec<Ranking>,
    micro: Ranking,
    pairs: OneVersusOne,
}

impl Rankings {
    /// The rankings of probabilities that have been checked; `supports` are the numbers of samples of the classes.
    fn of<P: Probability>(labels: &[usize], probabilities: ArrayView2<'_, P>, supports: &[u64]) -> Self {
        let mut pairs = OneVersusOne::default();
        let mut keys = Vec::with_capacity(labels.len());
        let mut scratch = vec![P::Labelled::default(); labels.len()];
        let mut rank = |class: usize| {
            keys.clear();
            let scores = probabilities.column(class);
            keys.extend(
                scores
                    .iter()
                    .zip(labels)
                    .map(|(score, &label)| score.labelled(label)),
            );
            rank_class::<P>(&mut keys, &mut scratch, class, supports, &mut pairs)
        };
        let classes = (0..supports.len()).map(&mut rank).collect();
        drop((keys, scratch));
        let mut keys = Vec::with_capacity(probabilities.len());
        for (row, &label) in probabilities.rows().into_iter().zip(labels) {
            keys.extend(
                row.iter()
                    .enumerate()
                    .map(|(class, score)| score.binary(class == label)),
            );
        }
        let mut scratch = vec![P::Binary::default(); keys.len()];
        let micro = Ranking::of::<P>(&mut keys, &mut scratch);
        Self {
            classes,
            micro,
            pairs,
        }
    }
}
