//! The machines that LibTorch can be fetched for, and which libraries a build needs on each.

use std::fmt;

use anyhow::{Result, bail};

/// The release that `tch` 0.26 is written against; its headers and libraries must be of one release.
pub(crate) const VERSION: &str = "2.13.0";

/// An operating system and processor for which PyPI has wheels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    LinuxX86_64,
    LinuxAarch64,
    MacOsAarch64,
}

/// Which LibTorch: without or with the CUDA libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Cpu,
    Cuda,
}

impl Platform {
    /// The machine that this program runs on.
    pub(crate) fn host() -> Result<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Ok(Self::LinuxX86_64),
            ("linux", "aarch64") => Ok(Self::LinuxAarch64),
            ("macos", "aarch64") => Ok(Self::MacOsAarch64),
            (os, architecture) => bail!(
                "there is no LibTorch {VERSION} to fetch for {os} on {architecture}.\n\
                 Set LIBTORCH to the folder of one that you built yourself."
            ),
        }
    }

    /// The libraries out of `torch/lib` that a CPU build loads, found from what each names as needed.
    ///
    /// The Linux wheels are CUDA builds, aarch64 included; `libtorch.so` and the CUDA libraries are left out and
    /// [`replaces_libtorch`](Self::replaces_libtorch) says what stands in for the former.
    pub(crate) fn cpu_libraries(self) -> &'static [&'static str] {
        match self {
            Self::LinuxX86_64 => &["libc10.so", "libgomp.so.1", "libtorch_cpu.so"],
            Self::LinuxAarch64 => &[
                "libarm_compute.so",
                "libarm_compute_graph.so",
                "libc10.so",
                "libgomp.so.1",
                "libnvpl_blas_core.so.0",
                "libnvpl_blas_lp64_gomp.so.0",
                "libnvpl_lapack_core.so.0",
                "libnvpl_lapack_lp64_gomp.so.0",
                "libtorch_cpu.so",
            ],
            Self::MacOsAarch64 => &[
                "libc10.dylib",
                "libomp.dylib",
                "libtorch.dylib",
                "libtorch_cpu.dylib",
            ],
        }
    }

    /// The libraries out of NVIDIA's wheels that even `libtorch_cpu` cannot be loaded without.
    pub(crate) fn cpu_companions(self) -> &'static [&'static str] {
        match self {
            Self::LinuxX86_64 | Self::LinuxAarch64 => &["libcudart.so.13", "libcupti.so.13"],
            Self::MacOsAarch64 => &[],
        }
    }

    /// Whether a linker script must stand for `libtorch`, because the real one drags in the CUDA libraries.
    pub(crate) fn replaces_libtorch(self) -> bool {
        self != Self::MacOsAarch64
    }

    /// The file name of a shared library on this platform: `torch_cpu` becomes `libtorch_cpu.so`.
    pub(crate) fn library(self, name: &str) -> String {
        match self {
            Self::LinuxX86_64 | Self::LinuxAarch64 => format!("lib{name}.so"),
            Self::MacOsAarch64 => format!("lib{name}.dylib"),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LinuxX86_64 => "linux-x86_64",
            Self::LinuxAarch64 => "linux-aarch64",
            Self::MacOsAarch64 => "macos-aarch64",
        })
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda13",
        })
    }
}
