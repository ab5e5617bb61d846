//! A photo on its way to an answer.

use crate::body::Held;
use crate::model::Model;
use crate::problem::Problem;
use axum::body::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A photo as it came.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    pub(crate) name: String,
    /// A part of `body`.
    pub(crate) bytes: Bytes,
    /// Holds the body's share of the memory for bodies.
    pub(crate) body: Held,
}

/// Class probabilities in the order of the model's class names, or why there are none.
pub(crate) type Outcome = Result<Vec<f32>, Problem>;

/// A photo that is to be answered, with its place in the queue. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) photo: Photo,
    pub(crate) model: Arc<Model>,
    pub(crate) reply: oneshot::Sender<Outcome>,
    pub(crate) place: OwnedSemaphorePermit,
    pub(crate) on_the_way: OnTheWay,
}

/// Counts photos that have been accepted and have not come to the batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way(Arc<AtomicUsize>);

/// One of them.
#[derive(Debug)]
pub(crate) struct OnTheWay(Way);

impl Way {
    pub(crate) fn enter(&self) -> OnTheWay {
        self.0.fetch_add(1, Ordering::AcqRel);
        OnTheWay(self.clone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
