//! Numbers in the order that a [`Tensor`](crate::Tensor) has: little-endian, the last index fastest.

/// The same numbers with their bytes the other way round.
pub(super) fn swapped(numbers: &[u8], size_bytes: usize) -> Vec<u8> {
    let mut swapped = numbers.to_vec();
    swapped.chunks_exact_mut(size_bytes).for_each(<[u8]>::reverse);
    swapped
}

/// The same numbers with the last index fastest, where the first one was.
pub(super) fn row_major(numbers: &[u8], size_bytes: usize, shape: &[usize]) -> Vec<u8> {
    let mut axes = Vec::new();
    let mut stride = size_bytes;
    for &extent in shape {
        // An axis of one index moves nothing.
        if extent != 1 {
            axes.push(Axis {
                extent,
                stride,
                index: 0,
            });
        }
        stride = stride.saturating_mul(extent);
    }
    let mut ordered = Vec::with_capacity(numbers.len());
    let mut offset = 0;
    while ordered.len() < numbers.len() {
        ordered.extend_from_slice(&numbers[offset..offset + size_bytes]);
        for axis in axes.iter_mut().rev() {
            axis.index += 1;
            offset += axis.stride;
            if axis.index < axis.extent {
                break;
            }
            offset -= axis.extent * axis.stride;
            axis.index = 0;
        }
    }
    ordered
}

struct Axis {
    extent: usize,
    /// Bytes from one index to the next.
    stride: usize,
    index: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_swapped_within_numbers() {
        assert_eq!(swapped(&[1, 2, 3, 4], 2), [2, 1, 4, 3]);
    }

    #[test]
    fn columns_become_rows() {
        // [[0, 1, 2], [3, 4, 5]] column by column.
        assert_eq!(row_major(&[0, 3, 1, 4, 2, 5], 1, &[2, 3]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(
            row_major(&[0, 0, 3, 3, 1, 1, 4, 4, 2, 2, 5, 5], 2, &[2, 1, 3])[..4],
            [0, 0, 1, 1]
        );
        // [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
        assert_eq!(
            row_major(&[0, 4, 2, 6, 1, 5, 3, 7], 1, &[2, 2, 2]),
            [0, 1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(row_major(&[9, 9], 2, &[]), [9, 9]);
        assert_eq!(row_major(&[], 2, &[3, 0]), [] as [u8; 0]);
    }
}
