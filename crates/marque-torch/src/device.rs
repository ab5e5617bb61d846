use crate::Error;
use std::fmt;
use std::str::FromStr;
use tch::Device;

/// A device as a user asks for it: `cpu`, `cuda` or `cuda:N`.
///
/// A device that is not there is an error. Nothing falls back to the CPU in silence.
///
/// ```
/// use marque_torch::DeviceChoice;
///
/// let choice: DeviceChoice = "cuda:1".parse()?;
/// assert_eq!(choice, DeviceChoice::Cuda(1));
/// assert!("gpu".parse::<DeviceChoice>().is_err());
/// assert_eq!(DeviceChoice::Cpu.device()?, marque_torch::Device::Cpu);
/// # Ok::<(), marque_torch::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number.
    Cuda(usize),
}

impl DeviceChoice {
    /// The device, if it is there.
    ///
    /// # Errors
    /// [`Error::NoDevice`] with the reason.
    pub fn device(self) -> Result<Device, Error> {
        let DeviceChoice::Cuda(index) = self else {
            return Ok(Device::Cpu);
        };
        let missing = |reason: String| {
            Err(Error::NoDevice {
                requested: self.to_string(),
                reason,
            })
        };
        if !tch::Cuda::is_available() {
            let reason = "LibTorch sees no CUDA: it is a CPU build, or there is no NVIDIA driver or GPU; \
                          `cargo xtask doctor` says which, `cargo xtask libtorch --cuda` fetches the CUDA build";
            return missing(reason.to_owned());
        }
        let count = tch::Cuda::device_count();
        if i64::try_from(index).is_ok_and(|index| index < count) {
            return Ok(Device::Cuda(index));
        }
        missing(format!("there are {count} GPUs, numbered from 0"))
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownDevice {
            found: text.to_owned(),
        };
        match text.split_once(':') {
            None if text == "cpu" => Ok(DeviceChoice::Cpu),
            None if text == "cuda" => Ok(DeviceChoice::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(DeviceChoice::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Cpu => formatter.write_str("cpu"),
            DeviceChoice::Cuda(index) => write!(formatter, "cuda:{index}"),
        }
    }
}

/// Threads that LibTorch computes one operation with.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Sets the threads that LibTorch computes one operation with, for the whole process. Sums are ordered
/// differently with another number, so results repeat bit for bit only for the same one.
pub fn set_threads(count: usize) {
    tch::set_num_threads(i32::try_from(count.max(1)).unwrap_or(i32::MAX));
}

/// The version of LibTorch that this program was built with, such as `2.13.0`; `None` where its headers do not say.
pub fn libtorch_version() -> Option<&'static str> {
    option_env!("MARQUE_LIBTORCH_VERSION")
}
