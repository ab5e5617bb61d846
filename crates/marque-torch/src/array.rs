//! Between `ndarray` and LibTorch.

use crate::Error;
use crate::error::At;
use ndarray::{ArrayD, ArrayView4, IxDyn};
use tch::{Device, Kind, Tensor};

/// A batch of images, logically N×C×H×W, as a tensor on `device`.
///
/// The memory order is kept where it is plain row-major or channels-last (N×H×W×C permuted), each at the cost
/// of one copy; any other order is brought to row-major first.
///
/// # Errors
/// [`Error::LibTorch`] if there is no memory.
pub fn tensor_from_images(images: ArrayView4<'_, f32>, device: Device) -> Result<Tensor, Error> {
    let (batch, channels, height, width) = images.dim();
    let extents = [batch, channels, height, width].map(|extent| extent as i64);
    let [batch, channels, height, width] = extents;
    let channels_last = images.view().permuted_axes([0, 2, 3, 1]);
    let tensor = if let Some(values) = channels_last.as_slice() {
        let tensor = from_slice(values, &[batch, height, width, channels])?;
        tensor.f_permute([0, 3, 1, 2]).at("a batch of images")?
    } else if let Some(values) = images.as_slice() {
        from_slice(values, &extents)?
    } else {
        let owned: Vec<f32> = images.iter().copied().collect();
        from_slice(&owned, &extents)?
    };
    tensor.f_to_device(device).at("a batch of images")
}

fn from_slice(values: &[f32], extents: &[i64]) -> Result<Tensor, Error> {
    Tensor::f_from_slice(values)
        .and_then(|flat| flat.f_reshape(extents))
        .at("a batch of images")
}

/// A tensor's numbers as `f32`, in its logical order, whatever its device and memory order.
///
/// # Errors
/// [`Error::LibTorch`] if it cannot be copied.
pub fn array_from_tensor(tensor: &Tensor) -> Result<ArrayD<f32>, Error> {
    let place = "the copy of a tensor";
    let tensor = tensor.f_detach().at(place)?.f_to_device(Device::Cpu).at(place)?;
    let tensor = tensor
        .f_to_kind(Kind::Float)
        .at(place)?
        .f_contiguous()
        .at(place)?;
    let shape: Vec<usize> = tensor.size().iter().map(|&extent| extent as usize).collect();
    let mut values = vec![0f32; shape.iter().product()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count).at(place)?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|error| Error::WrongTensor {
        place,
        expected: format!("{count} numbers"),
        found: error.to_string(),
    })
}
