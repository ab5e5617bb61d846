//! What all requests share.

use crate::batcher::Batcher;
use crate::body::Reader;
use crate::job::Way;
use crate::metrics::{Metrics, Now};
use crate::model::ModelSlot;
use crate::options::Options;
use crate::pool::DecodePool;
use crate::problem::Problem;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How often threads that are at one photo for too long are looked for.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// The model, the queue and the limits.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) slot: ModelSlot,
    pub(crate) reader: Reader,
    pub(crate) pool: DecodePool,
    pub(crate) way: Way,
    pub(crate) metrics: Arc<Metrics>,
    /// A permit for each photo that may wait or be worked on.
    queue: Arc<Semaphore>,
}

impl App {
    /// Starts the threads that decode and the task that makes batches; to be called in a runtime.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(options: Options, slot: ModelSlot) -> io::Result<Arc<Self>> {
        // Bounded by the places in the queue.
        let (sender, ready) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::default());
        let way = Way::default();
        let pool = DecodePool::start(&options, sender, metrics.clone())?;
        tokio::spawn(Batcher::new(&options, ready, way.clone(), metrics.clone()).run());
        let looked_after = pool.clone();
        tokio::spawn(async move {
            let mut times = tokio::time::interval(LOOK_AFTER);
            loop {
                times.tick().await;
                looked_after.look_after();
            }
        });
        Ok(Arc::new(Self {
            reader: Reader::new(&options),
            slot,
            pool,
            way,
            metrics,
            queue: Arc::new(Semaphore::new(options.queue.into())),
            options,
        }))
    }

    /// Refuses where so many photos would find no place.
    pub(crate) fn require_places(&self, photos: usize) -> Result<(), Problem> {
        if self.queue.available_permits() < photos {
            return Err(self.full());
        }
        Ok(())
    }

    /// A place for each of so many photos, or for none.
    pub(crate) fn places(&self, photos: usize) -> Result<Vec<OwnedSemaphorePermit>, Problem> {
        let wanted = u32::try_from(photos).map_err(|_| self.full())?;
        let mut all = self
            .queue
            .clone()
            .try_acquire_many_owned(wanted)
            .map_err(|_| self.full())?;
        let places = (0..photos).filter_map(|_| all.split(1));
        Ok(places.collect())
    }

    /// What the metrics say of this moment.
    pub(crate) fn now(&self) -> Now {
        let limit = usize::from(self.options.queue);
        Now {
            queued_photos: limit.saturating_sub(self.queue.available_permits()),
            body_bytes: self.reader.taken_bytes(),
            decoders: self.pool.threads(),
            model: self.slot.current().id.clone(),
        }
    }

    fn full(&self) -> Problem {
        Problem::QueueFull {
            limit: self.options.queue.into(),
        }
    }
}
