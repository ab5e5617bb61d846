//! What can be said of a run beside its photos and its folder.

use marque_arch::Graph;
use marque_torch::DeviceChoice;
use marque_train::{PrepareConfig, Recipe};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The most bytes of features that are kept if not said otherwise.
const MAX_FEATURE_BYTES: u64 = 20_000_000_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunSettings {
    pub(crate) architecture: Architecture,
    pub(crate) weights: Option<PathBuf>,
    pub(crate) recipe: Option<Recipe>,
    pub(crate) prepare: PrepareConfig,
    #[serde(with = "as_text")]
    pub(crate) device: DeviceChoice,
    pub(crate) features: Option<PathBuf>,
    pub(crate) max_feature_bytes: u64,
    pub(crate) with_curve: bool,
    pub(crate) command: Option<String>,
    /// The longest time between two writes of the state within an epoch.
    pub(crate) save_every: Option<Duration>,
    /// Models of so many last epochs are kept.
    pub(crate) keep_last: usize,
    pub(crate) logs: LogSettings,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) tensorboard: bool,
    /// Whether a log that cannot be written ends the run.
    pub(crate) are_needed: bool,
}

/// What is trained.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Architecture {
    Named(String),
    Given(Graph),
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            architecture: Architecture::Named("resnet34".to_owned()),
            weights: None,
            recipe: None,
            prepare: PrepareConfig::default(),
            device: DeviceChoice::Cpu,
            features: None,
            max_feature_bytes: MAX_FEATURE_BYTES,
            with_curve: false,
            command: None,
            save_every: Some(Duration::from_mins(10)),
            keep_last: 0,
            logs: LogSettings::default(),
        }
    }
}

mod as_text {
    use marque_torch::DeviceChoice;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(device: &DeviceChoice, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(device)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceChoice, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
