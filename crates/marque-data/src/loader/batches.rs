use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use ndarray::Array4;
use rayon::prelude::*;

use super::fill::fill;
use super::workers::Workers;
use super::{Order, Shared};
use crate::{BadFile, BadFiles, Error, ImageSize};

/// Some photos, ready for the network.
#[derive(Clone, Debug)]
pub struct Batch {
    /// N × 3 × H × W normalised numbers; channels-last in memory: `permuted_axes([0, 2, 3, 1])` is contiguous.
    pub images: Array4<f32>,
    /// The class of each image.
    pub labels: Vec<i64>,
    /// The position of each image in [`Loader::samples`](crate::Loader::samples).
    pub indices: Vec<usize>,
    /// Photos that belonged here, or to batches before this one that came out empty, and were left out because they
    /// could not be read.
    pub skipped: Vec<BadFile>,
}

impl Batch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none. Only where a loader has a [`Share`](crate::Share) such a batch is handed out.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// The batches of one epoch, made by [`Loader::epoch`](crate::Loader::epoch) and its variants ahead of their use.
///
/// After an error it ends. Dropping it early stops the work: when `drop` returns, nothing of this epoch is running.
#[derive(Debug)]
pub struct Batches {
    pub(super) shared: Arc<Shared>,
    pub(super) workers: Arc<Workers>,
    /// The epoch whose random changes are made.
    pub(super) view: u64,
    /// The samples of each batch.
    pub(super) plan: Vec<Vec<Draw>>,
    /// Batches of the epoch's plan that `plan` leaves out at its beginning.
    pub(super) before: usize,
    /// How many batches have been queued and received.
    pub(super) queued: usize,
    pub(super) received: usize,
    pub(super) in_flight: VecDeque<Receiver<Result<Made, Error>>>,
    /// Whether a photo that is left alone joins a neighbouring batch.
    pub(super) joins_leftovers: bool,
    /// Whether batches of which nothing is there are handed out, too.
    pub(super) gives_empty: bool,
    /// A finished batch that waits for the next one, where that may turn out to be a single photo.
    pub(super) held: Option<Made>,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) waiting: Duration,
    pub(super) skipped: Vec<BadFile>,
}

/// A place in an epoch: a sample, and how many times the epoch has had it before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    pub(super) index: usize,
    pub(super) occurrence: u32,
}

impl Draw {
    /// What its random changes are drawn by: the position of the sample, for its first time in an epoch.
    pub(super) fn address(self) -> u64 {
        self.index as u64 | u64::from(self.occurrence) << 40
    }
}

/// What the photos of a planned batch came to.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// H × W × 3 numbers for each of `indices`.
    pixels: Vec<f32>,
    indices: Vec<usize>,
    skipped: Vec<BadFile>,
}

impl Made {
    fn absorb(&mut self, next: Made) {
        self.pixels.extend(next.pixels);
        self.indices.extend(next.indices);
        self.skipped.extend(next.skipped);
    }
}

impl Batches {
    /// The time that [`next`](Iterator::next) has spent waiting for batches that were not ready. If this is a good
    /// part of the epoch, the workers are slower than what uses the batches.
    pub fn waiting(&self) -> Duration {
        self.waiting
    }

    /// All photos of this epoch that have been left out so far, those at its very end included that no batch reports.
    pub fn skipped(&self) -> &[BadFile] {
        &self.skipped
    }

    /// How many batches of the epoch's plan have been handed out or came to nothing: where
    /// [`Loader::epoch_from`](crate::Loader::epoch_from) goes on. Photos of a batch that is made but not handed out yet may
    /// be among the [`skipped`](Self::skipped) ones already.
    pub fn planned(&self) -> usize {
        self.before + self.received - usize::from(self.held.is_some())
    }

    /// Whether all batches of the epoch's plan have been handed out or came to nothing.
    pub fn is_finished(&self) -> bool {
        self.received == self.plan.len() && self.held.is_none()
    }

    pub(super) fn queue_up_to(&mut self, in_flight: usize) {
        while self.in_flight.len() < in_flight
            && let Some(draws) = self.plan.get_mut(self.queued)
        {
            let draws = std::mem::take(draws);
            let (sender, receiver) = sync_channel(1);
            let (shared, cancelled, view) =
                (Arc::clone(&self.shared), Arc::clone(&self.cancelled), self.view);
            self.workers.queue(move || {
                // Nobody receives the batch of an epoch that was dropped.
                let _ = sender.send(make(&shared, &draws, view, &cancelled));
            });
            self.in_flight.push_back(receiver);
            self.queued += 1;
        }
    }

    fn receive(&mut self) -> Option<Result<Made, Error>> {
        self.queue_up_to(self.shared.config.prefetch.max(1));
        let receiver = self.in_flight.pop_front()?;
        let begin = Instant::now();
        let made = receiver.recv();
        self.waiting += begin.elapsed();
        let batch = self.received;
        self.received += 1;
        Some(made.unwrap_or(Err(Error::WorkersGone { batch })))
    }

    /// Keeps what was made until it is known that no single photo follows. Gives what can be handed out now.
    fn exchange(&mut self, made: Made) -> Option<Made> {
        let Some(mut held) = self.held.take() else {
            self.held = Some(made);
            return None;
        };
        if held.indices.len() < 2 || made.indices.len() < 2 {
            held.absorb(made);
            self.held = Some(held);
            return None;
        }
        self.held = Some(made);
        Some(held)
    }

    fn hand_out(&mut self, made: Made) -> Option<Batch> {
        // The workers go on while this batch is used.
        self.queue_up_to(self.shared.config.prefetch);
        let ImageSize { height, width } = self.shared.preprocess.image_size;
        let samples = &self.shared.samples;
        let labels = made.indices.iter().map(|&index| samples[index].label as i64);
        let labels = labels.collect();
        // The shape is that of `pixels` by construction; there is no other way for it to fail.
        let images = Array4::from_shape_vec((made.indices.len(), height, width, 3), made.pixels).ok()?;
        Some(Batch {
            images: images.permuted_axes([0, 3, 1, 2]),
            labels,
            indices: made.indices,
            skipped: made.skipped,
        })
    }

    /// Ends the epoch and waits until its jobs have noticed.
    fn stop(&mut self) {
        self.cancelled.store(true, atomic::Ordering::Relaxed);
        self.queued = self.plan.len();
        self.held = None;
        for receiver in self.in_flight.drain(..) {
            // What was made is not wanted any more; a job that is gone is as good as done.
            let _ = receiver.recv();
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Photos of batches that came out empty, for the next one to report.
        let mut skipped = Vec::new();
        loop {
            let mut made = match self.receive() {
                Some(Ok(made)) => made,
                Some(Err(error)) => {
                    self.stop();
                    return Some(Err(error));
                }
                None => {
                    let last = self.held.take()?;
                    return self.hand_out(last).map(Ok);
                }
            };
            // A photo that an epoch has several times is left out once.
            let repeats = !matches!(self.shared.config.order, Order::Sequential | Order::Shuffled);
            let is_new = |file: &&BadFile| !repeats || !self.skipped.contains(file);
            let new: Vec<BadFile> = made.skipped.iter().filter(is_new).cloned().collect();
            self.skipped.extend(new);
            if made.indices.is_empty() && !self.gives_empty {
                skipped.append(&mut made.skipped);
                continue;
            }
            made.skipped.splice(..0, skipped.drain(..));
            let ready = if self.joins_leftovers {
                self.exchange(made)
            } else {
                Some(made)
            };
            if let Some(batch) = ready.and_then(|made| self.hand_out(made)) {
                return Some(Ok(batch));
            }
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a batch on the threads of the current pool.
fn make(shared: &Shared, draws: &[Draw], view: u64, cancelled: &AtomicBool) -> Result<Made, Error> {
    let ImageSize { height, width } = shared.preprocess.image_size;
    let length = height * width * 3;
    if cancelled.load(atomic::Ordering::Relaxed) {
        return Ok(Made::default());
    }
    let mut pixels = shared.spare.take(draws.len() * length);
    let results: Vec<Result<(), Error>> = pixels
        .par_chunks_exact_mut(length)
        .zip(draws)
        .with_max_len(1)
        .map(|(slot, &draw)| {
            if cancelled.load(atomic::Ordering::Relaxed) {
                return Ok(());
            }
            fill(shared, draw, view, slot)
        })
        .collect();

    let (mut kept, mut skipped) = (Vec::with_capacity(draws.len()), Vec::new());
    for (position, (result, &Draw { index, .. })) in results.into_iter().zip(draws).enumerate() {
        match (result, shared.config.bad_files) {
            (Ok(()), _) => {
                // Images after a bad one move up into its place.
                if kept.len() < position {
                    pixels.copy_within(position * length..(position + 1) * length, kept.len() * length);
                }
                kept.push(index);
            }
            (Err(error), BadFiles::Stop) => return Err(error),
            (Err(error), BadFiles::Skip) => skipped.push(BadFile::new(path_of(shared, index), &error)),
        }
    }
    pixels.truncate(kept.len() * length);
    Ok(Made {
        pixels,
        indices: kept,
        skipped,
    })
}

fn path_of(shared: &Shared, index: usize) -> &Path {
    shared
        .samples
        .get(index)
        .map_or(Path::new(""), |sample| &sample.path)
}
