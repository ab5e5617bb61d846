//! A few threads that share the chunks of one region after another.
//!
//! A region of a network takes a tenth of a millisecond, so that helpers wait for the next one by looking, and sleep only when none
//! comes. No thread is given a fixed share: each claims chunks one by one, and the caller waits only for chunks that others have
//! claimed. So a helper whose core is taken by another process costs the time of one chunk, not of its share; and a caller who had to
//! wait for such a helper works alone for a while.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// How long a helper looks for the next region before it sleeps.
const PATIENCE: Duration = Duration::from_micros(100);
/// Looks between two glances at the clock.
const LOOKS: usize = 64;
/// Looks at chunks that others are at before the caller leaves its core to them.
const LOOKS_BEFORE_YIELDING: usize = 4096;

/// The threads of an engine: the caller's own and some helpers. Several callers may use them; while one does, the others work alone.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let threads = marque_kernels::Threads::new(2);
/// let sum = AtomicUsize::new(0);
/// threads.run(100, |_worker, chunk| {
///     sum.fetch_add(chunk, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 4950);
/// ```
#[derive(Debug)]
pub struct Threads {
    board: Arc<Board>,
    helpers: Vec<JoinHandle<()>>,
    /// Held by the caller whom the helpers serve.
    caller: Mutex<Backoff>,
}

/// What the caller and its helpers look at.
#[derive(Debug)]
struct Board {
    /// The region's chunks in the upper half, the next one to be claimed in the lower half.
    next: AtomicU64,
    /// Chunks of the region that are done.
    done: AtomicUsize,
    /// Whether a chunk of the region has panicked.
    has_panicked: AtomicBool,
    is_closing: AtomicBool,
    sleepers: Vec<Sleeper>,
    region: Region,
}

/// Whether a helper sleeps, and how it is woken.
#[derive(Debug, Default)]
struct Sleeper {
    is_asleep: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

/// Does a chunk of a region on a thread: what it works on, the thread's number, the chunk's.
type Work = unsafe fn(*const (), usize, usize);

/// The work of the region: a function, and what it works on.
#[derive(Debug)]
struct Region(UnsafeCell<(Work, *const ())>);

// SAFETY: it is written by the caller alone, between regions, and read by those who have claimed a chunk: the caller waits for
// them before it writes again. The function may be called by any thread, since `Threads::run` asks for `Sync`.
unsafe impl Sync for Region {}
// SAFETY: as above.
unsafe impl Send for Region {}

impl Threads {
    /// As many threads, the caller's own among them; none counts as one. A helper that the system refuses is done without.
    pub fn new(count: usize) -> Self {
        let helpers = count.saturating_sub(1);
        let board = Arc::new(Board {
            next: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            has_panicked: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            sleepers: (0..helpers).map(|_| Sleeper::default()).collect(),
            region: Region(UnsafeCell::new((nothing, std::ptr::null()))),
        });
        let start = |index: usize| {
            let board = Arc::clone(&board);
            let builder = thread::Builder::new().name(format!("marque-{}", index + 1));
            builder.spawn(move || board.help(index)).ok()
        };
        let helpers = (0..helpers).map_while(start).collect();
        Self {
            board,
            helpers,
            caller: Mutex::new(Backoff::default()),
        }
    }

    /// One thread for each core that this process may use.
    pub fn for_all_cores() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `work` for each chunk, with the number of the thread that it is done by, below [`count`](Self::count), and returns when
    /// all are done. No two chunks that run at one time have the same thread's number.
    ///
    /// # Panics
    /// If `work` does.
    pub fn run<F: Fn(usize, usize) + Sync>(&self, chunks: usize, work: F) {
        let alone = |work: F| (0..chunks).for_each(|chunk| work(0, chunk));
        if self.helpers.is_empty() || chunks < 2 || u32::try_from(chunks).is_err() {
            return alone(work);
        }
        let mut backoff = match self.caller.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return alone(work),
        };
        let mut now = Instant::now();
        if backoff.is_alone(now) {
            return alone(work);
        }
        // SAFETY: no chunk can be claimed now, so that nobody reads the region.
        unsafe { *self.board.region.0.get() = (call::<F>, (&raw const work).cast()) };
        self.board.done.store(0, Ordering::Relaxed);
        self.board.next.store((chunks as u64) << 32, Ordering::Release);
        self.board.wake(chunks - 1);
        let own = self.board.work(0);
        let worked = lap(&mut now);
        let mut looks = 0;
        while self.board.done.load(Ordering::Acquire) < chunks {
            looks += 1;
            if looks < LOOKS_BEFORE_YIELDING {
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        let waited = lap(&mut now);
        backoff.record(own, worked, waited, now);
        if self.board.has_panicked.swap(false, Ordering::Relaxed) {
            panic!("a chunk of a parallel region has panicked");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.board.is_closing.store(true, Ordering::SeqCst);
        self.board.wake(self.helpers.len());
        for helper in self.helpers.drain(..) {
            // It ends by itself, and its panics have been told.
            let _ = helper.join();
        }
    }
}

impl Board {
    /// Claims chunks of the region and does them, until there is none. Returns how many.
    fn work(&self, worker: usize) -> u32 {
        let mut own = 0;
        while let Some(chunk) = self.claim() {
            // SAFETY: a chunk has been claimed, so that the caller does not change the region until it is told that it is done, and
            // what the work refers to lives until then.
            let done = catch_unwind(AssertUnwindSafe(|| unsafe {
                let (function, data) = *self.region.0.get();
                function(data, worker, chunk);
            }));
            if done.is_err() {
                self.has_panicked.store(true, Ordering::Relaxed);
            }
            self.done.fetch_add(1, Ordering::Release);
            own += 1;
        }
        own
    }

    fn claim(&self) -> Option<usize> {
        // Looking first keeps the counter from running over where a helper looks for long.
        if !self.has_work(Ordering::Relaxed) {
            return None;
        }
        let (chunks, next) = halves(self.next.fetch_add(1, Ordering::AcqRel));
        (next < chunks).then_some(next)
    }

    fn has_work(&self, ordering: Ordering) -> bool {
        let (chunks, next) = halves(self.next.load(ordering));
        next < chunks
    }

    /// A helper's life.
    fn help(&self, index: usize) {
        if let Ok(mut handle) = self.sleepers[index].thread.lock() {
            *handle = Some(thread::current());
        }
        while !self.is_closing.load(Ordering::Acquire) {
            self.work(index + 1);
            if !self.looks_up() {
                self.sleep(index);
            }
        }
    }

    /// Looks for work for a while.
    fn looks_up(&self) -> bool {
        let began = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if self.has_work(Ordering::Acquire) || self.is_closing.load(Ordering::Relaxed) {
                    return true;
                }
                std::hint::spin_loop();
            }
            if began.elapsed() > PATIENCE {
                return false;
            }
        }
    }

    fn sleep(&self, index: usize) {
        let sleeper = &self.sleepers[index];
        sleeper.is_asleep.store(true, Ordering::SeqCst);
        // Against `wake`: either it sees the sleeper, or the sleeper sees its work.
        fence(Ordering::SeqCst);
        while sleeper.is_asleep.load(Ordering::SeqCst)
            && !self.has_work(Ordering::SeqCst)
            && !self.is_closing.load(Ordering::SeqCst)
        {
            thread::park();
        }
        sleeper.is_asleep.store(false, Ordering::SeqCst);
    }

    /// Wakes so many helpers of those that sleep.
    fn wake(&self, count: usize) {
        fence(Ordering::SeqCst);
        for sleeper in self.sleepers.iter().take(count) {
            if sleeper.is_asleep.swap(false, Ordering::SeqCst)
                && let Ok(thread) = sleeper.thread.lock()
                && let Some(thread) = thread.as_ref()
            {
                thread.unpark();
            }
        }
    }
}

/// The time since `now`, which becomes the present.
fn lap(now: &mut Instant) -> Duration {
    let before = std::mem::replace(now, Instant::now());
    *now - before
}

fn halves(value: u64) -> (usize, usize) {
    ((value >> 32) as usize, (value & u64::from(u32::MAX)) as usize)
}

/// # Safety
/// `data` is a live `F`.
unsafe fn call<F: Fn(usize, usize) + Sync>(data: *const (), worker: usize, chunk: usize) {
    // SAFETY: as the caller says.
    unsafe { (*data.cast::<F>())(worker, chunk) }
}

unsafe fn nothing(_: *const (), _: usize, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_done_once_in_region_after_region() {
        for count in [0, 1, 2, 3, 7] {
            let threads = Threads::new(count);
            for chunks in (0..40).chain([1000]).cycle().take(500) {
                let seen: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                threads.run(chunks, |worker, chunk| {
                    assert!(worker < count.max(1));
                    seen[chunk].fetch_add(1, Ordering::Relaxed);
                });
                assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn helpers_that_sleep_are_woken() {
        let threads = Threads::new(3);
        let helped = AtomicUsize::new(0);
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(2));
            threads.run(64, |worker, _| {
                helped.fetch_or(1 << worker, Ordering::Relaxed);
                thread::sleep(Duration::from_micros(50));
            });
        }
        assert_eq!(helped.into_inner(), 0b111);
    }

    #[test]
    fn several_callers_may_share_them() {
        let threads = Threads::new(2);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let sum = AtomicUsize::new(0);
                        threads.run(10, |_, chunk| {
                            sum.fetch_add(chunk + 1, Ordering::Relaxed);
                        });
                        assert_eq!(sum.into_inner(), 55);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_threads_of_use() {
        let threads = Threads::new(2);
        for _ in 0..3 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                threads.run(8, |_, chunk| assert_ne!(chunk, 5));
            }));
            assert!(caught.is_err());
            let sum = AtomicUsize::new(0);
            threads.run(8, |_, chunk| {
                sum.fetch_add(chunk, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 28);
        }
    }
}
