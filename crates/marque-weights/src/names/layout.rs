//! How a file's numbers lie beside how the graph wants them.

use crate::{Error, Tensor};

/// How a tensor becomes a parameter. Kernels of Keras are H×W×I×O and its dense layers I×O; the graph has O×I×H×W and O×I.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// PyTorch's. A matrix where the graph has 1×1 filters, or the other way round, has the same numbers in the same
    /// order.
    Torch,
    /// H×W×I×O → O×I×H×W.
    Kernel,
    /// H×W×I×M → I·M×1×H×W.
    DepthwiseKernel,
    /// I×O → O×I.
    Dense,
    /// H·W·C×O → O×C·H·W: a dense layer upon flattened maps, whose channels are innermost in Keras.
    DenseUponMaps {
        /// H·W.
        cells: usize,
    },
}

/// Tensors are taken by tiles of this many rows and columns, so that both sides stay in the cache.
const TILE: usize = 32;

impl Layout {
    /// The shape that a tensor of shape `from` gets where the graph has `wanted`; `None` if it is of another kind.
    pub(super) fn shape(self, from: &[usize], wanted: &[usize]) -> Option<Vec<usize>> {
        match (self, from) {
            (Layout::Torch, _) if is_same_matrix(from, wanted) => Some(wanted.to_vec()),
            (Layout::Torch, _) => Some(from.to_vec()),
            (Layout::Kernel, &[height, width, inputs, outputs]) => Some(vec![outputs, inputs, height, width]),
            (Layout::DepthwiseKernel, &[height, width, channels, multiplier]) => {
                Some(vec![channels.checked_mul(multiplier)?, 1, height, width])
            }
            (Layout::Dense | Layout::DenseUponMaps { .. }, &[inputs, outputs]) => Some(vec![outputs, inputs]),
            _ => None,
        }
    }

    /// The tensor as a parameter of shape `wanted`, which [`shape`](Self::shape) has found to fit.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if it does not.
    pub(super) fn apply(self, tensor: &Tensor, wanted: &[usize]) -> Result<Tensor, Error> {
        if self == Layout::Torch {
            return tensor.reshaped(wanted);
        }
        let axes = self.axes(tensor.shape());
        let bytes = tensor.bytes();
        let reversed = match tensor.dtype().size_bytes() {
            1 => reverse_axes::<1>(bytes, axes),
            2 => reverse_axes::<2>(bytes, axes),
            4 => reverse_axes::<4>(bytes, axes),
            _ => reverse_axes::<8>(bytes, axes),
        };
        tensor.release();
        Tensor::new(tensor.dtype(), wanted, reversed)
    }

    /// The tensor as three axes, all of whose orders are to be reversed.
    fn axes(self, from: &[usize]) -> [usize; 3] {
        match (self, from) {
            (Layout::DepthwiseKernel, &[height, width, channels, multiplier]) => {
                [height * width, 1, channels * multiplier]
            }
            (_, &[height, width, inputs, outputs]) => [height * width, inputs, outputs],
            (Layout::DenseUponMaps { cells }, &[inputs, outputs]) if cells > 0 && inputs % cells == 0 => {
                [cells, inputs / cells, outputs]
            }
            (_, &[inputs, outputs]) => [1, inputs, outputs],
            _ => [1, 1, from.iter().product()],
        }
    }
}

/// Whether one is O×I and the other O×I₁×H×W with I = I₁·H·W.
fn is_same_matrix(from: &[usize], wanted: &[usize]) -> bool {
    let count = |shape: &[usize]| {
        shape
            .iter()
            .try_fold(1usize, |product, &extent| product.checked_mul(extent))
    };
    matches!((from.len(), wanted.len()), (2, 4) | (4, 2))
        && from[0] == wanted[0]
        && count(from) == count(wanted)
}

/// A×B×C → C×B×A, numbers of `SIZE` bytes.
fn reverse_axes<const SIZE: usize>(bytes: &[u8], [outer, middle, inner]: [usize; 3]) -> Vec<u8> {
    let (numbers, _) = bytes.as_chunks::<SIZE>();
    let mut reversed = vec![[0; SIZE]; numbers.len()];
    for middles in tiles(middle) {
        for inners in tiles(inner) {
            for column in inners {
                for row in middles.clone() {
                    let target = (column * middle + row) * outer;
                    for cell in 0..outer {
                        reversed[target + cell] = numbers[(cell * middle + row) * inner + column];
                    }
                }
            }
        }
    }
    reversed.into_flattened()
}

fn tiles(extent: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..extent)
        .step_by(TILE)
        .map(move |start| start..(start + TILE).min(extent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor whose numbers say where they lie: digits are the indices.
    fn digits(shape: &[usize]) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|position| {
                indices(position, shape)
                    .iter()
                    .fold(0.0, |value, &index| value * 100.0 + index as f32)
            })
            .collect();
        Tensor::from_f32(shape, &values).unwrap()
    }

    fn indices(mut position: usize, shape: &[usize]) -> Vec<usize> {
        let mut indices = vec![0; shape.len()];
        for (index, &extent) in indices.iter_mut().zip(shape).rev() {
            *index = position % extent;
            position /= extent;
        }
        indices
    }

    fn at(tensor: &Tensor, place: &[usize]) -> f32 {
        let position = place
            .iter()
            .zip(tensor.shape())
            .fold(0, |position, (&index, &extent)| position * extent + index);
        tensor.to_f32().unwrap()[position]
    }

    fn moved(layout: Layout, from: &[usize], wanted: &[usize]) -> (Tensor, Tensor) {
        let tensor = digits(from);
        assert_eq!(layout.shape(from, wanted).unwrap(), wanted);
        (layout.apply(&tensor, wanted).unwrap(), tensor)
    }

    #[test]
    fn every_number_of_a_kernel_gets_to_its_place() {
        let (found, kernel) = moved(Layout::Kernel, &[2, 3, 40, 33], &[33, 40, 2, 3]);
        let (depthwise, single) = moved(Layout::DepthwiseKernel, &[2, 3, 5, 2], &[10, 1, 2, 3]);
        let (dense, matrix) = moved(Layout::Dense, &[40, 33], &[33, 40]);
        let (upon, flat) = moved(Layout::DenseUponMaps { cells: 6 }, &[24, 3], &[3, 24]);
        for (output, input, row, column) in [(0, 0, 0, 0), (32, 39, 1, 2), (7, 33, 0, 1), (31, 32, 1, 0)] {
            assert_eq!(
                at(&found, &[output, input, row, column]),
                at(&kernel, &[row, column, input, output])
            );
            assert_eq!(at(&dense, &[output, input]), at(&matrix, &[input, output]));
            let (channel, multiplied) = (output % 5, input % 2);
            assert_eq!(
                at(&depthwise, &[channel * 2 + multiplied, 0, row, column]),
                at(&single, &[row, column, channel, multiplied])
            );
            let (channel, output) = (input % 4, output % 3);
            assert_eq!(
                at(&upon, &[output, (channel * 2 + row) * 3 + column]),
                at(&flat, &[(row * 3 + column) * 4 + channel, output])
            );
        }
    }

    #[test]
    fn a_matrix_serves_as_filters_and_back() {
        let (filters, matrix) = moved(Layout::Torch, &[3, 8], &[3, 2, 2, 2]);
        assert_eq!(filters.bytes(), matrix.bytes());
        assert_eq!(Layout::Torch.shape(&[3, 2, 2, 2], &[3, 8]), Some(vec![3, 8]));
        assert_eq!(Layout::Torch.shape(&[8, 3], &[3, 2, 2, 2]), Some(vec![8, 3]));
        assert_eq!(Layout::Kernel.shape(&[3, 8], &[8, 3]), None);
    }
}
