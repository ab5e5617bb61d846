//! Keeping a training's state in a file while it goes on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where the state of a training is kept while it goes on, and how often it is written.
///
/// It is always written when the training ends or is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveConfig {
    /// The file. It is replaced in one step, so that there is a whole one at any time.
    pub file: PathBuf,
    /// The longest time within an epoch between two writes: what is lost, at most, when the process is killed. `None` for
    /// none within an epoch, zero for one after every step.
    pub every: Option<Duration>,
    /// Whether it is written at the end of every epoch.
    pub each_epoch: bool,
}

impl SaveConfig {
    /// Every ten minutes, and at the end of every epoch.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            every: Some(Duration::from_mins(10)),
            each_epoch: true,
        }
    }
}

#[derive(Debug)]
pub(super) struct Saving {
    pub(super) config: SaveConfig,
    last: Instant,
}

impl Saving {
    pub(super) fn new(config: SaveConfig) -> Self {
        Self {
            config,
            last: Instant::now(),
        }
    }

    /// Whether a write is due after a step.
    pub(super) fn is_due(&self) -> bool {
        self.config
            .every
            .is_some_and(|every| self.last.elapsed() >= every)
    }

    pub(super) fn done(&mut self) {
        self.last = Instant::now();
    }
}
