//! Random numbers: first values of parameters and dropout masks. They are functions of the seed and a name (and, for
//! masks, the step), so that they depend neither on the device nor on the other layers of the network.

use marque_arch::{Init, Parameter};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Values in row-major order.
pub(crate) fn initial_values(parameter: &Parameter, seed: u64) -> Vec<f32> {
    let count = parameter.count();
    match parameter.init {
        Init::Constant(value) => vec![value; count],
        Init::Normal { std } => {
            let mut stream = stream(seed, &parameter.name);
            (0..count).map(|_| std * normal(&mut stream)).collect()
        }
        Init::Uniform { bound } => {
            let mut stream = stream(seed, &parameter.name);
            (0..count)
                .map(|_| bound * (2.0 * stream.random::<f32>() - 1.0))
                .collect()
        }
    }
}

/// Factors for a dropout: 0 with probability `p`, 1 / (1 − p) otherwise. They are a function of the seed, the step and the
/// node's name.
pub(crate) fn dropout_mask(count: usize, p: f64, (seed, step, name): (u64, u64, &str)) -> Vec<f32> {
    let mut stream = stream(seed, name);
    // A step's masks begin 2³² blocks of 16 words behind the last step's: no mask is so long that they meet.
    stream.set_word_pos(u128::from(step) << 36);
    let (threshold, kept) = ((p * f64::from(u32::MAX)) as u32, (1.0 / (1.0 - p)) as f32);
    (0..count)
        .map(|_| if stream.next_u32() < threshold { 0.0 } else { kept })
        .collect()
}

fn normal(stream: &mut impl Rng) -> f32 {
    StandardNormal.sample(stream)
}

fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(fnv1a(name.as_bytes()));
    stream
}

/// The FNV-1a hash: short, and the same on every machine and in every version, unlike the standard library's.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::ResNet;

    fn values_of(name: &str, seed: u64) -> Vec<f32> {
        let parameters = ResNet::resnet18().graph().unwrap().parameters();
        initial_values(
            parameters
                .iter()
                .find(|parameter| parameter.name == name)
                .unwrap(),
            seed,
        )
    }

    fn mean_and_variance(values: &[f32]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        (
            mean,
            values
                .iter()
                .map(|&value| (f64::from(value) - mean).powi(2))
                .sum::<f64>()
                / count,
        )
    }

    /// Over n numbers the sample variance of a normal scatters by √(2/n) of itself, the mean by √(variance/n);
    /// five times that is passed by chance once in a million.
    #[test]
    fn convolutions_are_kaiming_normal_by_fan_out() {
        let values = values_of("layer4.0.conv1.weight", 1);
        let (mean, variance) = mean_and_variance(&values);
        let expected = 2.0 / (512.0 * 9.0);
        let count = values.len() as f64;
        assert!(
            (variance / expected - 1.0).abs() < 5.0 * (2.0 / count).sqrt(),
            "{variance} {expected}"
        );
        assert!(mean.abs() < 5.0 * (expected / count).sqrt(), "{mean}");
        // A uniform distribution of this variance ends at √3 standard deviations.
        let beyond = values
            .iter()
            .filter(|value| f64::from(value.abs()) > 3.0 * expected.sqrt())
            .count() as f64
            / count;
        assert!((beyond - 0.0027).abs() < 0.0003, "{beyond}");
    }

    #[test]
    fn linear_layers_are_uniform_within_the_inverse_root_of_their_fan_in() {
        let bound = 1.0 / 512f32.sqrt();
        for name in ["fc.weight", "fc.bias"] {
            let values = values_of(name, 1);
            let largest = values
                .iter()
                .fold(0f32, |largest, value| largest.max(value.abs()));
            assert!(
                largest <= bound && largest > 0.99 * bound,
                "{name}: {largest} of {bound}"
            );
            let (_, variance) = mean_and_variance(&values);
            assert!(
                (variance / f64::from(bound * bound / 3.0) - 1.0).abs() < 0.2,
                "{name}: {variance}"
            );
        }
    }

    #[test]
    fn dropout_masks_have_their_share_of_zeros_and_a_mean_of_one() {
        let count = 200_000;
        for p in [0.1, 0.5, 0.7] {
            let mask = dropout_mask(count, p, (3, 5, "dropout"));
            let zeros = mask.iter().filter(|&&factor| factor == 0.0).count() as f64 / count as f64;
            // Five standard deviations of a share of so many.
            assert!(
                (zeros - p).abs() < 5.0 * (p * (1.0 - p) / count as f64).sqrt(),
                "{p}: {zeros}"
            );
            assert!(
                mask.iter()
                    .all(|&factor| factor == 0.0 || (f64::from(factor) * (1.0 - p) - 1.0).abs() < 1e-6)
            );
        }
        let mask = |seed, step, name| dropout_mask(64, 0.5, (seed, step, name));
        assert_eq!(mask(3, 5, "dropout"), mask(3, 5, "dropout"));
        for other in [mask(4, 5, "dropout"), mask(3, 6, "dropout"), mask(3, 5, "other")] {
            assert_ne!(mask(3, 5, "dropout"), other);
        }
    }

    #[test]
    fn values_depend_on_the_seed_and_the_name_alone() {
        assert_eq!(values_of("conv1.weight", 7), values_of("conv1.weight", 7));
        assert_ne!(values_of("conv1.weight", 7), values_of("conv1.weight", 8));
        assert_ne!(
            values_of("layer1.0.conv1.weight", 7),
            values_of("layer1.0.conv2.weight", 7)
        );
        assert_eq!(values_of("bn1.running_var", 7), vec![1.0; 64]);
    }
}
