//! LibTorch's tensors as slices: the one place of this crate with unsafe code.

use marque_torch::{Device, Kind, Tensor};

/// `tensor` with the memory order of `model`, which has the same shape; no copy if it has that order already.
pub(super) fn in_the_order_of(tensor: &Tensor, model: &Tensor) -> Result<Tensor, tch::TchError> {
    if tensor.stride() == model.stride() {
        return Ok(tensor.shallow_clone());
    }
    let mut ordered = model.f_empty_like()?;
    ordered.f_copy_(tensor)?;
    Ok(ordered)
}

/// Hands the numbers of four tensors to `work` in the order in which they lie in memory, and answers `true`; or
/// answers `false` without calling it where that cannot be done: on a GPU, for another type than `f32`, and for
/// tensors with gaps or with different orders.
pub(super) fn with_slices<F>(changed: [&mut Tensor; 3], read: &Tensor, work: F) -> bool
where
    F: FnOnce([&mut [f32]; 3], &[f32]),
{
    let [first, second, third] = changed;
    let strides = first.stride();
    let all = [&*first, &*second, &*third, read];
    let plain = all.iter().all(|tensor| {
        tensor.device() == Device::Cpu
            && tensor.kind() == Kind::Float
            && tensor.size() == read.size()
            && tensor.stride() == strides
    });
    let pointers = all.map(|tensor| tensor.data_ptr().cast::<f32>());
    let distinct = (0..4).all(|one| (0..one).all(|other| pointers[one] != pointers[other]));
    if !plain || !distinct || !is_dense(first) || read.numel() == 0 {
        return false;
    }
    let length = read.numel();
    let [first, second, third, read] = pointers;
    // SAFETY: each pointer is the first of `length` floats: the tensors live on the CPU, hold f32, and are dense, that is
    // their strides are those of a row-major array with its axes permuted, so that `length` elements fill exactly
    // `length` places. They begin at different addresses, and dense tensors of LibTorch that begin at different
    // addresses are different allocations here: parameters, the state made for them, and gradients. The tensors are
    // borrowed for as long as the slices live, three of them mutably, and nothing else of this process writes to
    // them meanwhile: no backward pass runs during an optimiser's step.
    let (changed, read) = unsafe {
        (
            [first, second, third].map(|pointer| std::slice::from_raw_parts_mut(pointer, length)),
            std::slice::from_raw_parts(read, length),
        )
    };
    work(changed, read);
    true
}

/// Whether the tensor's elements fill a block of memory without gaps and without sharing places.
fn is_dense(tensor: &Tensor) -> bool {
    let mut axes: Vec<(i64, i64)> = tensor
        .stride()
        .into_iter()
        .zip(tensor.size())
        .filter(|axis| axis.1 != 1)
        .collect();
    axes.sort_unstable();
    let mut expected = 1;
    for (stride, extent) in axes {
        if stride != expected {
            return false;
        }
        expected *= extent;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(shape: &[i64]) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn only_tensors_without_gaps_are_dense() {
        let plain = zeros(&[4, 3, 2, 2]);
        assert!(is_dense(&plain));
        assert!(is_dense(&plain.permute([0, 2, 3, 1])));
        assert!(!is_dense(&plain.slice(2, 0, 2, 2).expand([4, 3, 5, 2], false)));
        assert!(!is_dense(&plain.slice(0, 0, 4, 2)));
    }

    #[test]
    fn different_orders_and_types_are_not_mixed() {
        let order = |permuted: bool| {
            if permuted {
                zeros(&[2, 2, 3]).permute([0, 2, 1])
            } else {
                zeros(&[2, 3, 2])
            }
        };
        let mut three = [order(false), order(false), order(true)];
        let [a, b, c] = &mut three;
        assert!(!with_slices([a, b, c], &order(false), |_, _| unreachable!(
            "orders differ"
        )));
        let mut three = [order(true), order(true), order(true)];
        let [a, b, c] = &mut three;
        assert!(with_slices([a, b, c], &order(true), |[first, _, _], _| first.fill(1.0)));
        assert_eq!(three[0].sum(Kind::Float).double_value(&[]), 12.0);
        let whole = Tensor::zeros([2, 3, 2], (Kind::Int, Device::Cpu));
        let mut three = [order(false), order(false), order(false)];
        let [a, b, c] = &mut three;
        assert!(!with_slices([a, b, c], &whole, |_, _| unreachable!(
            "types differ"
        )));
    }

    #[test]
    fn a_tensor_given_twice_is_refused() {
        let (mut first, mut second) = (zeros(&[4]), zeros(&[4]));
        let mut same = first.shallow_clone();
        assert!(!with_slices(
            [&mut first, &mut second, &mut same],
            &zeros(&[4]),
            |_, _| unreachable!("shared")
        ));
    }
}
