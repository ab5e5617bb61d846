use crate::FeatureProgress;
use crate::observer::{Event, Observer, SkippedBatch, StepProgress};
use indicatif::{ProgressBar, ProgressStyle};
use marque_metrics::EpochRecord;
use std::io::{IsTerminal, Write};

/// Shows how far a training is: a bar with rate and time left on a terminal, a line per epoch elsewhere. Everything
/// goes to the standard error stream.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    on_terminal: bool,
    epochs: u32,
}

impl Progress {
    /// Looks whether the standard error stream is a terminal.
    pub fn new() -> Self {
        Self {
            bar: None,
            on_terminal: std::io::stderr().is_terminal(),
            epochs: 0,
        }
    }

    fn start(&mut self, task: String, images: usize, done: usize) {
        if !self.on_terminal {
            return;
        }
        let template = "{prefix} [{bar:30}] {pos}/{len} {per_sec} left {eta}  {msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(images as u64).with_style(style.progress_chars("=> "));
        bar.set_prefix(task);
        bar.set_position(done as u64);
        // Rate and time left are those of what is done from here on.
        bar.reset_eta();
        self.bar = Some(bar);
    }

    fn features(&mut self, progress: FeatureProgress) {
        if self.bar.is_none() {
            self.start("features".to_owned(), progress.total, 0);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done as u64);
        }
        if progress.done == progress.total {
            self.end(&format!("features of {} views of photos", progress.total));
        }
    }

    fn advance(&self, step: StepProgress) {
        if let Some(bar) = &self.bar {
            bar.inc(step.images as u64);
            bar.set_message(format!("loss {:.4}, accuracy {:.3}", step.loss, step.accuracy));
        }
    }

    fn end(&mut self, line: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.note(line);
    }

    fn note(&self, text: &str) {
        // Nobody can be told that the standard error stream is gone.
        let write = || drop(writeln!(std::io::stderr(), "{text}"));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), crate::Error> {
        match *event {
            Event::Note(text) => self.note(text.trim_end()),
            Event::Features(progress) => self.features(progress),
            Event::EpochStart {
                epoch,
                epochs,
                images,
                done,
            } => {
                self.epochs = epochs;
                self.start(format!("epoch {epoch}/{epochs}"), images, done);
            }
            Event::Step(step) => self.advance(step),
            Event::EpochEnd {
                record,
                is_best,
                skipped,
                ..
            } => {
                let line = line(record, self.epochs, is_best, skipped);
                self.end(&line);
            }
            Event::Communication(told) => self.note(&format!(
                "epoch {:>3}/{}  {:.1}% of its steps' time between {} processes, {:.1} MB summed",
                told.epoch,
                self.epochs,
                100.0 * told.share,
                told.ranks,
                told.bytes as f64 / 1e6
            )),
            Event::BatchSkipped(SkippedBatch {
                epoch,
                step,
                loss,
                gradient_norm,
                photos,
                ..
            }) => self.note(&format!(
                "left out: epoch {epoch}, step {step}, of loss {loss} and gradients of norm {gradient_norm}: {photos}"
            )),
            Event::End(_) => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Start(_) | Event::Improved { .. } | Event::Saved { .. } | Event::Tested(_) => {}
        }
        Ok(())
    }
}

fn line(record: &EpochRecord, epochs: u32, is_best: bool, skipped: usize) -> String {
    let mut line = format!(
        "epoch {:>3}/{epochs}  train loss {:.4} accuracy {:.3}",
        record.epoch, record.train_loss, record.train_accuracy
    );
    if let (Some(loss), Some(accuracy)) = (record.validation_loss, record.validation_accuracy) {
        line += &format!(
            "  validation loss {loss:.4} accuracy {accuracy:.3}{}",
            if is_best { " *" } else { "  " }
        );
    }
    line += &format!(
        "  lr {:.2e}  {:.1} images/s  {:.0} s",
        record.learning_rate, record.images_per_second, record.seconds
    );
    if record.waiting_for_data > 0.02 {
        line += &format!("  {:.0}% waiting for photos", 100.0 * record.waiting_for_data);
    }
    if skipped > 0 {
        line += &format!("  {skipped} photos left out");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_matters() {
        let record = EpochRecord {
            epoch: 3,
            train_loss: 1.5,
            train_accuracy: 0.5,
            validation_loss: Some(1.25),
            validation_accuracy: Some(0.625),
            learning_rate: 1e-3,
            images_per_second: 31.25,
            seconds: 90.0,
            waiting_for_data: 0.5,
        };
        assert_eq!(
            line(&record, 40, true, 2),
            "epoch   3/40  train loss 1.5000 accuracy 0.500  validation loss 1.2500 accuracy 0.625 *  lr 1.00e-3  \
             31.2 images/s  90 s  50% waiting for photos  2 photos left out"
        );
    }
}
