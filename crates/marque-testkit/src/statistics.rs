//! Batch-norm statistics in one byte per channel.
//!
//! A golden case of a deep network needs statistics that fit its data, but DenseNet-201 alone has 57 thousand
//! channels. So a mean is one of 16 evenly spaced values and a variance one of 16 in geometric progression,
//! between the least and the largest of its layer. The quantised values are what both sides compute with;
//! `python/marque_statistics.py` makes them, and decodes them to the same bits.

use crate::{Error, Golden};

/// Values that four bits tell apart.
const LEVELS: usize = 16;
/// Numbers that decode a layer: its least mean, the step of means, its smallest variance, their ratio.
const RANGES: usize = 4;

/// Running mean and variance of one batch norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// One per channel.
    pub mean: Vec<f32>,
    /// One per channel.
    pub variance: Vec<f32>,
}

/// The statistics of all batch norms of a golden file, which holds them as `statistics/codes` and
/// `statistics/ranges`, for layers with so many channels, in the order of the network.
///
/// ```
/// use marque_testkit::{Golden, statistics};
///
/// let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "statistics/io.safetensors")?;
/// let layers = statistics::unpack(&golden, &[256, 1, 5, 96])?;
/// assert_eq!(layers[2].variance, [1.3; 5]);
/// # Ok::<(), marque_testkit::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the file has other layers; otherwise as [`Golden::f32`].
pub fn unpack(golden: &Golden, channels: &[usize]) -> Result<Vec<Statistics>, Error> {
    let codes = golden.u8("statistics/codes")?;
    let ranges = golden.f32("statistics/ranges")?;
    let needed = (channels.iter().sum::<usize>(), vec![channels.len(), RANGES]);
    if (codes.len(), ranges.shape().to_vec()) != needed {
        return Err(Error::Shape {
            operation: "statistics of batch norms",
            expected: format!("{} channels of {} layers", needed.0, channels.len()),
            found: format!(
                "{} channels and ranges of shape {:?}",
                codes.len(),
                ranges.shape()
            ),
        });
    }
    let mut codes = codes.into_iter();
    let layers = channels.iter().zip(ranges.outer_iter());
    Ok(layers
        .map(|(&count, ranges)| {
            let codes: Vec<u8> = codes.by_ref().take(count).collect();
            dequantise(&codes, [ranges[0], ranges[1], ranges[2], ranges[3]])
        })
        .collect())
}

/// One IEEE operation after the other, as in Python.
fn dequantise(codes: &[u8], [low, step, smallest, ratio]: [f32; RANGES]) -> Statistics {
    let mut table = [smallest; LEVELS];
    for level in 1..LEVELS {
        table[level] = table[level - 1] * ratio;
    }
    let mean = |code: &u8| low + f32::from(code >> 4) * step;
    let variance = |code: &u8| table[usize::from(code & 15)];
    Statistics {
        mean: codes.iter().map(mean).collect(),
        variance: codes.iter().map(variance).collect(),
    }
}
