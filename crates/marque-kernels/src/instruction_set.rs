use crate::Error;
use crate::kernels::Kernels;
use std::fmt;
use std::str::FromStr;

/// What the kernels are compiled for. All of them give the same numbers up to rounding; those with a fused multiply-add, the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// AVX-512F of x86-64: 16 numbers at a time.
    Avx512,
    /// AVX2 with fused multiply-add of x86-64: 8 numbers at a time.
    Avx2,
    /// NEON of 64-bit ARM: 4 numbers at a time.
    Neon,
    /// SIMD128 of WebAssembly: 4 numbers at a time.
    Simd128,
    /// What the compiler takes for any processor.
    Scalar,
}

impl InstructionSet {
    /// All of them, the fastest first.
    pub const ALL: [Self; 5] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Simd128, Self::Scalar];

    /// Those that this processor has and this build has kernels for, the fastest first. The last one is always
    /// [`Scalar`](Self::Scalar).
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|set| set.is_available())
    }

    /// The fastest one that can be had.
    pub fn fastest() -> Self {
        Self::available().next().unwrap_or(Self::Scalar)
    }

    /// Whether this processor has it and this build has kernels for it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => true,
            Self::Scalar => true,
            #[allow(unreachable_patterns, reason = "which ones are left depends on the target")]
            _ => false,
        }
    }

    /// Its name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Simd128 => "simd128",
            Self::Scalar => "scalar",
        }
    }

    /// Its kernels.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) fn kernels(self) -> Result<&'static Kernels, Error> {
        if !self.is_available() {
            let available: Vec<&str> = Self::available().map(Self::name).collect();
            return Err(Error::Unavailable {
                requested: self.name().to_owned(),
                available: available.join(", "),
            });
        }
        Ok(match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => &crate::kernels::avx512::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => &crate::kernels::avx2::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => &crate::kernels::neon::KERNELS,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => &crate::kernels::simd128::KERNELS,
            _ => &crate::kernels::scalar::KERNELS,
        })
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for InstructionSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|set| set.name() == text);
        found.ok_or_else(|| Error::UnknownInstructionSet {
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_what_is_missing_is_refused() {
        for set in InstructionSet::ALL {
            assert_eq!(set.to_string().parse::<InstructionSet>(), Ok(set));
            assert_eq!(set.kernels().is_ok(), set.is_available());
        }
        assert!("mmx".parse::<InstructionSet>().is_err());
        assert!(InstructionSet::Scalar.is_available());
        assert!(InstructionSet::fastest().is_available());
    }
}
