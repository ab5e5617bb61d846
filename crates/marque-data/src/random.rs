//! Random numbers that depend on nothing but their address.
//!
//! Every random choice of marque is drawn from a stream that is a pure function of
//! (seed, epoch, sample index, purpose). There is no global generator, so that neither the number of threads nor the
//! order in which samples happen to be made can change a result. The conversions to floats and bounded integers are
//! written out here and not taken from a library, whose next version might draw other numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for: streams of different purposes are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Cutting a data set into parts; the index is the class.
    Split,
    /// The order of the samples of an epoch; the index is 0.
    Order,
    /// The augmentation of one sample in one epoch.
    Augment,
    /// Drawing one synthetic photo.
    Synthetic,
    /// Mixing the examples of one batch of an epoch; the index is the batch's.
    Mix,
    /// Which samples an epoch has where they are drawn; the index is 0.
    Sampling,
    /// A setting of a trial of a search; the epoch is the trial, the index the setting.
    Search,
    /// Which photos are measured where not all are; the index is 0.
    Measure,
    /// The transform at this place of a list, for one sample in one epoch.
    Transform(u8),
}

impl Purpose {
    /// Numbers are fixed for ever: changing one changes every run made with it.
    fn number(self) -> u64 {
        match self {
            Purpose::Split => 1,
            Purpose::Order => 2,
            Purpose::Augment => 3,
            Purpose::Synthetic => 4,
            Purpose::Mix => 5,
            Purpose::Sampling => 6,
            Purpose::Search => 8,
            Purpose::Measure => 9,
            Purpose::Transform(place) => 7 + (u64::from(place) << 8),
        }
    }
}

/// The stream of random numbers at an address.
///
/// ```
/// use marque_data::random::{Purpose, stream, uniform};
///
/// let mut a = stream(42, 3, 17, Purpose::Augment);
/// let mut b = stream(42, 3, 17, Purpose::Augment);
/// assert_eq!(uniform(&mut a), uniform(&mut b));
/// let mut other = stream(42, 3, 18, Purpose::Augment);
/// assert_ne!(uniform(&mut a), uniform(&mut other));
/// ```
pub fn stream(seed: u64, epoch: u64, index: u64, purpose: Purpose) -> ChaCha8Rng {
    // The address is the key itself, so that no two addresses share a stream.
    let mut key = [0_u8; 32];
    for (bytes, word) in key
        .chunks_exact_mut(8)
        .zip([seed, epoch, index, purpose.number()])
    {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number uniform in [0, 1), a multiple of 2⁻²⁴.
pub fn uniform(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A number uniform in [`low`, `high`).
pub fn uniform_between(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * uniform(rng)
}

/// A number uniform in (0, 1], a multiple of 2⁻⁵³.
fn positive(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A number of the normal distribution with mean 0 and variance 1 (Box & Muller 1958).
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * positive(rng).ln()).sqrt();
    radius * (std::f64::consts::TAU * positive(rng)).cos()
}

/// The logarithm of a number of the gamma distribution with this shape, which is positive, and scale 1 (Marsaglia & Tsang
/// 2000). Numbers of small shapes are too small for a float themselves.
fn log_gamma(rng: &mut ChaCha8Rng, shape: f64) -> f64 {
    // Below 1 the method does not work; a number of the next shape, times a power of a uniform one, has the distribution.
    let (shape, correction) = if shape < 1.0 {
        (shape + 1.0, positive(rng).ln() / shape)
    } else {
        (shape, 0.0)
    };
    let centre = shape - 1.0 / 3.0;
    let width = 1.0 / (9.0 * centre).sqrt();
    loop {
        let drawn = normal(rng);
        let root = 1.0 + width * drawn;
        if root <= 0.0 {
            continue;
        }
        let volume = root.powi(3);
        if positive(rng).ln() < 0.5 * drawn * drawn + centre * (1.0 - volume + volume.ln()) {
            return (centre * volume).ln() + correction;
        }
    }
}

/// A number of the beta distribution with both parameters `alpha`, which is positive: from 0 to 1, symmetric about a half.
pub fn beta(rng: &mut ChaCha8Rng, alpha: f64) -> f64 {
    let (first, second) = (log_gamma(rng, alpha), log_gamma(rng, alpha));
    1.0 / (1.0 + (second - first).exp())
}

/// `count` shares that sum to 1, of the Dirichlet distribution whose parameters are all `alpha`, which is positive.
pub fn dirichlet(rng: &mut ChaCha8Rng, alpha: f64, count: usize) -> Vec<f64> {
    let logarithms: Vec<f64> = (0..count).map(|_| log_gamma(rng, alpha)).collect();
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sizes: Vec<f64> = logarithms.iter().map(|value| (value - largest).exp()).collect();
    let sum: f64 = sizes.iter().sum();
    sizes.iter().map(|size| size / sum).collect()
}

/// An integer uniform in 0..`bound`; 0 where `bound` is 0.
///
/// Unbiased: draws that would favour small numbers are rejected (Lemire 2019, arXiv:1805.10941).
pub fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let unfair = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= unfair {
            return (product >> 64) as u64;
        }
    }
}

/// Brings `items` into a random order (Fisher and Yates).
pub fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let chosen = below(rng, last as u64 + 1) as usize;
        items.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_address_counts() {
        let first = |seed, epoch, index, purpose| stream(seed, epoch, index, purpose).next_u64();
        let base = first(1, 2, 3, Purpose::Split);
        assert_eq!(base, first(1, 2, 3, Purpose::Split));
        let others = [
            first(2, 2, 3, Purpose::Split),
            first(1, 3, 3, Purpose::Split),
            first(1, 2, 4, Purpose::Split),
            first(1, 2, 3, Purpose::Order),
            first(2, 1, 3, Purpose::Split),
        ];
        assert!(others.iter().all(|&other| other != base));
    }

    #[test]
    fn the_stream_is_chacha8_with_the_address_as_key() {
        // From an independent implementation of ChaCha8 (key = the four words of the address, nonce 0). A change of
        // these numbers changes every run that was ever made with a seed.
        let mut rng = stream(42, 0, 0, Purpose::Order);
        let drawn: Vec<u64> = (0..3).map(|_| below(&mut rng, 1000)).collect();
        assert_eq!(drawn, [773, 988, 763]);
    }

    #[test]
    fn beta_and_normal_numbers_have_their_moments() {
        const COUNT: usize = 20_000;
        let moments = |draw: &mut dyn FnMut(&mut ChaCha8Rng) -> f64| {
            let mut rng = stream(3, 0, 0, Purpose::Mix);
            let drawn: Vec<f64> = (0..COUNT).map(|_| draw(&mut rng)).collect();
            let mean = drawn.iter().sum::<f64>() / COUNT as f64;
            let variance = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / COUNT as f64;
            (mean, variance)
        };
        let (mean, variance) = moments(&mut normal);
        // Five standard errors: 1/√n of the mean, √(2/n) of the variance.
        assert!(
            mean.abs() < 0.036 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
        for alpha in [1e-3, 0.2, 1.0, 3.0, 100.0] {
            let (mean, variance) = moments(&mut |rng| {
                let drawn = beta(rng, alpha);
                assert!((0.0..=1.0).contains(&drawn), "{drawn}");
                drawn
            });
            let expected = 0.25 / (2.0 * alpha + 1.0);
            let error = (expected / COUNT as f64).sqrt();
            assert!((mean - 0.5).abs() < 5.0 * error, "{alpha}: {mean}");
            // Its standard error is at most √2/√n = 1 % of it.
            assert!(
                (variance / expected - 1.0).abs() < 0.06,
                "{alpha}: {variance} {expected}"
            );
        }
    }

    #[test]
    fn bounded_draws_are_even() {
        let mut rng = stream(7, 0, 0, Purpose::Order);
        let mut counts = [0_i64; 5];
        for _ in 0..50_000 {
            counts[below(&mut rng, 5) as usize] += 1;
        }
        // Standard deviation of a count is √(50,000 · 0.2 · 0.8) ≈ 89; four of them.
        assert!(
            counts.iter().all(|&count| (count - 10_000).abs() < 360),
            "{counts:?}"
        );
    }

    #[test]
    fn shuffling_keeps_every_item_and_reaches_every_order() {
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..200 {
            let mut items = [0, 1, 2, 3];
            shuffle(&mut stream(1, 0, index, Purpose::Order), &mut items);
            let mut sorted = items;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            seen.insert(items);
        }
        assert_eq!(seen.len(), 24);
    }
}
