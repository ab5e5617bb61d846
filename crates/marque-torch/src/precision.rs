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
    /// [`Mixed`](Precision::Mixed) where `device` computes faster in bfloat16, [`Single`](Precision::Single) elsewhere. On the CPU that
    /// takes AMX, or AVX-512 with bfloat16 of an AMD processor.
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

/// bfloat16 in AVX-512 alone is not enough: a training step of ResNet-34 at 96×160 took 0.54 of the time of single precision on an AMD EPYC
/// (Zen 4), and 1.5 times as long on an Intel Xeon (Emerald Rapids) whose AMX was not to be had.
#[cfg(target_arch = "x86_64")]
fn processor_multiplies_bfloat16() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    // What the operating system does not save and restore is not counted as detected.
    if !std::arch::is_x86_feature_detected!("avx512bf16") {
        return false;
    }
    let maker = __cpuid(0);
    let is_amd = [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
    const AMX_BF16: u32 = 1 << 22;
    is_amd || __cpuid_count(7, 0).edx & AMX_BF16 != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_multiplies_bfloat16() -> bool {
    false
}
