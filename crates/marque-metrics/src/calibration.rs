/// The number of bins of the expected calibration error.
const BINS: usize = 15;

/// The expected calibration error of Guo et al. 2017, "On Calibration of Modern Neural Networks"
/// (arXiv:1706.04599), over 15 bins of equal width.
///
/// Bin m holds the samples whose highest probability lies in ((m − 1) / 15, m / 15]; the error is
/// Σ nₘ / n · |accuracy of bin m − mean confidence of bin m|.
#[derive(Default)]
pub(crate) struct Calibration {
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Default)]
struct Bin {
    samples: u64,
    correct: u64,
    confidence: f64,
}

impl Calibration {
    #[inline]
    pub(crate) fn record(&mut self, confidence: f32, correct: bool) {
        let bin = &mut self.bins[bin_of(confidence)];
        bin.samples += 1;
        bin.correct += u64::from(correct);
        bin.confidence += f64::from(confidence);
    }

    /// The error, from 0 to 1, or `None` without any sample.
    pub(crate) fn error(&self) -> Option<f64> {
        let samples: u64 = self.bins.iter().map(|bin| bin.samples).sum();
        let gaps: f64 = self
            .bins
            .iter()
            .map(|bin| (bin.correct as f64 - bin.confidence).abs())
            .sum();
        (samples > 0).then(|| gaps / samples as f64)
    }
}

/// The bin of a confidence, from 0. Edges are compared in `f32`, so that a confidence of `0.2` lies in the bin
/// that ends at 3 / 15.
#[inline]
fn bin_of(confidence: f32) -> usize {
    let edge = |bin: usize| bin as f32 / BINS as f32;
    let guess = ((confidence * BINS as f32) as usize).min(BINS - 1);
    // The product is rounded, so that the guess may be off by one where the confidence lies on an edge.
    if confidence <= edge(guess) {
        guess.saturating_sub(1)
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_that_it_closes() {
        for bin in 0..BINS {
            let upper = (bin + 1) as f32 / BINS as f32;
            assert_eq!(bin_of(upper), bin, "{upper}");
            assert_eq!(bin_of(upper.next_down()), bin, "just below {upper}");
            assert_eq!(
                bin_of(upper.next_up()),
                (bin + 1).min(BINS - 1),
                "just above {upper}"
            );
        }
        assert_eq!(bin_of(0.0), 0);
    }

    #[test]
    fn overconfidence_is_measured() {
        let mut calibration = Calibration::default();
        assert_eq!(calibration.error(), None);
        for sample in 0..4 {
            calibration.record(0.75, sample == 0);
        }
        assert_eq!(calibration.error(), Some(0.5));
    }
}
