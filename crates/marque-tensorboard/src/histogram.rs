use std::sync::LazyLock;

use crate::proto::Message;

/// How many numbers lie in each of TensorBoard's usual buckets.
///
/// The buckets are those of TensorFlow: each is 10 % wider than the one nearer to 0, from 10⁻¹² to 10²⁰ on both sides, with
/// one more on each side for what lies beyond. A number on a limit belongs to the bucket above it.
///
/// ```
/// use marque_tensorboard::Histogram;
///
/// let histogram = Histogram::of([0.5_f32, -0.25, f32::NAN, 0.5]);
/// assert_eq!((histogram.count(), histogram.non_finite()), (3, 1));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// As many as [`LIMITS`]; the bucket at an index ends before the limit at this index.
    buckets: Vec<u64>,
    count: u64,
    non_finite: u64,
    minimum: f64,
    maximum: f64,
    sum: f64,
    sum_of_squares: f64,
}

static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let growing = std::iter::successors(Some(1e-12), |limit| Some(limit * 1.1));
    let mut positive: Vec<f64> = growing.take_while(|&limit| limit < 1e20).collect();
    positive.push(f64::MAX);
    let negative = positive.iter().rev().map(|limit| -limit);
    negative.chain([0.0]).chain(positive.iter().copied()).collect()
});

impl Histogram {
    /// Counts `values`, in one pass.
    ///
    /// Infinite ones and those that are not numbers are left out of the buckets and of all that TensorBoard is told, and
    /// counted by [`non_finite`](Self::non_finite) alone.
    pub fn of<T: Into<f64>>(values: impl IntoIterator<Item = T>) -> Self {
        let mut histogram = Self {
            buckets: vec![0; LIMITS.len()],
            count: 0,
            non_finite: 0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            sum: 0.0,
            sum_of_squares: 0.0,
        };
        for value in values {
            histogram.add(value.into());
        }
        histogram
    }

    /// How many finite numbers there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many numbers were left out because they are infinite or not a number.
    pub fn non_finite(&self) -> u64 {
        self.non_finite
    }

    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.non_finite += 1;
            return;
        }
        let bucket = LIMITS.partition_point(|&limit| limit <= value);
        // The largest double is on the last limit, and there is no bucket above that.
        self.buckets[bucket.min(LIMITS.len() - 1)] += 1;
        self.count += 1;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    /// A `HistogramProto`.
    pub(crate) fn message(&self) -> Message {
        let (limits, counts) = self.joined();
        let (minimum, maximum) = match self.count {
            0 => (0.0, 0.0),
            _ => (self.minimum, self.maximum),
        };
        Message::new()
            .double(1, minimum)
            .double(2, maximum)
            .double(3, self.count as f64)
            .double(4, self.sum)
            .double(5, self.sum_of_squares)
            .doubles(6, &limits)
            .doubles(7, &counts)
    }

    /// Upper limits and counts of the buckets, with each run of empty ones joined into one, as TensorFlow writes them.
    fn joined(&self) -> (Vec<f64>, Vec<f64>) {
        let mut limits: Vec<f64> = Vec::new();
        let mut counts: Vec<f64> = Vec::new();
        for (&limit, &count) in LIMITS.iter().zip(&self.buckets) {
            match (limits.last_mut(), counts.last()) {
                (Some(end), Some(0.0)) if count == 0 => *end = limit,
                _ => {
                    limits.push(limit);
                    counts.push(count as f64);
                }
            }
        }
        (limits, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_tensorflow() {
        // `InitDefaultBuckets` of TensorFlow's histogram.cc: 774 limits and the largest double on each side of 0.
        assert_eq!(LIMITS.len(), 2 * 775 + 1);
        assert_eq!(
            (LIMITS[0], LIMITS[775], LIMITS[776], LIMITS[1550]),
            (-f64::MAX, 0.0, 1e-12, f64::MAX)
        );
        assert!(LIMITS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn runs_of_empty_buckets_are_joined() {
        let (limits, counts) = Histogram::of([0.0, -0.0, 1.0, 1e300, f64::MAX, -1e-13]).joined();
        assert_eq!(counts, [0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 2.0]);
        assert_eq!(limits[..3], [-1e-12, 0.0, 1e-12]);
        assert!(limits[3] <= 1.0 && limits[4] > 1.0, "{limits:?}");
        assert_eq!(limits[6], f64::MAX);
    }

    #[test]
    fn a_number_on_a_limit_belongs_above_it() {
        let (limits, counts) = Histogram::of([1e-12]).joined();
        assert_eq!((limits[0], limits[1]), (1e-12, 1e-12 * 1.1));
        assert_eq!(counts, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_not_finite_is_counted_apart() {
        let values = [f64::NAN, f64::INFINITY, 2.0, f64::NEG_INFINITY];
        let histogram = Histogram::of(values);
        assert_eq!((histogram.count(), histogram.non_finite()), (1, 3));
        assert_eq!(
            (histogram.minimum, histogram.maximum, histogram.sum),
            (2.0, 2.0, 2.0)
        );
    }
}
