//! Photos are computed together, as many as are there when the engine is free.
//!
//! While a batch is computed the next one gathers. A photo that comes to a free engine waits for others only if some are being decoded, and
//! never longer than the bound: at one request after the other nobody waits.

use crate::job::{Outcome, Way};
use crate::metrics::Metrics;
use crate::model::{Model, batch_sizes};
use crate::options::Options;
use crate::problem::Problem;
use crate::terminal::note;
use marque_model::Looks;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant as Moment, timeout_at};

/// A photo that is ready for the network.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) name: String,
    pub(crate) looks: Looks,
    pub(crate) model: Arc<Model>,
    pub(crate) reply: oneshot::Sender<Outcome>,
    pub(crate) place: OwnedSemaphorePermit,
}

/// The task that makes batches.
#[derive(Debug)]
pub(crate) struct Batcher {
    pub(crate) ready: UnboundedReceiver<Ready>,
    pub(crate) way: Way,
    pub(crate) max_batch: usize,
    pub(crate) max_wait: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

impl Batcher {
    pub(crate) fn new(
        options: &Options,
        ready: UnboundedReceiver<Ready>,
        way: Way,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ready,
            way,
            max_batch: options.max_batch.into(),
            max_wait: options.max_wait,
            metrics,
        }
    }

    /// Goes on until nothing more can come.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.ready.recv().await {
            let photos = self.gathered(first).await;
            let metrics = self.metrics.clone();
            let max_batch = self.max_batch;
            // A panic in there has been caught; otherwise the runtime is ending.
            let _ = spawn_blocking(move || compute(photos, max_batch, &metrics)).await;
        }
    }

    /// What is computed with the first photo.
    async fn gathered(&mut self, first: Ready) -> Vec<Ready> {
        let patience = Moment::now() + self.max_wait;
        let mut photos = vec![first];
        while photos.len() < self.max_batch {
            // In this order: a photo is sent before it counts as having arrived.
            let is_last = self.way.is_empty();
            if let Ok(photo) = self.ready.try_recv() {
                photos.push(photo);
                continue;
            }
            if is_last {
                break;
            }
            match timeout_at(patience, self.ready.recv()).await {
                Ok(Some(photo)) => photos.push(photo),
                _ => break,
            }
        }
        photos
    }
}

/// Answers photos, those of one model together.
fn compute(photos: Vec<Ready>, max_batch: usize, metrics: &Metrics) {
    let mut waiting: Vec<Ready> = photos
        .into_iter()
        .filter(|photo| !photo.reply.is_closed())
        .collect();
    while let Some(model) = waiting.first().map(|photo| photo.model.clone()) {
        let (mut same, others) = waiting
            .into_iter()
            .partition::<Vec<_>, _>(|photo| Arc::ptr_eq(&photo.model, &model));
        waiting = others;
        for size in batch_sizes(max_batch) {
            while same.len() >= size {
                compute_batch(same.drain(..size).collect(), &model, metrics);
            }
        }
    }
}

fn compute_batch(photos: Vec<Ready>, model: &Model, metrics: &Metrics) {
    let began = Instant::now();
    let count = photos.len();
    let mut looks = Vec::with_capacity(count);
    let mut asked = Vec::with_capacity(count);
    for photo in photos {
        looks.push(photo.looks);
        asked.push((photo.name, photo.reply, photo.place));
    }
    let compute = || model.classifier.looks_probabilities(&looks);
    // The engine holds nothing half-changed: a pass has memory of its own.
    let computed = catch_unwind(AssertUnwindSafe(compute));
    metrics.compute_seconds.observe(began.elapsed());
    metrics.batch_photos.observe_value(count as u64);
    let mut rows = match computed {
        Ok(Ok(rows)) => Some(rows.into_iter()),
        Ok(Err(error)) => {
            note!("the model failed: {error}");
            None
        }
        // The panic has said what it was.
        Err(_) => None,
    };
    for (name, reply, place) in asked {
        let row = rows.as_mut().and_then(Iterator::next);
        // The place is free before the answer is known, so that whoever asks again at once finds it.
        drop(place);
        // Whoever asked may be gone.
        let _ = reply.send(row.ok_or(Problem::Model { photo: name }));
    }
}
