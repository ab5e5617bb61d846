//! How far a metric may be from its value on other samples of the same kind.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::predictions::Predictions;
use crate::probability::private::Scalar;
use crate::ranking::Ranked;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// The fraction of the resamples' values that lie between the ends, between 0 and 1, such as 0.95.
    pub level: f64,
    /// The number of resamples that have a value.
    pub resamples: usize,
}

/// The percentile bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13): the interval
/// that holds the middle `level` of the values of `resamples` data sets, each `samples` samples drawn with replacement.
///
/// `statistic` gets the indices of one resample's samples, each less than `samples`, and gives its value; resamples
/// without a (finite) value are left out. Quantiles lie linearly between values, as NumPy's. The same seed gives the
/// same interval. `None` if no resample has a value, and unless `level` lies between 0 and 1.
///
/// # Example
/// ```
/// use marque_metrics::bootstrap;
///
/// let heights = [1.62, 1.70, 1.75, 1.81, 1.93];
/// let mean = |indices: &[usize]| Some(indices.iter().map(|&i| heights[i]).sum::<f64>() / indices.len() as f64);
/// let interval = bootstrap(heights.len(), 1000, 0.95, 7, mean).unwrap();
/// assert!(interval.lower < 1.72 && 1.80 < interval.upper);
/// ```
pub fn bootstrap(
    samples: usize,
    resamples: usize,
    level: f64,
    seed: u64,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    if samples == 0 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let mut random = Random(seed);
    let mut indices = vec![0; samples];
    let mut values = Vec::new();
    for _ in 0..resamples {
        indices.fill_with(|| random.below(samples));
        values.extend(statistic(&indices).filter(|value| value.is_finite()));
    }
    values.sort_unstable_by(f64::total_cmp);
    Some(Interval {
        lower: quantile(&values, (1.0 - level) / 2.0)?,
        upper: quantile(&values, (1.0 + level) / 2.0)?,
        level,
        resamples: values.len(),
    })
}

/// The value below which a fraction of the sorted values lies, linear between them.
fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * fraction;
    let low = *sorted.get(place as usize)?;
    let high = sorted.get(place as usize + 1).unwrap_or(&low);
    Some(low + place.fract() * (high - low))
}

/// splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number less than `limit`; none is more likely than another by more than `limit` / 2⁶⁴.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

/// Confidence intervals by [`bootstrap`] over the samples.
///
/// `level` is the fraction that the interval holds, such as 0.95. `None` without any sample and unless `level` lies
/// between 0 and 1. Errors are those of [`validate`](Self::validate).
impl Predictions {
    /// The interval of the accuracy.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn accuracy_interval(
        &self,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Option<Interval>, Error> {
        let predicted = self.predicted()?;
        let right: Vec<f64> = self
            .labels
            .iter()
            .zip(predicted)
            .map(|(&label, predicted)| f64::from(label == predicted))
            .collect();
        Ok(bootstrap(right.len(), resamples, level, seed, |indices| {
            mean_of(&right, indices)
        }))
    }

    /// The interval of the macro-averaged F1: the plain mean over all classes, 0 for classes that do not occur.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn macro_f1_interval(
        &self,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Option<Interval>, Error> {
        let predicted = self.predicted()?;
        let num_classes = self.class_names.len();
        let (mut correct, mut either) = (vec![0_u32; num_classes], vec![0_u32; num_classes]);
        Ok(bootstrap(self.labels.len(), resamples, level, seed, |indices| {
            correct.fill(0);
            either.fill(0);
            for &sample in indices {
                let (label, predicted) = (self.labels[sample], predicted[sample]);
                correct[label] += u32::from(label == predicted);
                either[label] += 1;
                either[predicted] += 1;
            }
            let classes = correct.iter().zip(&either).filter(|(_, either)| **either > 0);
            let sum: f64 = classes
                .map(|(&correct, &either)| 2.0 * f64::from(correct) / f64::from(either))
                .sum();
            Some(sum / num_classes as f64)
        }))
    }

    /// The interval of the log loss, in nats.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn log_loss_interval(
        &self,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Option<Interval>, Error> {
        self.validate()?;
        let losses: Vec<f64> = self
            .labels
            .iter()
            .zip(self.probabilities.rows())
            .map(|(&label, row)| row[label].loss())
            .collect();
        Ok(bootstrap(losses.len(), resamples, level, seed, |indices| {
            mean_of(&losses, indices)
        }))
    }

    /// The interval of the plain mean of the classes' one-versus-rest areas under the receiver operating
    /// characteristic. Resamples in which a class has no sample, or all, have no area; `None` if that holds for all.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn macro_auc_interval(
        &self,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Option<Interval>, Error> {
        self.validate()?;
        let classes: Vec<Ranked> = self.probabilities.columns().into_iter().map(Ranked::of).collect();
        let mut copies = vec![0_u32; self.labels.len()];
        Ok(bootstrap(self.labels.len(), resamples, level, seed, |indices| {
            copies.fill(0);
            for &sample in indices {
                copies[sample] += 1;
            }
            let areas = classes.iter().enumerate();
            let sum: Option<f64> = areas
                .map(|(class, ranked)| ranked.roc_auc(&copies, |sample| self.labels[sample] == class))
                .sum();
            Some(sum? / classes.len() as f64)
        }))
    }
}

fn mean_of(values: &[f64], indices: &[usize]) -> Option<f64> {
    let sum: f64 = indices.iter().map(|&index| values[index]).sum();
    Some(sum / indices.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_values() {
        let values = [1.0, 2.0, 4.0];
        let found = [0.0, 0.25, 0.5, 0.75, 1.0].map(|fraction| quantile(&values, fraction));
        assert_eq!(found, [1.0, 1.5, 2.0, 3.0, 4.0].map(Some));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn what_has_no_interval_is_none() {
        let one = |_: &[usize]| Some(1.0);
        assert_eq!(bootstrap(0, 10, 0.95, 0, one), None);
        assert_eq!(bootstrap(5, 0, 0.95, 0, one), None);
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert_eq!(bootstrap(5, 10, level, 0, one), None, "{level}");
        }
        assert_eq!(bootstrap(5, 10, 0.95, 0, |_| None), None);
        assert_eq!(bootstrap(5, 10, 0.95, 0, |_| Some(f64::NAN)), None);
        let half = bootstrap(2, 100, 0.5, 0, |indices| (indices[0] == 0).then_some(1.0)).unwrap();
        assert!(0 < half.resamples && half.resamples < 100);
    }

    #[test]
    fn draws_are_even_and_depend_on_the_seed_alone() {
        let mut counts = [0_u32; 10];
        let mut random = Random(1);
        for _ in 0..100_000 {
            counts[random.below(10)] += 1;
        }
        // Binomial with a standard deviation of 95: six of them on either side.
        assert!(
            counts.iter().all(|&count| count.abs_diff(10_000) < 570),
            "{counts:?}"
        );
        let first = |indices: &[usize]| Some(indices[0] as f64);
        assert_eq!(
            bootstrap(1000, 50, 0.9, 3, first),
            bootstrap(1000, 50, 0.9, 3, first)
        );
        assert_ne!(
            bootstrap(1000, 50, 0.9, 3, first),
            bootstrap(1000, 50, 0.9, 4, first)
        );
    }
}
