use crate::Error;
use crate::error::During;
use marque_torch::{Device, Kind, Tensor};
use std::fmt::Debug;

/// The processes of one training, seen from one of them.
///
/// All of them call the same operations in the same order. An operation answers on each of them when it is done there; after one has
/// failed the group is broken, and what its tensors hold is not to be used.
///
/// ```
/// use marque_dist::{Alone, Group};
/// use marque_torch::Tensor;
///
/// # fn sum(group: &dyn Group) -> Result<(), marque_dist::Error> {
/// let mut loss = Tensor::from_slice(&[0.25_f64, 8.0]);
/// group.all_reduce(&mut loss)?;
/// let names = group.gather(b"photos")?;
/// assert_eq!(names.len(), group.world_size());
/// # Ok(())
/// # }
/// # sum(&Alone).unwrap();
/// ```
pub trait Group: Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are, at least 1.
    fn world_size(&self) -> usize;

    /// Puts the sum over all ranks in the tensor's place. It has the same bits on all ranks, and in the next run with as many.
    ///
    /// The tensor lies on the CPU, is dense in some order of its axes, and has the same shape, type and order on all ranks.
    ///
    /// # Errors
    /// [`Error::Collective`], [`Error::Broken`].
    fn all_reduce(&self, tensor: &mut Tensor) -> Result<(), Error>;

    /// Puts what `root` has in the tensor's place.
    ///
    /// # Errors
    /// [`Error::Collective`], [`Error::Broken`], [`Error::Rank`].
    fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), Error>;

    /// Waits until all ranks have come here.
    ///
    /// # Errors
    /// [`Error::Collective`], [`Error::Broken`].
    fn barrier(&self) -> Result<(), Error> {
        let mut nothing = Tensor::f_zeros([1], (Kind::Uint8, Device::Cpu)).during("a barrier")?;
        self.all_reduce(&mut nothing)
    }

    /// What each rank gives, in the order of ranks, on all ranks. They may give differently much. For small values: each rank holds
    /// all of them.
    ///
    /// # Errors
    /// [`Error::Collective`], [`Error::Broken`], [`Error::OutOfStep`].
    fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        const PLACE: &str = "gathering what the ranks give";
        let mut lengths = vec![0_i64; self.world_size()];
        lengths[self.rank()] = own.len() as i64;
        let mut told = Tensor::f_from_slice(&lengths).during(PLACE)?;
        self.all_reduce(&mut told)?;
        let length_count = lengths.len();
        told.f_copy_data(&mut lengths, length_count).during(PLACE)?;
        // Sums of something else, where a rank has called another operation.
        let told = lengths;
        let lengths: Vec<usize> = told
            .iter()
            .filter_map(|&length| usize::try_from(length).ok())
            .collect();
        let total = lengths
            .iter()
            .try_fold(0_usize, |sum, &length| sum.checked_add(length));
        let is_in_step = lengths.len() == told.len() && lengths.get(self.rank()) == Some(&own.len());
        let total = match total {
            Some(total) if is_in_step && total <= isize::MAX as usize => total,
            _ => {
                return Err(Error::OutOfStep {
                    rank: self.rank(),
                    world_size: self.world_size(),
                    expected: format!("{} bytes of its own", own.len()),
                    found: format!("the lengths {told:?}"),
                });
            }
        };
        if total == 0 {
            return Ok(vec![Vec::new(); lengths.len()]);
        }
        // Each byte comes from one rank, and the others add nothing to it.
        let begin: usize = lengths[..self.rank()].iter().sum();
        let mut all = vec![0_u8; total];
        all[begin..begin + own.len()].copy_from_slice(own);
        let mut summed = Tensor::f_from_slice(&all).during(PLACE)?;
        self.all_reduce(&mut summed)?;
        summed.f_copy_data(&mut all, total).during(PLACE)?;
        let mut rest = all.as_slice();
        let parts = lengths.into_iter().map(|length| {
            let (part, others) = rest.split_at(length);
            rest = others;
            part.to_vec()
        });
        Ok(parts.collect())
    }
}

/// A process that is alone: a world of one, in which nothing has to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alone;

impl Group for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn world_size(&self) -> usize {
        1
    }

    fn all_reduce(&self, _: &mut Tensor) -> Result<(), Error> {
        Ok(())
    }

    fn broadcast(&self, _: &mut Tensor, root: usize) -> Result<(), Error> {
        if root == 0 {
            return Ok(());
        }
        Err(Error::Rank {
            found: root,
            world_size: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_has_what_it_gives() {
        let mut tensor = Tensor::from_slice(&[1.5_f32, -2.0]);
        Alone.all_reduce(&mut tensor).unwrap();
        Alone.broadcast(&mut tensor, 0).unwrap();
        Alone.barrier().unwrap();
        assert_eq!(Vec::<f32>::try_from(&tensor).unwrap(), [1.5, -2.0]);
        assert_eq!(Alone.gather(b"bytes").unwrap(), [b"bytes".to_vec()]);
        assert_eq!(Alone.gather(b"").unwrap(), [Vec::<u8>::new()]);
        let refused = Alone.broadcast(&mut tensor, 1).unwrap_err();
        assert_eq!(refused.to_string(), "there is no rank 1 among 1");
    }

    /// One of two processes, of which the other one sums something else.
    #[derive(Debug)]
    struct Beside(i64);

    impl Group for Beside {
        fn rank(&self) -> usize {
            0
        }

        fn world_size(&self) -> usize {
            2
        }

        fn all_reduce(&self, tensor: &mut Tensor) -> Result<(), Error> {
            let _ = tensor.fill_(self.0);
            Ok(())
        }

        fn broadcast(&self, _: &mut Tensor, _: usize) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_before_memory_is_taken() {
        for sum in [-1, i64::MIN, i64::MAX, 7] {
            let refused = Beside(sum).gather(b"bytes").unwrap_err();
            assert!(matches!(refused, Error::OutOfStep { .. }), "{refused}");
        }
    }
}
