use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;

/// A rayon pool whose threads have ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    /// `None` only while it is being dropped.
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads, or one for each core where `count` is 0.
    pub(crate) fn start(count: usize) -> Result<Workers, Error> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if count == 0 { cores() } else { count };
        let mut threads = Vec::with_capacity(count);
        let pool = ThreadPoolBuilder::new()
            .num_threads(count)
            .spawn_handler(|thread| {
                // Systems cut names of threads after 15 characters.
                let name = format!("marque-data-{}", thread.index());
                threads.push(std::thread::Builder::new().name(name).spawn(|| thread.run())?);
                Ok(())
            })
            .build()
            .map_err(|source| Error::Threads { source })?;
        Ok(Workers {
            pool: Some(pool),
            threads,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Queues a job; jobs are begun in the order of their queueing. A job must not own these workers.
    pub(crate) fn queue(&self, job: impl FnOnce() + Send + 'static) {
        if let Some(pool) = &self.pool {
            pool.spawn_fifo(job);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // The pool tells its threads to end after the jobs that are queued; it does not wait for them itself.
        self.pool = None;
        for thread in self.threads.drain(..) {
            // A job that panicked has been reported as an error of its batch.
            let _ = thread.join();
        }
    }
}
