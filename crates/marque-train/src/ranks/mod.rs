//! The processes that train a network together.

mod buckets;

pub(crate) use buckets::Buckets;

use crate::Error;
use crate::error::During;
use marque_data::{BadFile, Share};
use marque_dist::{Alone, Group};
use marque_torch::{Network, Peers, Tensor};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A group, and what was spent on it. In a world of one nothing is done, and nothing counted.
#[derive(Debug, Clone)]
pub(crate) struct Ranks {
    group: Arc<dyn Group>,
    share: Share,
    traffic: Arc<Mutex<Traffic>>,
}

/// For batch norms over the photos of all ranks.
impl Peers for Ranks {
    fn count(&self) -> usize {
        self.count()
    }

    fn rank(&self) -> usize {
        self.rank()
    }

    fn sum(&self, numbers: &mut [f64]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.sums(numbers)?)
    }
}

/// What operations of a group have taken.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Traffic {
    /// Time in them, that of waiting for slower ranks included.
    pub(crate) time: Duration,
    /// Bytes of this rank's tensors that were summed.
    pub(crate) bytes: u64,
}

impl Ranks {
    pub(crate) fn alone() -> Self {
        Self {
            group: Arc::new(Alone),
            share: Share::default(),
            traffic: Arc::default(),
        }
    }

    pub(crate) fn of(group: Arc<dyn Group>) -> Result<Self, Error> {
        Ok(Self {
            share: Share::new(group.rank(), group.world_size())?,
            group,
            traffic: Arc::default(),
        })
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.count() == 1
    }

    /// Whether this is the rank that writes.
    pub(crate) fn is_first(&self) -> bool {
        self.rank() == 0
    }

    pub(crate) fn rank(&self) -> usize {
        self.group.rank()
    }

    pub(crate) fn count(&self) -> usize {
        self.group.world_size()
    }

    /// What of each batch falls to this rank.
    pub(crate) fn share(&self) -> Share {
        self.share
    }

    fn timed<T>(&self, bytes: usize, operation: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let begun = Instant::now();
        let outcome = operation();
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.time += begun.elapsed();
        traffic.bytes += bytes as u64;
        outcome
    }

    /// What was spent since this was last asked.
    pub(crate) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut *self.traffic.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the sum over all ranks in the tensor's place.
    pub(crate) fn sum(&self, tensor: &mut Tensor) -> Result<(), Error> {
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        self.timed(bytes, || Ok(self.group.all_reduce(tensor)?))
    }

    /// Puts the sums over all ranks in the numbers' places.
    pub(crate) fn sums(&self, numbers: &mut [f64]) -> Result<(), Error> {
        if self.is_alone() {
            return Ok(());
        }
        const PLACE: &str = "sums over the ranks";
        let mut summed = Tensor::f_from_slice(numbers).during(PLACE)?;
        self.sum(&mut summed)?;
        let count = numbers.len();
        summed.f_copy_data(numbers, count).during(PLACE)
    }

    /// The sum of a count over all ranks.
    pub(crate) fn total(&self, count: usize) -> Result<usize, Error> {
        let mut numbers = [count as f64];
        self.sums(&mut numbers)?;
        Ok(numbers[0] as usize)
    }

    /// Whether it is so on any rank.
    pub(crate) fn any(&self, is_so: bool) -> Result<bool, Error> {
        Ok(self.total(usize::from(is_so))? > 0)
    }

    /// Gives a network the first rank's parameters and running statistics.
    pub(crate) fn copy_from_first(&self, network: &Network) -> Result<(), Error> {
        if self.is_alone() {
            return Ok(());
        }
        const PLACE: &str = "a copy of the first rank's weights";
        let mut variables: Vec<_> = network.var_store().variables().into_iter().collect();
        variables.sort_by(|(one, _), (other, _)| one.cmp(other));
        tch::no_grad(|| {
            for (_, mut tensor) in variables {
                // Of the same order on all ranks, on the CPU, and not recorded.
                let mut copy = tensor
                    .f_detach()
                    .and_then(|tensor| tensor.f_to_device(tch::Device::Cpu)?.f_contiguous())
                    .during(PLACE)?;
                self.timed(0, || Ok(self.group.broadcast(&mut copy, 0)?))?;
                tensor.f_copy_(&copy).during(PLACE)?;
            }
            Ok(())
        })
    }

    /// What each rank gives, in the order of ranks.
    pub(crate) fn gathered<T>(&self, own: T) -> Result<Vec<T>, Error>
    where
        T: Serialize + for<'de> Deserialize<'de>,
    {
        if self.is_alone() {
            return Ok(vec![own]);
        }
        let unreadable = |error: serde_json::Error| Error::Gathered {
            reason: error.to_string(),
        };
        let bytes = serde_json::to_vec(&own).map_err(unreadable)?;
        let all = self.timed(0, || Ok(self.group.gather(&bytes)?))?;
        let read = all.iter().map(|bytes| serde_json::from_slice(bytes));
        read.collect::<Result<_, _>>().map_err(unreadable)
    }

    /// Photos that were left out on any rank, once each. The paths of the other ranks' are text.
    pub(crate) fn all_files(&self, own: &[BadFile]) -> Result<Vec<BadFile>, Error> {
        if self.is_alone() {
            return Ok(own.to_vec());
        }
        let printed = |file: &BadFile| (file.path.to_string_lossy().into_owned(), file.reason.clone());
        let all: Vec<Vec<(String, String)>> = self.gathered(own.iter().map(printed).collect())?;
        let mut files: Vec<BadFile> = Vec::new();
        for (path, reason) in all.into_iter().flatten() {
            let file = BadFile {
                path: path.into(),
                reason,
            };
            if !files.contains(&file) {
                files.push(file);
            }
        }
        Ok(files)
    }
}
