//! Batch norms in training: by kernels of ours, and by the numbers of several processes together.

mod kernels;
mod together;

pub(crate) use kernels::normalise;
pub(crate) use together::normalise_together;

use crate::Peers;
use marque_kernels::{BLOCK, Moments};
use std::sync::Arc;
use tch::{Kind, TchError, Tensor};

/// A batch norm in training.
pub(crate) struct Norm<'a> {
    pub(crate) weight: &'a Tensor,
    pub(crate) bias: &'a Tensor,
    pub(crate) running_mean: &'a Tensor,
    pub(crate) running_variance: &'a Tensor,
    pub(crate) momentum: f64,
    pub(crate) eps: f64,
    /// What outputs are kept within.
    pub(crate) bounds: [f32; 2],
    /// The processes whose photos are one batch with ours; `None` for our own photos alone.
    pub(crate) peers: Option<Arc<dyn Peers>>,
}

impl Norm<'_> {
    /// Whether there are kernels for so many channels.
    pub(crate) fn takes(channels: usize) -> bool {
        channels >= BLOCK
    }

    /// The moments of the whole batch, of which `own` are those of this process. Running statistics follow them.
    fn batch(&self, own: Moments) -> Result<Moments, TchError> {
        let all = match &self.peers {
            Some(peers) => of_all(&**peers, own)?,
            None => own,
        };
        self.follow(&all)?;
        Ok(all)
    }

    /// Running statistics: as PyTorch has them, the variance without bias.
    fn follow(&self, batch: &Moments) -> Result<(), TchError> {
        let unbiased = (batch.count as f64 - 1.0).max(1.0);
        let variance: Vec<f64> = batch.squares.iter().map(|squares| squares / unbiased).collect();
        for (running, new) in [
            (self.running_mean, &batch.mean),
            (self.running_variance, &variance),
        ] {
            let before = doubles(running)?.into_iter().zip(new);
            let after: Vec<f64> = before
                .map(|(before, new)| before + self.momentum * (new - before))
                .collect();
            running.shallow_clone().f_copy_(&Tensor::f_from_slice(&after)?)?;
        }
        Ok(())
    }
}

/// The moments of all processes' pixels, put together in the order of their ranks: the same bits in all of them.
fn of_all(peers: &dyn Peers, own: Moments) -> Result<Moments, TchError> {
    let channels = own.mean.len();
    let each = 1 + 2 * channels;
    // Each process has a place of its own, so that sums of zeros bring all of them to all.
    let mut numbers = vec![0.0; peers.count() * each];
    let place = &mut numbers[peers.rank() * each..][..each];
    place[0] = own.count as f64;
    place[1..=channels].copy_from_slice(&own.mean);
    place[1 + channels..].copy_from_slice(&own.squares);
    sum(peers, &mut numbers)?;
    let mut all = Moments::new(channels);
    for moments in numbers.chunks_exact(each) {
        all.merge(&Moments {
            count: moments[0] as usize,
            mean: moments[1..=channels].to_vec(),
            squares: moments[1 + channels..].to_vec(),
        });
    }
    if all.count < 2 {
        return Err(TchError::Torch(
            "a batch norm cannot be trained on one value per channel, and all processes together have no more".to_owned(),
        ));
    }
    Ok(all)
}

fn sum(peers: &dyn Peers, numbers: &mut [f64]) -> Result<(), TchError> {
    peers
        .sum(numbers)
        .map_err(|error| TchError::Torch(error.to_string()))
}

/// What the way back needs of the whole batch.
struct Batch {
    count: f64,
    peers: Option<Arc<dyn Peers>>,
}

impl Batch {
    /// The sums over the whole batch of which `own` are those over this process's pixels: those of gradients, and of gradients'
    /// products with deviations.
    fn sums(&self, own: &[Vec<f64>; 2]) -> Result<[Vec<f64>; 2], TchError> {
        let Some(peers) = &self.peers else {
            return Ok(own.clone());
        };
        let [of_gradients, of_products] = own;
        let mut numbers = [&of_gradients[..], of_products].concat();
        sum(&**peers, &mut numbers)?;
        let of_products = numbers.split_off(of_gradients.len());
        Ok([numbers, of_products])
    }
}

/// The numbers of a tensor of any floating-point type, row by row.
fn doubles(tensor: &Tensor) -> Result<Vec<f64>, TchError> {
    let mut numbers = vec![0.0; tensor.numel()];
    let count = numbers.len();
    tensor.f_to_kind(Kind::Double)?.f_copy_data(&mut numbers, count)?;
    Ok(numbers)
}
