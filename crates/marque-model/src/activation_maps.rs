//! How much each place of an image speaks for a class.

use ndarray::{Array2, Array3, ArrayView2};

/// Maps of one batch, as an engine that can [`Explain`](crate::Explain) computes them.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationMaps {
    /// For every image the class that its map explains.
    pub classes: Vec<usize>,
    /// N×h×w, where h×w is the size of the feature maps: how much each place speaks for the class, in units of
    /// the class's logit. Never negative; all zeros where nothing speaks for the class.
    pub maps: Array3<f32>,
}

impl ActivationMaps {
    /// The map of one image, brought to 0..1 and to the image's size, `height`×`width` pixels: the smallest value becomes
    /// 0 and the largest 1 (a map without contrast is all zeros), and values between the places of the map are
    /// interpolated linearly, pixels taken as squares. This is what the `grad-cam` package for PyTorch gives out.
    ///
    /// `None` if there is no such image.
    pub fn heat(&self, image: usize, height: usize, width: usize) -> Option<Array2<f32>> {
        let maps = self.maps.outer_iter().nth(image)?;
        let resized = resized(normalized(maps).view(), height, width);
        // Between the places of a map, its extreme values are missed.
        Some(normalized(resized.view()))
    }
}

/// Keeps a map without contrast from being divided by nothing.
const LEAST_CONTRAST: f32 = 1e-7;

fn normalized(map: ArrayView2<'_, f32>) -> Array2<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    map.mapv(|value| (value - least) / (LEAST_CONTRAST + (most - least)))
}

fn resized(map: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
    let rows = taps(map.nrows(), height);
    let columns = taps(map.ncols(), width);
    Array2::from_shape_fn((height, width), |(y, x)| {
        let ((top, bottom, down), (left, right, across)) = (rows[y], columns[x]);
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let upper = mix(map[[top, left]], map[[top, right]], across);
        let lower = mix(map[[bottom, left]], map[[bottom, right]], across);
        mix(upper, lower, down)
    })
}

/// For each of `to` pixels the two of `from` that it lies between, and how near it is to the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let last = from.saturating_sub(1);
    let tap = |pixel: usize| {
        let centre = ((pixel as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
        let first = centre as usize;
        (first, (first + 1).min(last), centre - first as f32)
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, aview2};

    #[test]
    fn a_map_without_contrast_is_all_zeros() {
        assert_eq!(normalized(aview2(&[[3.0, 3.0]])), array![[0.0, 0.0]]);
    }

    #[test]
    fn pixels_are_squares_and_the_edge_goes_on() {
        let resized = resized(aview2(&[[0.0, 1.0]]), 1, 4);
        assert_eq!(resized, array![[0.0, 0.25, 0.75, 1.0]]);
        // The same size changes nothing.
        let map = array![[0.5, 0.25], [1.0, 0.0]];
        assert_eq!(super::resized(map.view(), 2, 2), map);
    }
}
