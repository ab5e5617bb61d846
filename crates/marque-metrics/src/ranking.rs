//! Areas under curves, which need the samples in the order of their scores.

use ndarray::ArrayView1;

use crate::keys::{self, Key};
use crate::probability::{LABEL_BITS, Probability};

/// Samples with the same score.
pub(crate) struct Ties {
    /// Their score.
    pub(crate) score: f64,
    pub(crate) positives: u64,
    pub(crate) negatives: u64,
}

/// The samples of each score, from the highest score, of the keys of a score and whether the sample is positive; both
/// slices have the same length.
pub(crate) fn ties<'a, P: Probability>(
    keys: &'a mut [P::Binary],
    scratch: &'a mut [P::Binary],
) -> impl Iterator<Item = Ties> {
    let sorted = keys::sort(keys, scratch, 1, P::SCORE_BITS);
    sorted
        .chunk_by(|a, b| a.above(1) == b.above(1))
        .rev()
        .map(|keys| {
            let positives = keys.iter().map(|key| key.below(1) as u64).sum();
            Ties {
                score: P::of_binary(keys[0]),
                positives,
                negatives: keys.len() as u64 - positives,
            }
        })
}

/// What the order of scores says; `None` where it is not defined.
#[derive(Clone, Copy)]
pub(crate) struct Ranking {
    /// The area under the receiver operating characteristic: the fraction of pairs of a positive and a negative
    /// that are in order, ties counting half.
    pub(crate) roc_auc: Option<f64>,
    /// Σ (recallₙ − recallₙ₋₁) precisionₙ over the distinct scores from the highest.
    pub(crate) average_precision: Option<f64>,
}

/// The sums from which a [`Ranking`] follows.
#[derive(Default)]
struct Sums {
    positives: u64,
    negatives: u64,
    /// Pairs are counted twice, so that ties, which count half, stay whole numbers.
    ordered_pairs: u128,
    precisions: f64,
}

impl Sums {
    #[inline]
    fn add(&mut self, positives: u64, negatives: u64) {
        self.ordered_pairs += u128::from(negatives) * u128::from(2 * self.positives + positives);
        self.positives += positives;
        self.negatives += negatives;
        if positives > 0 {
            let precision = self.positives as f64 / (self.positives + self.negatives) as f64;
            self.precisions += positives as f64 * precision;
        }
    }

    fn ranking(&self) -> Ranking {
        let pairs = 2 * u128::from(self.positives) * u128::from(self.negatives);
        Ranking {
            roc_auc: (pairs > 0).then(|| self.ordered_pairs as f64 / pairs as f64),
            average_precision: (self.positives > 0).then(|| self.precisions / self.positives as f64),
        }
    }
}

impl Ranking {
    /// Ranks samples given as keys of a score and whether the sample is positive. `scratch` is as long; the contents
    /// of both are lost.
    pub(crate) fn of<P: Probability>(keys: &mut [P::Binary], scratch: &mut [P::Binary]) -> Self {
        let mut sums = Sums::default();
        for ties in ties::<P>(keys, scratch) {
            sums.add(ties.positives, ties.negatives);
        }
        sums.ranking()
    }
}

/// The one-versus-one areas of Hand and Till 2001, "A simple generalisation of the area under the ROC curve for
/// multiple class classification problems", as sums over pairs of classes that have samples.
#[derive(Default)]
pub(crate) struct OneVersusOne {
    areas: f64,
    weighted_areas: f64,
    pairs: u64,
    weights: f64,
}

impl OneVersusOne {
    /// The plain mean of the areas, as scikit-learn's `roc_auc_score(multi_class="ovo")`; `None` without any pair.
    pub(crate) fn macro_average(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.areas / self.pairs as f64)
    }

    /// The mean of the areas, each weighted by the number of samples of the two classes.
    pub(crate) fn weighted_average(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.weighted_areas / self.weights)
    }
}

/// Ranks samples by the score of one class, given as keys of the score and the sample's label. `scratch` is as long;
/// the contents of both are lost. `supports` are the numbers of samples of the classes.
pub(crate) fn rank_class<P: Probability>(
    keys: &mut [P::Labelled],
    scratch: &mut [P::Labelled],
    class: usize,
    supports: &[u64],
    pairs: &mut OneVersusOne,
) -> Ranking {
    let sorted = keys::sort(keys, scratch, LABEL_BITS, P::SCORE_BITS);
    let mut sums = Sums::default();
    // For each other class: twice the number of its samples' pairs with samples of this class that are in order.
    let mut ordered = vec![0_u128; supports.len()];
    for ties in sorted
        .chunk_by(|a, b| a.above(LABEL_BITS) == b.above(LABEL_BITS))
        .rev()
    {
        let label = |key: &P::Labelled| key.below(LABEL_BITS);
        let before = 2 * sums.positives;
        let positives = ties.iter().filter(|key| label(key) == class).count() as u64;
        for key in ties {
            ordered[label(key)] += u128::from(before + positives);
        }
        sums.add(positives, ties.len() as u64 - positives);
    }
    let own = supports[class];
    for (other, (&ordered, &support)) in ordered.iter().zip(supports).enumerate() {
        if other != class && own > 0 && support > 0 {
            let area = ordered as f64 / (2 * u128::from(own) * u128::from(support)) as f64;
            let weight = (own + support) as f64;
            pairs.areas += area;
            pairs.weighted_areas += weight * area;
            pairs.pairs += 1;
            pairs.weights += weight;
        }
    }
    sums.ranking()
}

/// Samples in the falling order of their scores, to be ranked many times with other numbers of copies of each.
pub(crate) struct Ranked {
    samples: Vec<usize>,
    /// Where the samples of each score end in `samples`.
    ends: Vec<usize>,
}

impl Ranked {
    /// The order of scores that are numbers.
    pub(crate) fn of(scores: ArrayView1<'_, f32>) -> Self {
        let mut samples: Vec<usize> = (0..scores.len()).collect();
        samples.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut end = 0;
        let ends = samples
            // Compared as numbers, so that −0 ties with 0.
            .chunk_by(|&a, &b| scores[a] == scores[b])
            .map(|ties| {
                end += ties.len();
                end
            })
            .collect();
        Self { samples, ends }
    }

    /// The area under the receiver operating characteristic if sample `i` is there `copies[i]` times; `None` if no
    /// sample or every sample is positive.
    pub(crate) fn roc_auc(&self, copies: &[u32], is_positive: impl Fn(usize) -> bool) -> Option<f64> {
        let mut sums = Sums::default();
        let mut start = 0;
        for &end in &self.ends {
            let (mut positives, mut negatives) = (0, 0);
            for &sample in &self.samples[start..end] {
                let count = if is_positive(sample) {
                    &mut positives
                } else {
                    &mut negatives
                };
                *count += u64::from(copies[sample]);
            }
            sums.add(positives, negatives);
            start = end;
        }
        sums.ranking().roc_auc
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probability::private::Scalar;

    fn ranking(samples: &[(f32, bool)]) -> Ranking {
        let mut keys: Vec<u32> = samples
            .iter()
            .map(|&(score, positive)| score.binary(positive))
            .collect();
        let mut scratch = vec![0; keys.len()];
        Ranking::of::<f32>(&mut keys, &mut scratch)
    }

    /// The definition, pair by pair.
    fn area_by_pairs(samples: &[(f32, bool)]) -> Option<f64> {
        let (mut won, mut pairs) = (0.0, 0.0);
        for positive in samples.iter().filter(|sample| sample.1) {
            for negative in samples.iter().filter(|sample| !sample.1) {
                pairs += 1.0;
                won += if positive.0 > negative.0 {
                    1.0
                } else {
                    f64::from(positive.0 == negative.0) / 2.0
                };
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let only_positive = ranking(&[(0.2, true), (0.8, true)]);
        assert_eq!(
            (only_positive.roc_auc, only_positive.average_precision),
            (None, Some(1.0))
        );
        let only_negative = ranking(&[(0.2, false)]);
        assert_eq!(
            (only_negative.roc_auc, only_negative.average_precision),
            (None, None)
        );
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(ranking(&[(-0.0, true), (0.0, false)]).roc_auc, Some(0.5));
    }

    proptest! {
        #[test]
        fn the_area_is_the_fraction_of_ordered_pairs(
            samples in prop::collection::vec((0_u8..9, any::<bool>(), 0_u32..4), 0..60)
        ) {
            let scored: Vec<(f32, bool)> =
                samples.iter().map(|&(score, positive, _)| (f32::from(score) / 8.0, positive)).collect();
            prop_assert_eq!(ranking(&scored).roc_auc, area_by_pairs(&scored));

            // Copies count as samples of their own.
            let copied: Vec<(f32, bool)> = samples
                .iter()
                .zip(&scored)
                .flat_map(|(&(_, _, copies), &sample)| std::iter::repeat_n(sample, copies as usize))
                .collect();
            let copies: Vec<u32> = samples.iter().map(|sample| sample.2).collect();
            let scores: Vec<f32> = scored.iter().map(|sample| sample.0).collect();
            let ranked = Ranked::of(ArrayView1::from(&scores));
            prop_assert_eq!(ranked.roc_auc(&copies, |sample| scored[sample].1), ranking(&copied).roc_auc);
        }
    }
}
