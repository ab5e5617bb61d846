//! Many tensors as few: what is summed over ranks in one operation.

use super::Ranks;
use crate::Error;
use crate::error::During;
use marque_torch::{Device, Tensor};

/// Large enough that an operation's latency is nothing beside it: PyTorch's size.
const BYTES: usize = 25_000_000;
const PLACE: &str = "a bucket of gradients";

/// Memory for the sums of some tensors, kept from step to step. It lies on the CPU, where Gloo sums.
#[derive(Debug)]
pub(crate) struct Buckets {
    flat: Vec<Tensor>,
    places: Vec<Place>,
}

/// Where a tensor lies, and in which order, which is its own: what is handed out is as the optimiser's loops want it.
#[derive(Debug)]
struct Place {
    bucket: usize,
    begin: i64,
    shape: Vec<i64>,
    strides: Vec<i64>,
    device: Device,
}

impl Buckets {
    /// Room for the sums of tensors like these.
    pub(crate) fn new(tensors: &[Tensor]) -> Result<Self, Error> {
        let mut lengths: Vec<(i64, tch::Kind)> = Vec::new();
        let mut places = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let (length, kind) = (tensor.numel() as i64, tensor.kind());
            let fits = |&(filled, of): &(i64, tch::Kind)| {
                of == kind && (filled + length) as usize * kind.elt_size_in_bytes() <= BYTES
            };
            if !lengths.last().is_some_and(fits) {
                lengths.push((0, kind));
            }
            let bucket = lengths.len() - 1;
            places.push(Place {
                bucket,
                begin: lengths[bucket].0,
                shape: tensor.size(),
                strides: dense_strides(tensor),
                device: tensor.device(),
            });
            lengths[bucket].0 += length;
        }
        let flat = lengths
            .into_iter()
            .map(|(length, kind)| Tensor::f_zeros([length], (kind, Device::Cpu)).during(PLACE));
        Ok(Self {
            flat: flat.collect::<Result<_, Error>>()?,
            places,
        })
    }

    fn view(&self, place: &Place) -> Result<Tensor, tch::TchError> {
        self.flat[place.bucket].f_as_strided(&place.shape[..], &place.strides[..], place.begin)
    }

    /// The sums over all ranks of what each has, `None` for nothing, in the order in which the buckets were made. They lie in the
    /// buckets: the next sums take their place.
    pub(crate) fn sum(&self, ranks: &Ranks, own: &[Option<Tensor>]) -> Result<Vec<Tensor>, Error> {
        tch::no_grad(|| {
            for (place, own) in self.places.iter().zip(own) {
                let mut view = self.view(place).during(PLACE)?;
                let filled = match own {
                    Some(own) => view.f_copy_(own),
                    None => view.f_zero_().map(drop),
                };
                filled.during(PLACE)?;
            }
            for flat in &self.flat {
                ranks.sum(&mut flat.shallow_clone())?;
            }
            let views = self.places.iter().map(|place| {
                let view = self.view(place)?;
                match place.device {
                    Device::Cpu => Ok(view),
                    device => view.f_to_device(device),
                }
            });
            views.collect::<Result<_, _>>().during(PLACE)
        })
    }
}

/// The tensor's own strides where it fills its memory, and those of rows otherwise.
fn dense_strides(tensor: &Tensor) -> Vec<i64> {
    let (shape, strides) = (tensor.size(), tensor.stride());
    let last: i64 = shape
        .iter()
        .zip(&strides)
        .map(|(extent, stride)| (extent - 1) * stride)
        .sum();
    if last + 1 == tensor.numel() as i64 {
        return strides;
    }
    let mut rows = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        rows[axis - 1] = rows[axis] * shape[axis];
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn tensors_come_back_in_their_own_order_of_memory() {
        let shapes: [&[i64]; 4] = [&[4, 3, 2, 2], &[7], &[2000, 3000], &[700, 1000]];
        let mut like: Vec<Tensor> = shapes
            .iter()
            .map(|&shape| Tensor::zeros(shape, (Kind::Float, Device::Cpu)))
            .collect();
        like[0] = Tensor::zeros([4, 2, 2, 3], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
        like.push(Tensor::zeros([5], (Kind::Double, Device::Cpu)));
        // Every second number: it does not fill its memory.
        like.push(Tensor::zeros([6], (Kind::Double, Device::Cpu)).slice(0, 0, 6, 2));
        let buckets = Buckets::new(&like).unwrap();
        // The third tensor is 24 MB.
        let lengths: Vec<usize> = buckets.flat.iter().map(Tensor::numel).collect();
        assert_eq!(lengths, [48 + 7 + 6_000_000, 700_000, 8]);
        let own: Vec<Option<Tensor>> = like
            .iter()
            .enumerate()
            .map(|(place, like)| (place != 1).then(|| Tensor::rand_like(like)))
            .collect();
        let sums = buckets.sum(&Ranks::alone(), &own).unwrap();
        for ((sum, own), like) in sums.iter().zip(&own).zip(&like) {
            match own {
                Some(own) => assert_eq!(sum, own),
                None => assert_eq!(sum.abs().max().double_value(&[]), 0.0),
            }
            assert_eq!((sum.size(), sum.kind()), (like.size(), like.kind()));
        }
        assert_eq!(sums[0].stride(), like[0].stride());
        // What one step left is not in the next.
        let none: Vec<Option<Tensor>> = like.iter().map(|_| None).collect();
        let zeros = buckets.sum(&Ranks::alone(), &none).unwrap();
        assert!(zeros.iter().all(|sum| sum.abs().max().double_value(&[]) == 0.0));
    }
}
