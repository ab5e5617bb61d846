//! Sorting of whole numbers by some of their bits.

/// A number whose higher bits are sorted by and whose lower bits come along.
pub trait Key: Copy + Default + PartialEq {
    /// The number without its lowest bits.
    fn above(self, bits: u32) -> Self;
    /// The lowest bits from `shift` on, [`DIGITS`] values.
    fn digit(self, shift: u32) -> usize;
    /// The lowest bits.
    fn below(self, bits: u32) -> usize;
}

macro_rules! key {
    ($number:ty) => {
        impl Key for $number {
            #[inline]
            fn above(self, bits: u32) -> Self {
                self >> bits
            }

            #[inline]
            fn digit(self, shift: u32) -> usize {
                (self >> shift) as usize % DIGITS
            }

            #[inline]
            fn below(self, bits: u32) -> usize {
                (self & ((1 << bits) - 1)) as usize
            }
        }
    };
}

key!(u32);
key!(u64);
key!(u128);

const DIGIT_BITS: u32 = 10;
const DIGITS: usize = 1 << DIGIT_BITS;

/// Sorts by the `bits` bits from `low` on with a least-significant-digit radix sort; the result lies in one of the two
/// slices, of which `scratch` is at least as long. The contents of both are lost.
pub(crate) fn sort<'a, K: Key>(keys: &'a mut [K], scratch: &'a mut [K], low: u32, bits: u32) -> &'a [K] {
    let shifts = || (low..low + bits).step_by(DIGIT_BITS as usize);
    let mut counts = vec![[0_usize; DIGITS]; shifts().count()];
    for &key in keys.iter() {
        for (count, shift) in counts.iter_mut().zip(shifts()) {
            count[key.digit(shift)] += 1;
        }
    }
    let scratch = &mut scratch[..keys.len()];
    let (mut from, mut to) = (keys, scratch);
    for (count, shift) in counts.iter_mut().zip(shifts()) {
        if count.contains(&from.len()) {
            continue;
        }
        let mut next = 0;
        for position in count.iter_mut() {
            next += std::mem::replace(position, next);
        }
        for &key in from.iter() {
            let position = &mut count[key.digit(shift)];
            to[*position] = key;
            *position += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probability::LABEL_BITS;
    use crate::probability::private::Scalar;

    fn labels_in_order<S: Scalar>(scores: &[S]) -> (Vec<usize>, Vec<usize>) {
        let mut keys: Vec<_> = scores
            .iter()
            .enumerate()
            .map(|(label, score)| score.labelled(label))
            .collect();
        let mut scratch = vec![Default::default(); keys.len() + 1];
        let sorted = sort(&mut keys, &mut scratch, LABEL_BITS, S::SCORE_BITS);
        let found = sorted.iter().map(|key| key.below(LABEL_BITS)).collect();
        let mut expected: Vec<usize> = (0..scores.len()).collect();
        expected.sort_by(|&a, &b| scores[a].partial_cmp(&scores[b]).unwrap());
        (found, expected)
    }

    proptest! {
        #[test]
        fn sorts_as_the_standard_library(mut scores in prop::collection::vec(0.0_f64..1.001, 0..300)) {
            scores.extend([0.0, f64::MIN_POSITIVE, 5e-324, 1e-40, 1.0, -0.0, 1.001, 1.0]);
            let (found, expected) = labels_in_order(&scores);
            prop_assert_eq!(found, expected);
            let rounded: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
            let (found, expected) = labels_in_order(&rounded);
            prop_assert_eq!(found, expected);
        }
    }
}
