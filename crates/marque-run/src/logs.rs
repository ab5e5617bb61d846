//! What a run writes of itself while it goes on, so that one that is killed has its curves.

mod json_lines;
mod tensorboard;

use crate::files;
use crate::photos::PhotosByPath;
use crate::settings::LogSettings;
use json_lines::JsonLines;
use marque_metrics::History;
use marque_report::save_history;
use marque_train::{Error, Event, Observer, Recipe};
use std::path::{Path, PathBuf};
use tensorboard::TensorBoard;

pub(crate) use tensorboard::event_files;

/// The logs of a run. One that cannot be written ends, and the run goes on, unless all are needed.
pub(crate) struct Logs {
    logs: Vec<(&'static str, Box<dyn Observer>)>,
    are_needed: bool,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.logs.iter().map(|(name, _)| name);
        formatter.debug_list().entries(names).finish()
    }
}

impl Logs {
    /// The logs in a run folder; `photos` are those of the predictions.
    pub(crate) fn new(folder: &Path, settings: LogSettings, recipe: &Recipe, photos: PhotosByPath) -> Self {
        let table = Epochs {
            folder: folder.to_owned(),
            history: History::default(),
        };
        let lines = JsonLines::new(folder.join(files::LOG), recipe);
        let mut logs: Vec<(&'static str, Box<dyn Observer>)> =
            vec![("history.csv", Box::new(table)), (files::LOG, Box::new(lines))];
        if settings.tensorboard {
            let events = TensorBoard::new(folder, recipe, photos);
            logs.push((files::TENSORBOARD, Box::new(events)));
        }
        Self {
            logs,
            are_needed: settings.are_needed,
        }
    }

    /// Tells all logs of an event, and `observer` of those that end with it.
    pub(crate) fn tell(&mut self, event: &Event<'_>, observer: &mut dyn Observer) -> Result<(), Error> {
        let mut ended = Vec::new();
        for (position, (name, log)) in self.logs.iter_mut().enumerate() {
            match log.observe(event) {
                Err(error) if self.are_needed => return Err(error),
                Err(error) => ended.push((position, format!("{name} ends here, the run goes on: {error}"))),
                Ok(()) => {}
            }
        }
        for (position, note) in ended.into_iter().rev() {
            drop(self.logs.remove(position));
            observer.observe(&Event::Note(&note))?;
        }
        Ok(())
    }

    pub(crate) fn want_gradient_norm(&self) -> bool {
        self.logs.iter().any(|(_, log)| log.wants_gradient_norm())
    }
}

/// `history.csv`, anew after every epoch.
struct Epochs {
    folder: PathBuf,
    history: History,
}

impl Observer for Epochs {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Start(start) => self.history = start.history.clone(),
            Event::EpochEnd { record, .. } => self.history.epochs.push(**record),
            _ => return Ok(()),
        }
        save_history(&self.folder, "history", &self.history)
            .map(drop)
            .map_err(Error::observer)
    }
}
