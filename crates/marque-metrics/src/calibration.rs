//! How far a classifier's confidence can be trusted.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check_length};
use crate::probability::Probability;

/// The number of bins of the expected calibration error.
const BINS: usize = 15;

/// The most bins of a reliability diagram: 4096.
pub const MAX_BINS: usize = 1 << 12;

/// One bar of a reliability diagram: the samples whose highest probability lies in (`lower`, `upper`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The end of the bin that does not belong to it (the first bin holds 0 nevertheless), from 0 to 1.
    pub lower: f64,
    /// The end of the bin that belongs to it, from 0 to 1.
    pub upper: f64,
    /// The number of samples in the bin, at least 1.
    pub count: u64,
    /// The mean of the samples' highest probabilities, from 0 to 1.
    pub confidence: f64,
    /// The fraction of the samples that are predicted rightly, from 0 to 1.
    pub accuracy: f64,
}

/// Counts and sums over bins of equal width of the highest probability, from which follow the expected and the maximum
/// calibration error of Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599).
///
/// Bin m of M holds the samples whose highest probability lies in ((m − 1) / M, m / M]; the expected error is
/// Σ nₘ / n · |accuracy of bin m − mean confidence of bin m|, the maximum error the largest of the gaps.
#[derive(Clone)]
pub(crate) struct Calibration {
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Default)]
struct Bin {
    samples: u64,
    correct: u64,
    confidence: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            bins: vec![Bin::default(); BINS],
        }
    }
}

impl Calibration {
    pub(crate) fn new(bins: usize) -> Result<Self, Error> {
        match bins {
            1..=MAX_BINS => Ok(Self {
                bins: vec![Bin::default(); bins],
            }),
            found => Err(Error::BinCount {
                found,
                limit: MAX_BINS,
            }),
        }
    }

    #[inline]
    pub(crate) fn record<P: Probability>(&mut self, confidence: P, correct: bool) {
        let place = bin_of(confidence, self.bins.len());
        let bin = &mut self.bins[place];
        bin.samples += 1;
        bin.correct += u64::from(correct);
        bin.confidence += confidence.into();
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), Error> {
        check_length("bins", self.bins.len(), other.bins.len())?;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.samples += other.samples;
            bin.correct += other.correct;
            bin.confidence += other.confidence;
        }
        Ok(())
    }

    /// The expected error, from 0 to 1, or `None` without any sample.
    pub(crate) fn error(&self) -> Option<f64> {
        let samples: u64 = self.bins.iter().map(|bin| bin.samples).sum();
        let gaps: f64 = self
            .bins
            .iter()
            .map(|bin| (bin.correct as f64 - bin.confidence).abs())
            .sum();
        (samples > 0).then(|| gaps / samples as f64)
    }

    /// The maximum error, from 0 to 1, or `None` without any sample.
    pub(crate) fn maximum_error(&self) -> Option<f64> {
        let gaps = self
            .reliability()
            .into_iter()
            .map(|bin| (bin.accuracy - bin.confidence).abs());
        gaps.max_by(f64::total_cmp)
    }

    /// The bins that hold samples, in order.
    pub(crate) fn reliability(&self) -> Vec<ReliabilityBin> {
        let width = 1.0 / self.bins.len() as f64;
        let filled = self.bins.iter().enumerate().filter(|(_, bin)| bin.samples > 0);
        filled
            .map(|(place, bin)| ReliabilityBin {
                lower: place as f64 * width,
                upper: (place + 1) as f64 * width,
                count: bin.samples,
                confidence: bin.confidence / bin.samples as f64,
                accuracy: bin.correct as f64 / bin.samples as f64,
            })
            .collect()
    }
}

/// The bin of a confidence, from 0. Edges are compared in the type of the confidence, so that 0.2 lies in the third of
/// fifteen bins, which ends at 3 / 15.
#[inline]
fn bin_of<P: Probability>(confidence: P, bins: usize) -> usize {
    let edge = |bin: usize| P::ratio(bin, bins);
    let guess = ((confidence.into() * bins as f64) as usize).min(bins - 1);
    // Product and edges are rounded, so that the guess may be off by one where the confidence lies on an edge.
    if confidence <= edge(guess) {
        guess.saturating_sub(1)
    } else if confidence > edge(guess + 1) {
        (guess + 1).min(bins - 1)
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_that_it_closes() {
        for bins in [1, 2, 3, 10, BINS, 100, 999, MAX_BINS] {
            for bin in 0..bins {
                let upper = (bin + 1) as f32 / bins as f32;
                assert_eq!(bin_of(upper, bins), bin, "{upper}");
                assert_eq!(bin_of(upper.next_down(), bins), bin, "just below {upper}");
                let above = (bin + 1).min(bins - 1);
                assert_eq!(bin_of(upper.next_up(), bins), above, "just above {upper}");
            }
            assert_eq!(bin_of(0.0_f32, bins), 0);
            assert_eq!(bin_of(0.0_f64, bins), 0);
        }
    }

    #[test]
    fn overconfidence_is_measured() {
        let mut calibration = Calibration::default();
        assert_eq!(calibration.error(), None);
        assert!(calibration.reliability().is_empty());
        for sample in 0..4 {
            calibration.record(0.75_f32, sample == 0);
        }
        assert_eq!(calibration.error(), Some(0.5));
        assert_eq!(calibration.maximum_error(), Some(0.5));
        let [bin] = calibration.reliability()[..] else {
            panic!("one bin holds all samples");
        };
        assert_eq!((bin.count, bin.confidence, bin.accuracy), (4, 0.75, 0.25));
        assert!(bin.lower < 0.75 && 0.75 <= bin.upper);
    }

    #[test]
    fn impossible_numbers_of_bins_are_refused() {
        for bins in [0, MAX_BINS + 1, usize::MAX] {
            assert!(matches!(Calibration::new(bins), Err(Error::BinCount { .. })));
        }
    }
}
