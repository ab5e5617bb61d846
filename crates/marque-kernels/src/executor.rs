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

impl fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads.count();
        write!(formatter, "Executor({}, {threads} threads)", self.instruction_set)
    }
}
