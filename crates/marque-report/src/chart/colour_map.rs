//! Colours for values, from dark to light.

use super::theme::Rgb;

/// Colours from the least to the greatest value, at equal distances: from dark violet over blue and green to light
/// yellow. Lightness grows evenly from each to the next, so that the order is seen in grey and with any kind of colour
/// vision.
const ANCHORS: [[f64; 3]; 6] = [
    [57.0, 14.0, 92.0],
    [62.0, 73.0, 140.0],
    [38.0, 120.0, 147.0],
    [42.0, 165.0, 134.0],
    [132.0, 205.0, 88.0],
    [250.0, 234.0, 70.0],
];

/// The colour at `share`, from 0 for the least to 1 for the greatest value.
pub(crate) fn colour(share: f64) -> Rgb {
    let last = ANCHORS.len() - 1;
    let at = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    } * last as f64;
    let below = (at as usize).min(last - 1);
    mixed(ANCHORS[below], ANCHORS[below + 1], at - below as f64)
}

/// The colour at `share` of the way from `first` to `second`, channel by channel.
pub(crate) fn mixed(first: [f64; 3], second: [f64; 3], share: f64) -> Rgb {
    let channel = |index: usize| first[index] + (second[index] - first[index]) * share;
    Rgb([channel(0), channel(1), channel(2)].map(|value| value.round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lightness L* of CIE 1976, from 0 for black to 100 for white.
    fn lightness(Rgb(channels): Rgb) -> f64 {
        let linear = channels.map(|channel| {
            let value = f64::from(channel) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        });
        let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        116.0 * luminance.cbrt() - 16.0
    }

    #[test]
    fn lightness_grows_with_the_value() {
        let all: Vec<f64> = (0..=100)
            .map(|at| lightness(colour(f64::from(at) / 100.0)))
            .collect();
        assert!(all.windows(2).all(|pair| pair[1] > pair[0]), "{all:?}");
        // Evenly: each fifth is within a third of the mean growth.
        let mean = (all[100] - all[0]) / 5.0;
        for fifth in all
            .chunks_exact(20)
            .map(|part| part[0])
            .collect::<Vec<_>>()
            .windows(2)
        {
            let growth = fifth[1] - fifth[0];
            assert!((growth - mean).abs() < mean / 3.0, "{growth} of {mean}");
        }
    }

    #[test]
    fn shares_beyond_the_ends_have_the_colours_of_the_ends() {
        for (share, end) in [(-1.0, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 1.0), (1e300, 1.0)] {
            assert_eq!(colour(share), colour(end));
        }
    }
}
