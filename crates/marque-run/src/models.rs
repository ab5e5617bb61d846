//! Model files of a run while it is trained.

use crate::files;
use marque_fs::remove_abandoned;
use marque_model::{ModelCard, save_model};
use marque_train::{Error, Event, Observer};
use std::path::Path;

/// Writes the best model whenever there is a better one, and those of the last epochs.
pub(crate) struct Models<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) card: &'a ModelCard,
    /// Models of so many last epochs are kept.
    pub(crate) keep_last: usize,
}

impl Observer for Models<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Improved { weights, .. } => {
                save_model(&self.folder.join(files::MODEL), weights, self.card).map_err(Error::observer)
            }
            Event::EpochEnd { record, network, .. } if self.keep_last > 0 => {
                let folder = self.folder.join(files::EPOCHS);
                let path = |epoch: u32| folder.join(format!("epoch-{epoch:04}.safetensors"));
                save_model(&path(record.epoch), &network.state_dict()?, self.card)
                    .map_err(Error::observer)?;
                remove_abandoned(&folder).map_err(Error::observer)?;
                // One epoch brings one file, so that one goes; it may be gone already.
                if let Some(oldest) = u32::try_from(self.keep_last)
                    .ok()
                    .and_then(|kept| record.epoch.checked_sub(kept))
                {
                    let _ = std::fs::remove_file(path(oldest));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
