use crate::evaluate::{Evaluation, Sums};
use crate::examples::{ExampleBatch, ExampleBatches, Part};
use crate::ranks::Ranks;
use crate::training::{FitConfig, Position};
use crate::{Error, Examples};
use marque_data::BadFile;
use marque_metrics::EpochRecord;
use marque_torch::Network;
use std::collections::HashSet;
use std::time::Instant;

/// An epoch that has begun: its batches and what they have come to so far.
#[derive(Debug)]
pub(super) struct RunningEpoch {
    /// Its number, from 1.
    pub(super) epoch: u32,
    batches: ExampleBatches,
    /// Steps taken. Batches of which no photo could be read are none.
    pub(super) delivered: usize,
    pub(super) sums: Sums,
    /// Of the last step.
    pub(super) learning_rate: f64,
    began: Instant,
    /// What happened before the training was resumed.
    before: Earlier,
    /// Photos left out that [`newly_skipped`](Self::newly_skipped) has told of.
    told: usize,
}

/// Of the part of an epoch that was run before its training was resumed.
#[derive(Debug, Default)]
struct Earlier {
    seconds: f64,
    waiting_seconds: f64,
    skipped: Vec<BadFile>,
}

impl RunningEpoch {
    pub(super) fn begin(
        epoch: u32,
        train: &Examples,
        config: &FitConfig,
        network: &Network,
        ranks: &Ranks,
    ) -> Result<Self, Error> {
        let share = ranks.share();
        Ok(Self {
            epoch,
            batches: train.epoch(epoch, config, Part { planned: 0, share }, network.device())?,
            delivered: 0,
            sums: Sums::default(),
            learning_rate: 0.0,
            began: Instant::now(),
            before: Earlier::default(),
            told: 0,
        })
    }

    /// The epoch as it was at `position`.
    pub(super) fn resume(
        position: &Position,
        train: &Examples,
        config: &FitConfig,
        network: &Network,
        ranks: &Ranks,
    ) -> Result<Self, Error> {
        let Position { epoch, planned, .. } = *position;
        let share = ranks.share();
        Ok(Self {
            epoch,
            batches: train.epoch(epoch, config, Part { planned, share }, network.device())?,
            delivered: position.delivered,
            sums: position.sums,
            learning_rate: position.learning_rate,
            began: Instant::now(),
            before: Earlier {
                seconds: position.seconds,
                waiting_seconds: position.waiting_seconds,
                skipped: position.skipped.clone(),
            },
            told: 0,
        })
    }

    pub(super) fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            planned: self.batches.planned(),
            delivered: self.delivered,
            sums: self.sums,
            learning_rate: self.learning_rate,
            seconds: self.seconds(),
            waiting_seconds: self.waiting_seconds(),
            skipped: self.skipped(),
        }
    }

    /// Whether all its steps have been taken.
    pub(super) fn is_finished(&self) -> bool {
        self.batches.is_finished()
    }

    pub(super) fn next(&mut self) -> Option<Result<ExampleBatch, Error>> {
        self.batches.next()
    }

    /// Photos that were left out since this was last asked.
    pub(super) fn newly_skipped(&mut self) -> &[BadFile] {
        let all = self.batches.skipped();
        let from = self.told.min(all.len());
        self.told = all.len();
        &all[from..]
    }

    /// Adds a step with this mean loss.
    pub(super) fn add(&mut self, loss: f64, correct: f64, images: usize, learning_rate: f64) {
        self.sums.add(loss, correct, images);
        self.delivered += 1;
        self.learning_rate = learning_rate;
    }

    /// Photos that were left out so far. One that was read ahead of the step at which the training was left is met again.
    pub(super) fn skipped(&self) -> Vec<BadFile> {
        let before = &self.before.skipped;
        let known: HashSet<_> = before.iter().map(|file| file.path.to_string_lossy()).collect();
        let here = self.batches.skipped().iter();
        let is_new = |file: &&BadFile| !known.contains(&file.path.to_string_lossy());
        before.iter().chain(here.filter(is_new)).cloned().collect()
    }

    /// The time that the epoch has taken so far in this process.
    pub(super) fn seconds_here(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// The time that the epoch has taken so far.
    pub(super) fn seconds(&self) -> f64 {
        self.before.seconds + self.seconds_here()
    }

    fn waiting_seconds(&self) -> f64 {
        self.before.waiting_seconds + self.batches.waiting().as_secs_f64()
    }

    /// What is recorded of the epoch, whose steps took `trained_seconds`, when it has been measured.
    pub(super) fn record(&self, trained_seconds: f64, validation: Option<&Evaluation>) -> EpochRecord {
        EpochRecord {
            epoch: self.epoch,
            train_loss: self.sums.mean_loss(),
            train_accuracy: self.sums.accuracy(),
            validation_loss: validation.map(|validation| validation.loss),
            validation_accuracy: validation.map(|validation| validation.accuracy),
            learning_rate: self.learning_rate,
            images_per_second: self.sums.images as f64 / trained_seconds,
            seconds: self.seconds(),
            waiting_for_data: (self.waiting_seconds() / trained_seconds).min(1.0),
        }
    }
}
