//! First values of parameters: a function of the seed and the parameter's name, so that they depend neither
//! on the device nor on the other layers of the network.

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
