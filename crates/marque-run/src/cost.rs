//! What a network costs to hold and to run, counted and measured.

use crate::Error;
use marque_arch::ImageSize;
use marque_report::Cost;
use marque_torch::Network;
use ndarray::Array4;
use std::time::Instant;

/// Passes of which the median time is taken, after one that is not counted.
const PASSES: usize = 9;

/// The cost of a network for photos of this size: counts, and the median time of nine passes with one photo.
///
/// # Errors
/// [`Error::Graph`] if the size does not suit the network, [`Error::Torch`] if it cannot be run.
pub fn cost(network: &Network, size: ImageSize) -> Result<Cost, Error> {
    let summary = network.graph().summary(size)?;
    let photo = Array4::zeros((1, 3, size.height, size.width));
    let mut seconds = Vec::new();
    for _ in 0..=PASSES {
        let begun = Instant::now();
        network.predict(photo.view())?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds.remove(0);
    seconds.sort_by(f64::total_cmp);
    Ok(Cost {
        parameters: summary.trained_parameters(),
        multiply_adds: summary.multiply_adds(),
        latency_seconds: Some(seconds[PASSES / 2]),
    })
}
