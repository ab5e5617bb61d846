//! Reading bodies within bounds of bytes, memory and time.

use crate::options::Options;
use crate::problem::Problem;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// What a body is allowed.
#[derive(Debug)]
pub(crate) struct Reader {
    max_bytes: usize,
    all_bytes: usize,
    time: Duration,
    stall_time: Duration,
    /// A permit for each byte that all bodies together may take.
    memory: Arc<Semaphore>,
}

/// A body in memory. Its share of the memory for bodies is free again when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _share: Arc<Option<OwnedSemaphorePermit>>,
}

/// What is taken at once before bytes have come.
const FIRST_BYTES: usize = 1 << 20;
/// How long a client that is refused may go on to send, so that it gets to reading why.
const FAREWELL: Duration = Duration::from_millis(500);

impl Reader {
    pub(crate) fn new(options: &Options) -> Self {
        let all_bytes = options.bodies_bytes().min(Semaphore::MAX_PERMITS);
        Self {
            max_bytes: options.max_body_bytes(),
            all_bytes,
            time: options.body_time,
            stall_time: options.stall_time,
            memory: Arc::new(Semaphore::new(all_bytes)),
        }
    }

    /// Bytes that bodies take now.
    pub(crate) fn taken_bytes(&self) -> usize {
        self.all_bytes - self.memory.available_permits().min(self.all_bytes)
    }

    /// Refuses a body that is too large by its head.
    pub(crate) fn check_promised(&self, promised_bytes: Option<u64>) -> Result<(), Problem> {
        match promised_bytes {
            Some(found) if found > self.max_bytes as u64 => Err(self.too_large(format!("{found} bytes"))),
            _ => Ok(()),
        }
    }

    /// All of a body.
    pub(crate) async fn read(&self, body: &mut Body, promised_bytes: Option<u64>) -> Result<Held, Problem> {
        let began = Instant::now();
        let expected = promised_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let mut bytes = Vec::with_capacity(expected.unwrap_or(0).min(FIRST_BYTES));
        let mut share: Option<OwnedSemaphorePermit> = None;
        loop {
            let patience = (began + self.time).min(Instant::now() + self.stall_time);
            let frame = match timeout_at(patience, body.frame()).await {
                Err(_) => return Err(self.too_slow(bytes.len(), began)),
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    return Err(Problem::BrokenBody {
                        found_bytes: bytes.len(),
                        reason: error.to_string(),
                    });
                }
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers are of no use here.
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > self.max_bytes - bytes.len() {
                return Err(self.too_large(format!("more than {} bytes", self.max_bytes)));
            }
            let more = self.share(data.len())?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        if bytes.is_empty() {
            return Err(Problem::EmptyBody);
        }
        Ok(Held {
            bytes: bytes.into(),
            _share: Arc::new(share),
        })
    }

    /// Takes in what a refused client is still sending, for a moment and without keeping it: one that is cut off while it sends does not
    /// read the answer.
    pub(crate) async fn discard(&self, mut body: Body) {
        let mut left = self.max_bytes;
        let reading = async {
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    break;
                }
            }
        };
        // Whether all came makes no difference.
        let _ = timeout(FAREWELL, reading).await;
    }

    fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let full = Problem::MemoryFull {
            limit_bytes: self.all_bytes,
        };
        let Ok(bytes) = u32::try_from(bytes) else {
            return Err(full);
        };
        let share = self.memory.clone().try_acquire_many_owned(bytes);
        share.map_err(|_| full)
    }

    fn too_large(&self, found: String) -> Problem {
        Problem::BodyTooLarge {
            limit_bytes: self.max_bytes,
            found,
        }
    }

    fn too_slow(&self, found_bytes: usize, began: Instant) -> Problem {
        Problem::SlowBody {
            expected: format!(
                "all of it within {} s and something every {} s",
                self.time.as_secs_f64(),
                self.stall_time.as_secs_f64()
            ),
            found: format!("{found_bytes} bytes in {:.1} s", began.elapsed().as_secs_f64()),
        }
    }
}
