//! The random choices of one picture.

use marque_data::random::{Purpose, below, stream, uniform_between};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// The random choices of one picture: a pure function of (seed, index).
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        // The epoch is always 0: a picture stays what it is.
        Dice(stream(seed, 0, index, Purpose::Synthetic))
    }

    /// A number drawn uniformly from `low..high`.
    pub(crate) fn between(&mut self, (low, high): (f32, f32)) -> f32 {
        uniform_between(&mut self.0, low, high)
    }

    /// A number drawn uniformly from `0..count`.
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        below(&mut self.0, u64::from(count)) as u32
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.between((0.0, 1.0)) < probability
    }

    /// A number for a hash.
    pub(crate) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number of a bell curve with mean 0 and standard deviation 1, cut off at ±3.4.
    ///
    /// The sum of the four bytes of one word: near enough to a normal distribution for the noise of a camera,
    /// and the cheapest there is.
    pub(crate) fn bell(&mut self) -> f32 {
        let sum: u32 = self.0.next_u32().to_le_bytes().into_iter().map(u32::from).sum();
        // Four uniform bytes: mean 4 · 127.5, variance 4 · (256² − 1) / 12.
        (sum as f32 - 510.0) / 147.8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_has_mean_zero_and_deviation_one() {
        let mut dice = Dice::new(1, 2);
        let drawn: Vec<f32> = (0..20_000).map(|_| dice.bell()).collect();
        let mean = drawn.iter().sum::<f32>() / drawn.len() as f32;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / drawn.len() as f32;
        // Four standard errors of 20,000 draws are 0.03 for the mean and 0.04 for the variance.
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
    }
}
