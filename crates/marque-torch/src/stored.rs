//! Between LibTorch's tensors and those of checkpoints, without rounding.

use crate::Error;
use crate::error::At;
use marque_weights::{DType, Tensor as Stored};
use tch::{Device, Kind, Tensor};

/// A tensor's numbers as they are, in its logical order, whatever its device and order in memory.
///
/// # Errors
/// [`Error::WrongTensor`] for a type that networks do not compute in, [`Error::LibTorch`] if it cannot be copied.
pub fn stored_tensor(tensor: &Tensor) -> Result<Stored, Error> {
    let place = "the copy of a tensor";
    let dtype = match tensor.kind() {
        Kind::Float => DType::F32,
        Kind::Double => DType::F64,
        Kind::BFloat16 => DType::BF16,
        Kind::Half => DType::F16,
        other => {
            return Err(Error::WrongTensor {
                place,
                expected: "floating-point numbers".to_owned(),
                found: format!("{other:?}"),
            });
        }
    };
    let plain = tensor
        .f_detach()
        .and_then(|tensor| tensor.f_to_device(Device::Cpu))
        .and_then(|tensor| tensor.f_contiguous())
        .at(place)?;
    let shape: Vec<usize> = plain.size().iter().map(|&extent| extent as usize).collect();
    let mut bytes = vec![0; plain.numel() * dtype.size_bytes()];
    plain.f_copy_data_u8(&mut bytes, plain.numel()).at(place)?;
    Ok(Stored::new(dtype, &shape, bytes)?)
}

/// Copies stored numbers into a tensor of the same shape, which keeps its type, device and order in memory.
///
/// # Errors
/// [`Error::WrongTensor`] if the stored numbers are integers, [`Error::LibTorch`] if shapes differ.
pub fn copy_stored(target: &mut Tensor, stored: &Stored) -> Result<(), Error> {
    let place = "a stored tensor";
    let kind = match stored.dtype() {
        DType::F32 => Kind::Float,
        DType::F64 => Kind::Double,
        DType::BF16 => Kind::BFloat16,
        DType::F16 => Kind::Half,
        other => {
            return Err(Error::WrongTensor {
                place,
                expected: "floating-point numbers".to_owned(),
                found: format!("{other:?}"),
            });
        }
    };
    let shape: Vec<i64> = stored.shape().iter().map(|&extent| extent as i64).collect();
    let numbers = Tensor::f_from_data_size(stored.bytes(), &shape, kind).at(place)?;
    target.f_copy_(&numbers).at(place)
}
