//! Event files in `tensorboard/`, which TensorBoard shows while the run goes on.

mod described;
mod mistakes;

use crate::photos::PhotosByPath;
use crate::{Error, files};
use described::{graph_nodes, hyper_parameters};
use marque_metrics::{EpochRecord, Predictions};
use marque_report::confusion_chart;
use marque_tensorboard::{EventWriter, Histogram, Status};
use marque_torch::{Network, stored_tensor};
use marque_train::{Event, Observer, Recipe, StepProgress, TrainingStart};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Pixels per CSS pixel of a chart. TensorBoard makes pictures smaller by leaving out pixels: from more of them its cards would
/// only get worse.
const CHART_SCALE: f32 = 1.0;

/// A new file for each process, so that a run that is gone on with takes back the steps that it repeats.
pub(super) struct TensorBoard {
    folder: PathBuf,
    recipe: Recipe,
    photos: PhotosByPath,
    /// Begun with the training.
    events: Option<EventWriter>,
    /// The last step that was taken.
    step: u64,
}

impl TensorBoard {
    /// The log of the run in `folder`, whose test photos are `photos`.
    pub(super) fn new(folder: &Path, recipe: &Recipe, photos: PhotosByPath) -> Self {
        Self {
            folder: folder.join(files::TENSORBOARD),
            recipe: recipe.clone(),
            photos,
            events: None,
            step: 0,
        }
    }

    fn begin(&mut self, start: &TrainingStart<'_>) -> Result<(), Error> {
        let goes_on = !event_files(&self.folder).map_err(self.refused())?.is_empty();
        let mut events = EventWriter::create(&self.folder)?;
        self.step = start.step as u64;
        if goes_on {
            // Steps are counted from 1. What else is told of a run, its first file tells.
            events.session_start(self.step + 1)?;
        } else {
            self.describe(&mut events, start.network)?;
        }
        self.events = Some(events);
        Ok(())
    }

    fn describe(&self, events: &mut EventWriter, network: &Network) -> Result<(), Error> {
        let refused = |error: serde_json::Error| self.refused()(error.into());
        let settings = serde_json::to_value(&self.recipe).map_err(refused)?;
        let values = hyper_parameters(&settings, network);
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        // Without metrics the table has columns for all settings that any of the runs has: a rule of optimisation brings its own.
        events.hyper_parameters(&values, &[])?;
        let recipe = serde_json::to_string_pretty(&self.recipe).map_err(refused)?;
        events.text("recipe", 0, &format!("```json\n{recipe}\n```"))?;
        Ok(events.graph(&graph_nodes(network.graph(), self.recipe.data.image_size)?)?)
    }

    fn refused(&self) -> impl Fn(io::Error) -> Error + use<> {
        let path = self.folder.clone();
        move |source| Error::Log {
            path: path.clone(),
            source,
        }
    }
}

impl Observer for TensorBoard {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        let written = match (event, &mut self.events) {
            (Event::Start(start), _) => self.begin(start),
            (Event::Step(progress), Some(events)) => {
                self.step = progress.step as u64;
                step(events, progress)
            }
            (Event::EpochEnd { record, network, .. }, Some(events)) => {
                epoch(events, self.step, record).and_then(|()| weights(events, self.step, network))
            }
            (Event::Tested(predictions), Some(events)) => {
                tested(events, self.step, predictions, &self.photos)
            }
            _ => Ok(()),
        };
        written.map_err(marque_train::Error::observer)
    }

    fn wants_gradient_norm(&self) -> bool {
        true
    }
}

fn step(events: &mut EventWriter, progress: &StepProgress) -> Result<(), Error> {
    let values = [
        ("train/loss", Some(progress.batch_loss)),
        ("train/learning_rate", Some(progress.learning_rate)),
        ("train/gradient_norm", progress.gradient_norm),
    ];
    scalars(events, progress.step as u64, &values)
}

fn epoch(events: &mut EventWriter, step: u64, record: &EpochRecord) -> Result<(), Error> {
    let values = [
        ("epoch/train_loss", Some(record.train_loss)),
        ("epoch/train_accuracy", Some(record.train_accuracy)),
        ("epoch/validation_loss", record.validation_loss),
        ("epoch/validation_accuracy", record.validation_accuracy),
        ("epoch/images_per_second", Some(record.images_per_second)),
    ];
    scalars(events, step, &values)
}

fn scalars(events: &mut EventWriter, step: u64, values: &[(&str, Option<f64>)]) -> Result<(), Error> {
    for (tag, value) in values {
        if let Some(value) = *value {
            events.scalar(tag, step, value)?;
        }
    }
    Ok(())
}

/// How the values of everything that is trained are distributed.
fn weights(events: &mut EventWriter, step: u64, network: &Network) -> Result<(), Error> {
    for parameter in network.trained_parameters() {
        let values = stored_tensor(&parameter.tensor)?;
        let tag = format!("weights/{}", parameter.name);
        events.histogram(&tag, step, &Histogram::of(values.to_f64()))?;
    }
    Ok(())
}

fn tested(
    events: &mut EventWriter,
    step: u64,
    predictions: &Predictions,
    photos: &PhotosByPath,
) -> Result<(), Error> {
    let metrics = predictions.metrics()?;
    events.scalar("test/accuracy", step, metrics.accuracy)?;
    events.scalar("test/macro_f1", step, metrics.macro_average.f1)?;
    let chart = confusion_chart(&metrics.confusion, &predictions.class_names)?;
    events.image("test/confusion", step, &chart.to_png(CHART_SCALE)?)?;
    for (tag, png) in mistakes::surest(predictions, photos)? {
        events.image(&tag, step, &png)?;
    }
    Ok(events.hyper_parameters_end(Status::Success)?)
}

/// The event files of a folder; none if there is no folder.
pub(crate) fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| name.starts_with("events.out.tfevents."))
    };
    paths.filter(|path| path.as_ref().map_or(true, is_one)).collect()
}
