use super::error::TensorError;

/// Where a tensor's numbers lie in its storage, counted in numbers.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) offset: usize,
}

impl Layout {
    /// How many numbers there are, once it is sure that all lie within a storage of `numbers` and that they are no more
    /// than the storage has.
    pub(super) fn check(&self, numbers: usize) -> Result<usize, TensorError> {
        let count = self.shape.iter().try_fold(1, |product: usize, &extent| {
            // Without an empty dimension's help: no product of the others may overflow.
            product.checked_mul(extent.max(1))
        });
        let outside = || TensorError::Outside {
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            offset: self.offset,
            numbers,
        };
        let count = count.ok_or_else(outside)?;
        if self.shape.contains(&0) {
            return if self.offset <= numbers {
                Ok(0)
            } else {
                Err(outside())
            };
        }
        let mut extents = self.shape.iter().zip(&self.strides);
        let last = extents.try_fold(self.offset, |last, (extent, stride)| {
            last.checked_add((extent - 1).checked_mul(*stride)?)
        });
        if last.is_none_or(|last| last >= numbers) {
            return Err(outside());
        }
        if count > numbers {
            return Err(TensorError::Repeats {
                shape: self.shape.clone(),
                strides: self.strides.clone(),
                numbers,
            });
        }
        Ok(count)
    }

    /// Whether the numbers lie in row-major order without gaps.
    pub(super) fn is_contiguous(&self) -> bool {
        self.contiguous_run().1 == 0
    }

    /// The numbers in row-major order, out of a storage that [`check`](Self::check) was asked about; `size` is the bytes
    /// of one number.
    pub(super) fn gather(&self, storage: &[u8], size: usize) -> Vec<u8> {
        let count: usize = self.shape.iter().product();
        let mut gathered = Vec::with_capacity(count * size);
        match (size, self.contiguous_run()) {
            (2, (1, outer)) => self.gather_single::<2>(storage, outer, &mut gathered),
            (4, (1, outer)) => self.gather_single::<4>(storage, outer, &mut gathered),
            (8, (1, outer)) => self.gather_single::<8>(storage, outer, &mut gathered),
            (_, (run, outer)) => self.for_each_start(outer, |start| {
                gathered.extend_from_slice(&storage[start * size..][..run * size]);
            }),
        }
        gathered
    }

    /// Numbers of `SIZE` bytes, none beside the one before it.
    fn gather_single<const SIZE: usize>(&self, storage: &[u8], outer: usize, gathered: &mut Vec<u8>) {
        let (numbers, _) = storage.as_chunks::<SIZE>();
        let Some(inner) = outer.checked_sub(1) else {
            return gathered.extend(numbers[self.offset]);
        };
        let (extent, stride) = (self.shape[inner], self.strides[inner]);
        self.for_each_start(inner, |start| {
            for step in 0..extent {
                gathered.extend_from_slice(&numbers[start + step * stride]);
            }
        });
    }

    /// Where each step through the first `outer` dimensions begins, in row-major order.
    fn for_each_start(&self, outer: usize, mut visit: impl FnMut(usize)) {
        let steps: usize = self.shape[..outer].iter().product();
        let mut index = vec![0; outer];
        let mut start = self.offset;
        for _ in 0..steps {
            visit(start);
            for dimension in (0..outer).rev() {
                index[dimension] += 1;
                // The stride of a dimension of one may be any number: it is added and taken off again.
                start = start.wrapping_add(self.strides[dimension]);
                if index[dimension] < self.shape[dimension] {
                    break;
                }
                start = start.wrapping_sub(self.strides[dimension].wrapping_mul(self.shape[dimension]));
                index[dimension] = 0;
            }
        }
    }

    /// How many numbers lie side by side, and how many dimensions are outside of such a run.
    fn contiguous_run(&self) -> (usize, usize) {
        let mut run = 1;
        for dimension in (0..self.shape.len()).rev() {
            let extent = self.shape[dimension];
            if extent != 1 && self.strides[dimension] != run {
                return (run, dimension + 1);
            }
            run *= extent;
        }
        (run, 0)
    }
}

/// The bytes that numbers of `size` bytes have in the other byte order.
pub(super) fn swap(bytes: &mut [u8], size: usize) {
    bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize], strides: &[usize], offset: usize) -> Layout {
        Layout {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset,
        }
    }

    #[test]
    fn strides_are_followed() {
        let storage: Vec<u8> = (0..12).collect();
        for (layout, expected) in [
            (layout(&[3, 4], &[4, 1], 0), (0..12).collect::<Vec<u8>>()),
            (layout(&[2, 3], &[1, 2], 0), vec![0, 2, 4, 1, 3, 5]),
            (layout(&[2, 2], &[4, 1], 5), vec![5, 6, 9, 10]),
            (
                layout(&[1, 2, 1, 2], &[usize::MAX, 1, 99, 6], 1),
                vec![1, 7, 2, 8],
            ),
            (layout(&[], &[], 11), vec![11]),
            (layout(&[0, 3], &[3, 1], 12), vec![]),
            (layout(&[4], &[0], 2), vec![2, 2, 2, 2]),
        ] {
            assert_eq!(layout.check(12).unwrap(), expected.len(), "{layout:?}");
            assert_eq!(layout.gather(&storage, 1), expected, "{layout:?}");
        }
    }

    #[test]
    fn numbers_of_many_bytes_stay_whole() {
        for size in [1, 2, 4, 8] {
            let storage: Vec<u8> = (0..12).flat_map(|number| vec![number; size]).collect();
            let expected: Vec<u8> = [1, 7, 2, 8]
                .iter()
                .flat_map(|&number| vec![number; size])
                .collect();
            let layout = layout(&[1, 2, 1, 2, 1], &[usize::MAX, 1, 99, 6, usize::MAX], 1);
            assert_eq!(layout.gather(&storage, size), expected);
            let single = Layout {
                shape: vec![],
                strides: vec![],
                offset: 3,
            };
            assert_eq!(single.gather(&storage, size), vec![3; size]);
        }
        let gathered = layout(&[2, 2], &[1, 2], 0).gather(&[0, 1, 2, 3, 4, 5, 6, 7], 2);
        assert_eq!(gathered, [0, 1, 4, 5, 2, 3, 6, 7]);
        let mut swapped = gathered;
        swap(&mut swapped, 2);
        assert_eq!(swapped, [1, 0, 5, 4, 3, 2, 7, 6]);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        for layout in [
            layout(&[13], &[1], 0),
            layout(&[1], &[1], 12),
            layout(&[2, 2], &[11, 1], 0),
            layout(&[usize::MAX, 2], &[1, 1], 0),
            layout(&[3], &[usize::MAX], 0),
            layout(&[2], &[1], usize::MAX),
            layout(&[0], &[1], 13),
        ] {
            assert!(
                matches!(layout.check(12), Err(TensorError::Outside { .. })),
                "{layout:?}"
            );
        }
    }

    #[test]
    fn a_small_storage_makes_no_large_tensor() {
        let layout = layout(&[1000, 1000], &[0, 0], 0);
        assert!(matches!(layout.check(12), Err(TensorError::Repeats { .. })));
    }
}
