//! Which samples an epoch has, and in which order.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::Sample;
use crate::random::{Purpose, below, shuffle, stream};

/// The samples of an epoch and their order. An epoch always has as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As given, in every epoch: for validation and test. The default.
    #[default]
    Sequential,
    /// Shuffled anew in every epoch, by (seed, epoch): for training.
    Shuffled,
    /// As many of each class, up to one, shuffled. Those of a class are gone through in an order of their own before any comes
    /// again; which are left out, and which come more often, is drawn anew for each epoch.
    Balanced,
    /// Drawn with replacement, each sample in proportion to its [`weight`](Sample::weight), as by PyTorch's
    /// `WeightedRandomSampler`.
    Weighted,
    /// Shuffled, each `times` times in a row, with other random changes each time, until an epoch is full (repeated
    /// augmentation).
    Repeated {
        /// How many times, at least 1.
        times: usize,
    },
}

impl Order {
    /// Positions of the samples of `epoch`, in order.
    pub(super) fn of(self, samples: &[Sample], seed: u64, epoch: u64) -> Vec<usize> {
        let mut random = stream(seed, epoch, 0, Purpose::Order);
        let mut order: Vec<usize> = match self {
            Order::Balanced => balanced(samples, seed, epoch),
            // In the order in which they are drawn, which is random already.
            Order::Weighted => return weighted(samples, seed, epoch),
            Order::Sequential | Order::Shuffled | Order::Repeated { .. } => (0..samples.len()).collect(),
        };
        if self != Order::Sequential {
            shuffle(&mut random, &mut order);
        }
        match self {
            Order::Repeated { times } => {
                let repeated = order
                    .iter()
                    .flat_map(|&index| std::iter::repeat_n(index, times.max(1)));
                repeated.take(samples.len()).collect()
            }
            Order::Sequential | Order::Shuffled | Order::Balanced | Order::Weighted => order,
        }
    }
}

/// As many positions as there are samples, the same number of each class up to one.
fn balanced(samples: &[Sample], seed: u64, epoch: u64) -> Vec<usize> {
    let classes = samples.iter().map(|sample| sample.label + 1).max().unwrap_or(0);
    let mut members = vec![Vec::new(); classes];
    for (index, sample) in samples.iter().enumerate() {
        members[sample.label].push(index);
    }
    members.retain(|members| !members.is_empty());
    let mut random = stream(seed, epoch, 0, Purpose::Sampling);
    for members in &mut members {
        shuffle(&mut random, members);
    }
    // Classes in turn: the last round may not have all of them, and which it has is drawn.
    shuffle(&mut random, &mut members);
    let rounds = (0..).flat_map(|round| members.iter().map(move |members| members[round % members.len()]));
    rounds.take(samples.len()).collect()
}

/// As many positions as there are samples, each drawn by itself.
fn weighted(samples: &[Sample], seed: u64, epoch: u64) -> Vec<usize> {
    // Upper ends of the pieces of a line that samples have.
    let mut ends = Vec::with_capacity(samples.len());
    let mut total = 0.0;
    for sample in samples {
        total += sample.weight;
        ends.push(total);
    }
    // The last one that has a piece: rounding may put a point on the very end.
    let last = samples
        .iter()
        .rposition(|sample| sample.weight > 0.0)
        .unwrap_or(0);
    let mut random = stream(seed, epoch, 0, Purpose::Sampling);
    let draw = |_| {
        let point = total * fraction(&mut random);
        ends.partition_point(|&end| end <= point).min(last)
    };
    (0..samples.len()).map(draw).collect()
}

/// From 0, below 1, with the 53 bits of a double: a million samples have pieces that single precision does not tell apart.
fn fraction(random: &mut ChaCha8Rng) -> f64 {
    below(random, 1 << 53) as f64 / (1_u64 << 53) as f64
}

/// For each position how many times it has come before in the same epoch.
pub(super) fn occurrences(order: &[usize], samples: usize) -> Vec<u32> {
    let mut seen = vec![0_u32; samples];
    let count = |&index: &usize| {
        let before = seen[index];
        seen[index] += 1;
        before
    };
    order.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(counts: &[usize]) -> Vec<Sample> {
        let classes = counts.iter().enumerate();
        let samples = classes.flat_map(|(label, &count)| {
            (0..count).map(move |number| Sample::new(format!("{label}/{number}"), label))
        });
        samples.collect()
    }

    #[test]
    fn a_balanced_epoch_has_the_same_number_of_each_class_and_all_photos_of_small_ones() {
        // No photo of class 2: a label that only another part has.
        let samples = samples(&[90, 10, 0, 3]);
        let mut left_out = std::collections::BTreeSet::new();
        for epoch in 0..20 {
            let order = Order::Balanced.of(&samples, 7, epoch);
            assert_eq!(order.len(), samples.len());
            for label in [0, 1, 3] {
                let of_class = order.iter().filter(|&&index| samples[index].label == label);
                assert!(of_class.count().abs_diff(103 / 3) <= 1);
            }
            let times = |index: usize| order.iter().filter(|&&found| found == index).count();
            assert!((0..90).all(|index| times(index) <= 1));
            // 34 or 35 places for ten photos, and for three.
            assert!((90..100).all(|index| (3..=4).contains(&times(index))), "{epoch}");
            assert!((100..103).all(|index| (11..=12).contains(&times(index))));
            left_out.extend((0..90).filter(|&index| times(index) == 0));
            assert_eq!(order, Order::Balanced.of(&samples, 7, epoch));
        }
        assert!(left_out.len() > 80);
    }

    #[test]
    fn a_weighted_epoch_draws_in_proportion() {
        let weights = [1.0, 0.0, 3.0, 0.5, 0.0];
        let samples: Vec<Sample> = (0..1000)
            .map(|number| Sample::new(number.to_string(), 0).with_weight(weights[number % 5]))
            .collect();
        let mut counts = [0_usize; 5];
        for epoch in 0..20 {
            let order = Order::Weighted.of(&samples, 7, epoch);
            assert_eq!(order.len(), samples.len());
            assert_eq!(order, Order::Weighted.of(&samples, 7, epoch));
            order.iter().for_each(|index| counts[index % 5] += 1);
        }
        // Five standard deviations of a binomial distribution of 20,000 draws.
        for (count, weight) in counts.iter().zip(weights) {
            let share = weight / 4.5;
            let deviation = (20_000.0 * share * (1.0 - share)).sqrt();
            assert!(
                (*count as f64 - 20_000.0 * share).abs() <= 5.0 * deviation,
                "{counts:?}"
            );
        }
        let one: Vec<Sample> = samples
            .into_iter()
            .map(|sample| sample.with_weight(0.0))
            .collect();
        let one = [&one[..7], &[Sample::new("a", 0)], &one[7..]].concat();
        assert!(Order::Weighted.of(&one, 7, 0).iter().all(|&index| index == 7));
    }

    #[test]
    fn a_repeated_epoch_has_some_photos_several_times_in_a_row() {
        let samples = samples(&[10]);
        let order = Order::Repeated { times: 3 }.of(&samples, 7, 1);
        assert_eq!(order.len(), 10);
        let runs: Vec<usize> = order
            .chunk_by(|one, other| one == other)
            .map(<[usize]>::len)
            .collect();
        assert_eq!(runs, [3, 3, 3, 1]);
        assert_ne!(order, Order::Repeated { times: 3 }.of(&samples, 7, 2));
        assert_eq!(occurrences(&order, 10), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    }
}
