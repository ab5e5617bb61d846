//! What is known of each value of a file while its nodes are gone through.

use super::step::StepId;
use marque_weights::{DType, Tensor};

/// A value of the file.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Numbers that do not depend on the images.
    Constant(Tensor),
    /// Extents of maps, of which some are not known.
    Sizes(Sizes),
    /// What a step gives, as the file sees it.
    Signal(Signal),
    /// What a step gives, the numbers of all images in one row.
    Row(Signal),
    /// Places in such a row.
    Places(Places),
    /// What a node gives that cannot be said; what reads it is not to be blamed.
    Lacking,
}

/// Integers, of which some are not known; without dimensions where there is one alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) numbers: Vec<Extent>,
    pub(crate) is_scalar: bool,
}

/// One extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Known(i64),
    /// The number of images.
    Batch,
    Unknown,
}

/// The output of a step, whose dimensions the file may have turned around.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signal {
    pub(crate) step: StepId,
    /// What each dimension is.
    pub(crate) axes: Vec<Axis>,
}

/// Places of numbers of a row: of image n those at `n · stride + offsets`, the first dimension being that of the images.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) stride: i64,
    /// Those of the first image, 1 × whatever follows.
    pub(crate) offsets: Tensor,
}

/// What a dimension is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Batch,
    /// Channels of maps, or numbers of a vector.
    Channel,
    Height,
    Width,
}

impl Axis {
    /// Maps as marque has them.
    pub(crate) const PLANAR: [Axis; 4] = [Axis::Batch, Axis::Channel, Axis::Height, Axis::Width];
    /// Maps as Keras has them.
    pub(crate) const LAST: [Axis; 4] = [Axis::Batch, Axis::Height, Axis::Width, Axis::Channel];
    /// A vector for each image.
    pub(crate) const VECTOR: [Axis; 2] = [Axis::Batch, Axis::Channel];
}

impl Signal {
    /// The vectors of a step.
    pub(crate) fn vector(step: StepId) -> Self {
        Self {
            step,
            axes: Axis::VECTOR.to_vec(),
        }
    }

    /// The same dimensions of another step.
    pub(crate) fn of(&self, step: StepId) -> Self {
        Self {
            step,
            axes: self.axes.clone(),
        }
    }

    pub(crate) fn is_planar(&self) -> bool {
        self.axes == Axis::PLANAR
    }
}

impl Sizes {
    /// Numbers that are all known, as any other constant.
    pub(crate) fn into_value(self) -> Value {
        let known = self.numbers.iter().map(|extent| match extent {
            Extent::Known(number) => Some(*number),
            Extent::Batch | Extent::Unknown => None,
        });
        let known: Option<Vec<i64>> = known.collect();
        let shape = match self.is_scalar {
            true => vec![],
            false => vec![self.numbers.len()],
        };
        match known.and_then(|numbers| integers(&shape, &numbers)) {
            Some(tensor) => Value::Constant(tensor),
            None => Value::Sizes(self),
        }
    }
}

/// A tensor of integers, if there are as many as its shape needs.
pub(crate) fn integers(shape: &[usize], numbers: &[i64]) -> Option<Tensor> {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Tensor::new(DType::I64, shape, bytes).ok()
}

/// The integers of a tensor in row-major order, if it holds some.
pub(crate) fn integers_of(tensor: &Tensor) -> Option<Vec<i64>> {
    match tensor.dtype() {
        DType::I64 => {
            let (numbers, _) = tensor.bytes().as_chunks();
            Some(numbers.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect())
        }
        dtype if dtype.is_float() => None,
        _ => Some(tensor.to_f64().into_iter().map(|number| number as i64).collect()),
    }
}
