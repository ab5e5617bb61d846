//! Programs that train in one process.

use anyhow::{Result, bail};
use marque::dist::Launch;

/// Refuses to be one of several processes, for programs that make many runs, or one that one process makes in no time.
pub(crate) fn require_alone() -> Result<()> {
    match Launch::from_environment()? {
        Some(launch) if launch.world_size > 1 => bail!(
            "this program trains in one process, and was started as {} of {}; finetune and the other programs that make one run train \
             with several",
            launch.rank,
            launch.world_size
        ),
        _ => Ok(()),
    }
}
