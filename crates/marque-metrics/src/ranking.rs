//! Areas under curves, which need the samples in the order of their scores.

/// The score of a sample and whether the sample is positive, as one number that sorts by score.
///
/// The bits of floating-point numbers that are not negative sort like the numbers themselves. Scores are at most
/// 1.001, so that their bits leave the two highest of 32 free.
#[inline]
pub(crate) fn key(score: f32, is_positive: bool) -> u32 {
    // The shift drops the sign bit, so that −0 ties with 0.
    score.to_bits() << 1 | u32::from(is_positive)
}

/// What the order of one class's scores against its rest says; `None` where it is not defined.
pub(crate) struct Ranking {
    /// The area under the receiver operating characteristic: the fraction of pairs of a positive and a negative
    /// that are in order, ties counting half.
    pub(crate) roc_auc: Option<f64>,
    /// Σ (recallₙ − recallₙ₋₁) precisionₙ over the distinct scores from the highest.
    pub(crate) average_precision: Option<f64>,
}

impl Ranking {
    /// Ranks samples given as [`key`]s. `scratch` is at least as long; the contents of both are lost.
    pub(crate) fn of(keys: &mut [u32], scratch: &mut [u32]) -> Self {
        let samples = keys.len();
        let sorted = sort(keys, &mut scratch[..samples]);
        let (mut positives, mut negatives) = (0_u64, 0_u64);
        // Pairs are counted twice, so that ties, which count half, stay whole numbers.
        let mut ordered_pairs = 0_u128;
        let mut precisions = 0.0_f64;
        for ties in sorted.chunk_by(|a, b| a >> 1 == b >> 1).rev() {
            let tied_positives: u64 = ties.iter().map(|key| u64::from(key & 1)).sum();
            let tied_negatives = ties.len() as u64 - tied_positives;
            ordered_pairs += u128::from(tied_negatives) * u128::from(2 * positives + tied_positives);
            positives += tied_positives;
            negatives += tied_negatives;
            if tied_positives > 0 {
                precisions += tied_positives as f64 * (positives as f64 / (positives + negatives) as f64);
            }
        }
        let pairs = 2 * u128::from(positives) * u128::from(negatives);
        Self {
            roc_auc: (pairs > 0).then(|| ordered_pairs as f64 / pairs as f64),
            average_precision: (positives > 0).then(|| precisions / positives as f64),
        }
    }
}

const DIGIT_BITS: u32 = 10;
const DIGITS: usize = 1 << DIGIT_BITS;
/// Three digits of ten bits cover the thirty bits of a score; the lowest bit of a key is not sorted by.
const SHIFTS: [u32; 3] = [1, 1 + DIGIT_BITS, 1 + 2 * DIGIT_BITS];

/// Sorts by score with a least-significant-digit radix sort; the result lies in one of the two slices, which
/// have the same length.
fn sort<'a>(keys: &'a mut [u32], scratch: &'a mut [u32]) -> &'a [u32] {
    let mut counts = [[0_usize; DIGITS]; SHIFTS.len()];
    for &key in keys.iter() {
        for (count, shift) in counts.iter_mut().zip(SHIFTS) {
            count[digit(key, shift)] += 1;
        }
    }
    let (mut from, mut to) = (keys, scratch);
    for (count, shift) in counts.iter_mut().zip(SHIFTS) {
        if count.contains(&from.len()) {
            continue;
        }
        let mut next = 0;
        for position in count.iter_mut() {
            next += std::mem::replace(position, next);
        }
        for &key in from.iter() {
            let position = &mut count[digit(key, shift)];
            to[*position] = key;
            *position += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    from
}

#[inline]
fn digit(key: u32, shift: u32) -> usize {
    (key >> shift) as usize % DIGITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(samples: &[(f32, bool)]) -> Ranking {
        let mut keys: Vec<u32> = samples
            .iter()
            .map(|&(score, positive)| key(score, positive))
            .collect();
        let mut scratch = vec![0; keys.len()];
        Ranking::of(&mut keys, &mut scratch)
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
        fn sorts_as_the_standard_library(mut scores in prop::collection::vec(0.0_f32..1.001, 0..300)) {
            scores.extend([0.0, f32::MIN_POSITIVE, 1e-40, 1.0]);
            let mut keys: Vec<u32> = scores.iter().map(|&score| key(score, false)).collect();
            let mut scratch = vec![0; keys.len()];
            let sorted = sort(&mut keys, &mut scratch).to_vec();
            scores.sort_by(f32::total_cmp);
            let expected: Vec<u32> = scores.iter().map(|&score| key(score, false)).collect();
            prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn the_area_is_the_fraction_of_ordered_pairs(samples in prop::collection::vec((0_u8..9, any::<bool>()), 0..60)) {
            let samples: Vec<(f32, bool)> =
                samples.iter().map(|&(score, positive)| (f32::from(score) / 8.0, positive)).collect();
            prop_assert_eq!(ranking(&samples).roc_auc, area_by_pairs(&samples));
        }
    }
}
