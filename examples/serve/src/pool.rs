//! A few threads that decode photos and bring them to the network's size.
//!
//! A photo that takes long keeps its thread: decoding cannot be interrupted. So that it does not keep others waiting, another thread
//! is started beside one that has been at a photo for too long, up to four times as many as there were; the slow one ends after its photo.

use crate::batcher::Ready;
use crate::job::{Job, Photo};
use crate::metrics::Metrics;
use crate::model::Model;
use crate::options::Options;
use crate::problem::{Fault, Problem};
use image::ImageReader;
use marque_data::decode_bytes;
use marque_model::Looks;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// The most threads, for each that there is at first.
const MOST_FOR_EACH: usize = 4;

/// The threads and what waits for them. Its length is bounded by whoever gives out places in the queue.
#[derive(Clone, Debug)]
pub(crate) struct DecodePool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    max_pixels: u64,
    decode_time: Duration,
    most_threads: usize,
    ready: UnboundedSender<Ready>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    /// By a number of their own, the photos that are being decoded.
    running: BTreeMap<u64, Running>,
    begun: u64,
    threads: usize,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    /// Whether a thread was started in place of the one that is at this photo.
    is_replaced: bool,
}

impl DecodePool {
    /// Starts the threads. What they make goes to `ready`.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(
        options: &Options,
        ready: UnboundedSender<Ready>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let threads = options.decoders();
        let pool = Self(Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            max_pixels: options.max_pixels(),
            decode_time: options.decode_time,
            most_threads: MOST_FOR_EACH * threads,
            ready,
            metrics,
        }));
        for _ in 0..threads {
            pool.add_thread()?;
        }
        Ok(pool)
    }

    /// Puts a photo behind those that wait.
    pub(crate) fn submit(&self, job: Job) {
        self.0.state().waiting.push_back(job);
        self.0.wake.notify_one();
    }

    /// Starts threads beside those that have been at a photo for too long, if others wait. To be called again and again.
    pub(crate) fn look_after(&self) {
        let mut missing = 0;
        {
            let mut state = self.0.state();
            let waiting = state.waiting.len();
            let free = self.0.most_threads.saturating_sub(state.threads);
            for running in state.running.values_mut() {
                let is_slow = !running.is_replaced && running.since.elapsed() > self.0.decode_time;
                if is_slow && missing < waiting.min(free) {
                    running.is_replaced = true;
                    missing += 1;
                }
            }
        }
        for _ in 0..missing {
            // A thread that the system refuses is done without.
            let _ = self.add_thread();
        }
    }

    /// How many threads there are, for the metrics.
    pub(crate) fn threads(&self) -> usize {
        self.0.state().threads
    }

    fn add_thread(&self) -> io::Result<()> {
        let shared = self.0.clone();
        shared.state().threads += 1;
        let started = thread::Builder::new()
            .name("decode".to_owned())
            .spawn(move || shared.work());
        if let Err(error) = started {
            self.0.state().threads -= 1;
            return Err(error);
        }
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One photo after the other, until another thread has taken this one's place.
    fn work(&self) {
        loop {
            let (number, job) = self.next();
            self.answer(job);
            let mut state = self.state();
            let done = state.running.remove(&number);
            if done.is_some_and(|running| running.is_replaced) {
                state.threads -= 1;
                return;
            }
        }
    }

    fn next(&self) -> (u64, Job) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                let number = state.begun;
                state.begun += 1;
                let running = Running {
                    since: Instant::now(),
                    is_replaced: false,
                };
                state.running.insert(number, running);
                return (number, job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends a photo on to the batches, or says what is wrong with it.
    fn answer(&self, job: Job) {
        // Nobody waits any more.
        if job.reply.is_closed() {
            return;
        }
        let Job {
            photo,
            model,
            reply,
            place,
            on_the_way,
        } = job;
        let began = Instant::now();
        let looks = decoded(&photo, &model, self.max_pixels);
        self.metrics.decode_seconds.observe(began.elapsed());
        let Photo { name, bytes, body } = photo;
        // The body's memory is free for others from here on.
        drop((bytes, body));
        match looks {
            Ok(looks) => {
                let ready = Ready {
                    name,
                    looks,
                    model,
                    reply,
                    place,
                };
                // The batches end with the process.
                let _ = self.ready.send(ready);
            }
            Err(problem) => {
                // Whoever asked may be gone.
                let _ = reply.send(Err(problem));
            }
        }
        // Only now: the batches must not believe that nothing is to come.
        drop(on_the_way);
    }
}

/// What the network is to see of a photo.
fn decoded(photo: &Photo, model: &Model, max_pixels: u64) -> Result<Looks, Problem> {
    let work = || {
        let name = Path::new(&photo.name);
        check_pixels(photo, header_size(&photo.bytes), max_pixels)?;
        let pixels =
            decode_bytes(&photo.bytes, name).map_err(|error| Problem::of_photo(&photo.name, &error))?;
        // Some rare files tell their size to the decoder alone.
        check_pixels(photo, Some(pixels.dimensions()), max_pixels)?;
        model.classifier.looks(&pixels).map_err(|error| Problem::Photo {
            photo: photo.name.clone(),
            reason: error.to_string(),
            fault: Fault::Damaged,
        })
    };
    // Nothing that it may leave half-changed outlives it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Problem::Photo {
            photo: photo.name.clone(),
            reason: "the decoder failed on it".to_owned(),
            fault: Fault::Damaged,
        })
    })
}

/// Width and height by the header, where it is an ordinary one.
fn header_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    reader.ok()?.into_dimensions().ok()
}

fn check_pixels(photo: &Photo, size: Option<(u32, u32)>, limit_px: u64) -> Result<(), Problem> {
    match size {
        Some((width_px, height_px)) if u64::from(width_px) * u64::from(height_px) > limit_px => {
            Err(Problem::TooManyPixels {
                photo: photo.name.clone(),
                width_px,
                height_px,
                limit_px,
            })
        }
        _ => Ok(()),
    }
}
