//! What a network costs to hold and to run, counted and measured.

use anyhow::Result;
use marque::data::ImageSize;
use marque::report::Cost;
use marque::torch::Network;
use ndarray::Array4;
use std::time::Instant;

/// Passes of which the median time is taken, after one that is not counted.
const PASSES: usize = 9;

/// The cost of a network for photos of this size.
pub(crate) fn cost(network: &Network, size: ImageSize) -> Result<Cost> {
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
