use crate::kernels::Kernels;
use crate::{Error, InstructionSet, Threads};
use std::fmt;

/// What kernels run on: an instruction set and some threads.
pub struct Executor {
    instruction_set: InstructionSet,
    pub(crate) kernels: &'static Kernels,
    pub(crate) threads: Threads,
}

impl Executor {
    /// An executor for this instruction set.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where this processor does not have it, or this build has no kernels for it.
    pub fn new(instruction_set: InstructionSet, threads: Threads) -> Result<Self, Error> {
        Ok(Self {
            instruction_set,
            kernels: instruction_set.kernels()?,
            threads,
        })
    }

    /// What its kernels are compiled for.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// What its work is shared by.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }
}

/// Numbers that are worth sharing where each is touched once: before them, fetching what another core's cache holds takes longer than the work.
const WORTH_SHARING: usize = 1 << 18;

impl Executor {
    /// Runs chunks that touch so many numbers once; where these are few, on the caller's thread.
    pub(crate) fn run_light<F: Fn(usize) + Sync>(&self, numbers: usize, chunks: usize, work: F) {
        match numbers < WORTH_SHARING {
            true => (0..chunks).for_each(work),
            false => self.threads.run(chunks, |_, chunk| work(chunk)),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads.count();
        write!(formatter, "Executor({}, {threads} threads)", self.instruction_set)
    }
}
