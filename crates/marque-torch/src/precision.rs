use tch::{Device, Kind};

/// The types of a network's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    #[default]
    Single,
    /// `f64`: for comparing gradients. In single precision rounding carries a few of a deep network's rectifiers over
    /// their kink, which moves gradients by a percent.
    Double,
    /// Feature maps and convolutions in bfloat16 (8 bits of exponent, 7 of fraction), parameters, statistics, pooled
    /// features and linear layers in `f32` (Micikevicius et al. 2017, arXiv:1710.03740; bfloat16 has the range of `f32`, so
    /// that no loss has to be scaled). Several times as fast where the processor multiplies bfloat16 matrices, slower than
    /// single precision where it does not; see [`Precision::fastest_on`].
    Mixed,
}

impl Precision {
    /// [`Mixed`](Precision::Mixed) where `device` computes bfloat16 in hardware, [`Single`](Precision::Single) elsewhere.
    pub fn fastest_on(device: Device) -> Self {
        let fast = match device {
            Device::Cpu => processor_multiplies_bfloat16(),
            Device::Cuda(_) => true,
            _ => false,
        };
        if fast { Precision::Mixed } else { Precision::Single }
    }

    /// The type of parameters, running statistics and linear layers.
    pub(crate) fn of_parameters(self) -> Kind {
        match self {
            Precision::Single | Precision::Mixed => Kind::Float,
            Precision::Double => Kind::Double,
        }
    }

    /// The type of feature maps and of what convolutions multiply.
    pub(crate) fn of_maps(self) -> Kind {
        match self {
            Precision::Single => Kind::Float,
            Precision::Double => Kind::Double,
            Precision::Mixed => Kind::BFloat16,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn processor_multiplies_bfloat16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_multiplies_bfloat16() -> bool {
    false
}
