//! Whether one classifier is better than another on the same samples.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Error, check_length};

/// McNemar's test of two classifiers on the same samples, exact (McNemar 1947, "Note on the sampling error of the
/// difference between correlated proportions or percentages").
///
/// # Example
/// ```
/// use marque_metrics::McNemar;
///
/// let test = McNemar::of(&[true, true, false, true, true], &[false, false, false, true, false])?;
/// assert_eq!((test.only_first_right, test.only_second_right), (3, 0));
/// assert_eq!(test.p_value, 0.25);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// The number of samples that only the first classifier gets right.
    pub only_first_right: u64,
    /// The number of samples that only the second classifier gets right.
    pub only_second_right: u64,
    /// How likely counts at least as unequal are if both classifiers are equally good, from 0 to 1: the two-sided
    /// binomial test of a fair coin, as SciPy's `binomtest` and statsmodels' `mcnemar(exact=True)`.
    pub p_value: f64,
}

impl McNemar {
    /// The test of two classifiers, of which the lists say for each sample whether it got the sample right.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lists differ in length.
    pub fn of(first_right: &[bool], second_right: &[bool]) -> Result<Self, Error> {
        check_length(
            "answers of the second classifier",
            first_right.len(),
            second_right.len(),
        )?;
        let count = |first: bool, second: bool| {
            let answers = first_right.iter().zip(second_right);
            answers.filter(|&answer| answer == (&first, &second)).count() as u64
        };
        let (only_first_right, only_second_right) = (count(true, false), count(false, true));
        Ok(Self {
            only_first_right,
            only_second_right,
            p_value: two_sided(
                only_first_right.min(only_second_right),
                only_first_right.max(only_second_right),
            ),
        })
    }
}

/// Twice the chance that a fair coin, thrown `fewer + more` times, shows heads at most `fewer` times; at most 1.
fn two_sided(fewer: u64, more: u64) -> f64 {
    if fewer == more {
        return 1.0;
    }
    // C(n, k − 1) / C(n, k) = k / (n − k + 1), so that each term follows from the one before.
    let (mut term, mut sum) = (1.0, 0.0);
    let (mut k, mut other) = (fewer as f64, more as f64);
    while term > sum * f64::EPSILON / 4.0 {
        sum += term;
        term *= k / (other + 1.0);
        k -= 1.0;
        other += 1.0;
    }
    (2.0 * sum * chance(fewer as f64, more as f64)).min(1.0)
}

/// The chance that a fair coin shows heads `k` times and tails `other` times: C(n, k) / 2ⁿ.
///
/// After Loader 2000, "Fast and accurate computation of binomial probabilities": the logarithms of factorials would
/// lose the digits that their difference needs.
fn chance(k: f64, other: f64) -> f64 {
    let n = k + other;
    if k == 0.0 {
        return 0.5_f64.powf(n);
    }
    let error = stirling_error(n) - stirling_error(k) - stirling_error(other);
    let exponent = error - n / 2.0 * deviance((other - k) / n);
    (n / (2.0 * PI * k * other)).sqrt() * exponent.exp()
}

/// (1 − d) ln(1 − d) + (1 + d) ln(1 + d), for d from 0 to 1 without 1.
fn deviance(d: f64) -> f64 {
    if d > 0.25 {
        return (1.0 - d) * (-d).ln_1p() + (1.0 + d) * d.ln_1p();
    }
    // Σ d²ʲ / (j (2 j − 1)): the two logarithms would cancel. Thirteen terms leave less than d² 2⁻⁵³.
    let square = d * d;
    (1..=13).rev().fold(0.0, |sum, j| {
        let j = f64::from(j);
        square * (sum + 1.0 / (j * (2.0 * j - 1.0)))
    })
}

/// ln n! − ln(√(2 π n) (n / e)ⁿ), what Stirling's formula lacks, for whole n from 1.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let factorial: f64 = (1..=n as u32).map(f64::from).product();
        return factorial.ln() - (0.5 * (2.0 * PI * n).ln() + n * n.ln() - n);
    }
    let square = n * n;
    let series = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
    ];
    series.iter().rev().fold(0.0, |sum, term| sum / square + term) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exponent of up to 41 is rounded at 2⁻⁵³ of its size, a few times.
    const TOLERANCE: f64 = 5e-14;

    #[test]
    fn few_throws_are_exact() {
        for n in 1..60_u64 {
            let mut combinations = vec![1_u64];
            for k in 1..=n {
                // Exact: C(n, k) (n − k + 1) stays below 2⁶⁴ for n < 60.
                combinations.push(
                    (u128::from(combinations[k as usize - 1]) * u128::from(n - k + 1) / u128::from(k)) as u64,
                );
            }
            for fewer in 0..n.div_ceil(2) {
                let tail: u64 = combinations[..=fewer as usize].iter().sum();
                let expected = (tail as f64 / (1_u64 << (n - 1)) as f64).min(1.0);
                let found = two_sided(fewer, n - fewer);
                assert!(
                    (found - expected).abs() <= TOLERANCE * expected,
                    "{fewer} of {n}: {found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn equal_counts_and_no_samples_tell_nothing() {
        assert_eq!(McNemar::of(&[], &[]).unwrap().p_value, 1.0);
        assert_eq!(McNemar::of(&[true, false], &[false, true]).unwrap().p_value, 1.0);
        assert!(matches!(
            McNemar::of(&[true], &[]),
            Err(Error::LengthMismatch { .. })
        ));
    }
}
