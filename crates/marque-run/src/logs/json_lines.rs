//! `log.jsonl`: one object of JSON on a line for each event.

use marque_metrics::EpochRecord;
use marque_train::{Error, Event, Observer, Recipe, StopReason};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends to the file, so that a run that is gone on with goes on with its log: a line `start` says from which step on, and
/// what earlier lines tell of that step and later ones no longer counts.
pub(super) struct JsonLines {
    file: Lines,
    recipe: Recipe,
}

struct Lines {
    path: PathBuf,
    /// Opened with the first line.
    opened: Option<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970.
    time: f64,
    #[serde(flatten)]
    event: Told<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Told<'a> {
    Note {
        text: &'a str,
    },
    Start {
        /// Steps taken before.
        step: usize,
        /// Epochs finished before.
        epochs_done: usize,
        epochs: u32,
        steps_per_epoch: usize,
        recipe: &'a Recipe,
    },
    Step {
        epoch: u32,
        step: usize,
        images: usize,
        loss: f64,
        learning_rate: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        gradient_norm: Option<f64>,
    },
    BatchSkipped {
        epoch: u32,
        step: usize,
        photos: &'a str,
    },
    Communication {
        epoch: u32,
        processes: usize,
        seconds: f64,
        share: f64,
        bytes: u64,
    },
    Epoch {
        #[serde(flatten)]
        record: &'a EpochRecord,
        is_best: bool,
        photos_left_out: usize,
    },
    Saved {
        bytes: u64,
        seconds: f64,
    },
    End {
        reason: String,
    },
    Tested {
        photos: usize,
        accuracy: f64,
    },
}

impl JsonLines {
    pub(super) fn new(path: PathBuf, recipe: &Recipe) -> Self {
        let opened = None;
        Self {
            file: Lines { path, opened },
            recipe: recipe.clone(),
        }
    }
}

impl Lines {
    fn write(&mut self, event: Told<'_>) -> std::io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let time = now.unwrap_or_default().as_secs_f64();
        let mut text = serde_json::to_string(&Line { time, event })?;
        text.push('\n');
        let file = match &mut self.opened {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                let opened = options.read(true).append(true).create(true).open(&self.path)?;
                end_last_line(&opened, &mut text)?;
                self.opened.insert(opened)
            }
        };
        // A line goes out in one piece: a reader never sees half of one, and a killed process leaves at most the last one cut.
        let before = file.metadata()?.len();
        file.write_all(text.as_bytes()).inspect_err(|_| {
            // The error is told; half a line is not.
            let _ = file.set_len(before);
        })
    }
}

/// What a process that was killed has left of a line stays a line of its own.
fn end_last_line(mut file: &File, text: &mut String) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};

    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        text.insert(0, '\n');
    }
    Ok(())
}

impl Observer for JsonLines {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let told = match event {
            Event::Note(text) => Told::Note { text },
            Event::Start(start) => Told::Start {
                step: start.step,
                epochs_done: start.history.epochs.len(),
                epochs: start.config.epochs,
                steps_per_epoch: start.steps_per_epoch,
                recipe: &self.recipe,
            },
            Event::Step(step) => Told::Step {
                epoch: step.epoch,
                step: step.step,
                images: step.images,
                loss: step.batch_loss,
                learning_rate: step.learning_rate,
                gradient_norm: step.gradient_norm,
            },
            Event::BatchSkipped(skipped) => Told::BatchSkipped {
                epoch: skipped.epoch,
                step: skipped.step,
                photos: skipped.photos,
            },
            Event::Communication(told) => Told::Communication {
                epoch: told.epoch,
                processes: told.ranks,
                seconds: told.seconds,
                share: told.share,
                bytes: told.bytes,
            },
            Event::EpochEnd {
                record,
                is_best,
                skipped,
                ..
            } => Told::Epoch {
                record,
                is_best: *is_best,
                photos_left_out: *skipped,
            },
            Event::Saved { bytes, seconds, .. } => Told::Saved {
                bytes: *bytes,
                seconds: *seconds,
            },
            Event::End(reason) => Told::End {
                reason: match reason {
                    StopReason::Finished => "finished",
                    StopReason::NoImprovement => "no_improvement",
                    StopReason::Interrupted => "interrupted",
                }
                .to_owned(),
            },
            Event::Tested(predictions) => Told::Tested {
                photos: predictions.labels.len(),
                accuracy: predictions.metrics()?.accuracy,
            },
            _ => return Ok(()),
        };
        self.file.write(told).map_err(|source| {
            Error::observer(crate::Error::Log {
                path: self.file.path.clone(),
                source,
            })
        })
    }
}
