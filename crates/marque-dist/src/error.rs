use marque_torch::tch;

/// What can go wrong between the processes of one training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment is not what it has to be.
    #[error("{name} is {found}, expected {expected}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A variable of the environment is missing where others say that there are several processes.
    #[error("{missing} is not set, though {beside} is: {why}")]
    Missing {
        /// The variable that is missing.
        missing: &'static str,
        /// One that is there.
        beside: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// Several processes were asked for of a program that cannot have them.
    #[error(
        "{beside} says that this is one of {world_size} processes of one training, and this program was built without the feature \
         `distributed`: build it with `--features distributed`, or start it once and without that variable"
    )]
    NotBuilt {
        /// The variable that says so.
        beside: &'static str,
        /// How many processes there are to be.
        world_size: usize,
    },
    /// The processes did not find each other.
    #[error("rank {rank} of {world_size} did not find the others through {address}: {said}")]
    Connect {
        /// Of this process.
        rank: usize,
        /// How many processes there are.
        world_size: usize,
        /// Where they meet.
        address: String,
        /// What c10d said.
        said: String,
    },
    /// A collective operation failed: another process is gone, or does not answer. No other operation of the group succeeds.
    #[error("{operation} failed on rank {rank} of {world_size}: {said}; {lost}")]
    Collective {
        /// The operation.
        operation: &'static str,
        /// Of this process.
        rank: usize,
        /// How many processes there are.
        world_size: usize,
        /// What c10d said; where it knows the address of the peer, that is in it.
        said: String,
        /// What is known of the others, in words.
        lost: String,
    },
    /// A collective operation of a group in which one has failed before.
    #[error(
        "{operation} was not begun on rank {rank} of {world_size}: an operation of this group has failed before"
    )]
    Broken {
        /// The operation.
        operation: &'static str,
        /// Of this process.
        rank: usize,
        /// How many processes there are.
        world_size: usize,
    },
    /// A rank that a group does not have.
    #[error("there is no rank {found} among {world_size}")]
    Rank {
        /// The rank that was asked for.
        found: usize,
        /// How many processes there are.
        world_size: usize,
    },
    /// What was gathered has other lengths than were told: the processes are not in step.
    #[error("rank {rank} of {world_size} gathered {found} where {expected} was told")]
    OutOfStep {
        /// Of this process.
        rank: usize,
        /// How many processes there are.
        world_size: usize,
        /// What was to come.
        expected: String,
        /// What came.
        found: String,
    },
    /// LibTorch refused a tensor.
    #[error("LibTorch failed in {place}: {source}")]
    LibTorch {
        /// The step.
        place: &'static str,
        /// What LibTorch said.
        source: tch::TchError,
    },
}

/// Adds the step to an error of LibTorch.
pub(crate) trait During<T> {
    fn during(self, place: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, tch::TchError> {
    fn during(self, place: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::LibTorch {
            place,
            source: marque_torch::without_frames(source),
        })
    }
}
