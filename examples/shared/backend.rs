//! What computes: marque's own engine, or LibTorch where a program is built with it.

use clap::ValueEnum;
use marque::infer::SessionOptions;
#[cfg(feature = "torch")]
use marque::torch::{DeviceChoice, NetworkOptions};

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// marque's own engine, on the CPU.
    Native,
    /// LibTorch.
    #[cfg(feature = "torch")]
    Torch,
}

/// Flags that say what computes.
#[derive(clap::Args, Debug)]
pub(crate) struct Computing {
    /// What computes; marque's own engine where it can and no other device is asked for.
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Threads; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// cpu, cuda or cuda:N.
    #[cfg(feature = "torch")]
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

impl Computing {
    /// What computes, after all that was said: `default` where nothing was.
    ///
    /// # Errors
    /// If marque's own engine is to run on another device than the CPU.
    pub(crate) fn backend(&self, default: Backend) -> anyhow::Result<Backend> {
        #[cfg(feature = "torch")]
        if self.device != DeviceChoice::Cpu {
            anyhow::ensure!(
                self.backend != Some(Backend::Native),
                "the native backend runs on the CPU; --device {} needs --backend torch",
                self.device
            );
            return Ok(Backend::Torch);
        }
        Ok(self.backend.unwrap_or(default))
    }

    /// Options of marque's own engine.
    pub(crate) fn session_options(&self) -> SessionOptions {
        SessionOptions {
            threads: self.threads,
            ..SessionOptions::default()
        }
    }

    /// Options of a network on LibTorch, which takes the number of threads for the whole process.
    #[cfg(feature = "torch")]
    pub(crate) fn network_options(&self) -> anyhow::Result<NetworkOptions> {
        if self.threads > 0 {
            marque::torch::set_threads(self.threads);
        }
        Ok(NetworkOptions {
            device: self.device.device()?,
            ..NetworkOptions::default()
        })
    }
}
