use super::error::TorchError;

/// What looking through a pickle may cost. Values that are shared make a small file large when it is walked.
#[derive(Debug)]
pub(super) struct Budget {
    entries: usize,
    name_bytes: usize,
}

/// Far more than any network's or training run's.
const MAX_ENTRIES: usize = 2_000_000;
const MAX_NAME_BYTES: usize = 16 << 20;

/// How deep modules or dictionaries may hold each other. Networks are about ten deep.
pub(super) const MAX_DEPTH: usize = 64;

impl Default for Budget {
    fn default() -> Self {
        Self {
            entries: MAX_ENTRIES,
            name_bytes: MAX_NAME_BYTES,
        }
    }
}

impl Budget {
    /// Accounts for a look at so many entries.
    pub(super) fn entries(&mut self, count: usize) -> Result<(), TorchError> {
        spend(&mut self.entries, count)
    }

    /// A name below another, or alone if there is none above.
    pub(super) fn name(&mut self, above: &str, name: &str) -> Result<String, TorchError> {
        spend(&mut self.name_bytes, above.len() + name.len() + 1)?;
        Ok(if above.is_empty() {
            name.to_owned()
        } else {
            format!("{above}.{name}")
        })
    }
}

fn spend(left: &mut usize, cost: usize) -> Result<(), TorchError> {
    *left = left.checked_sub(cost).ok_or(TorchError::TooMany)?;
    Ok(())
}
