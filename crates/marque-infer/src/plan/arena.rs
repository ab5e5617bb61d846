//! The memory of a pass.

use crate::Error;
use marque_kernels::Buffer;
use std::ops::Range;

/// What one pass writes to.
#[derive(Debug)]
pub(super) struct Workspace {
    /// All maps, each at a place of its own as long as it is needed.
    pub(super) arena: Buffer,
    /// Working memory of the step that runs.
    pub(super) scratch: Buffer,
}

impl Workspace {
    pub(super) fn new(arena: usize, scratch: usize) -> Result<Self, Error> {
        Ok(Self {
            arena: Buffer::zeroed(arena)?,
            scratch: Buffer::zeroed(scratch)?,
        })
    }
}

/// A part of the arena that is written, and parts that are read beside it; `None` where one of them overlaps it, which no plan does.
pub(super) fn split<'a, const COUNT: usize>(
    arena: &'a mut [f32],
    written: &Range<usize>,
    read: [&Range<usize>; COUNT],
) -> Option<(&'a mut [f32], [&'a [f32]; COUNT])> {
    let (before, rest) = arena.split_at_mut_checked(written.start)?;
    let (output, behind) = rest.split_at_mut_checked(written.len())?;
    let (before, behind) = (&*before, &*behind);
    let mut parts = [&before[..0]; COUNT];
    for (part, range) in parts.iter_mut().zip(read) {
        *part = match range.start.checked_sub(written.end) {
            Some(start) => behind.get(start..start + range.len())?,
            None => before.get(range.clone())?,
        };
    }
    Some((output, parts))
}

/// A buffer that is needed from one step to another, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) len: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Where each buffer begins, and how long the arena is: the largest first, each at the first gap among those that live at the same
/// time. `None` where that is too long to be counted.
pub(super) fn places(buffers: &[Lifetime]) -> Option<(Vec<usize>, usize)> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(buffers[index].len));
    let mut starts = vec![0; buffers.len()];
    let mut placed: Vec<usize> = Vec::new();
    for index in order {
        let own = buffers[index];
        let mut neighbours: Vec<Range<usize>> = placed
            .iter()
            .filter(|&&other| buffers[other].first <= own.last && own.first <= buffers[other].last)
            .map(|&other| starts[other]..starts[other] + buffers[other].len)
            .collect();
        neighbours.sort_unstable_by_key(|range| range.start);
        let mut start = 0_usize;
        for range in neighbours {
            if range.start >= start.checked_add(own.len)? {
                break;
            }
            start = start.max(range.end);
        }
        // Only places whose ends can be counted are looked at again.
        start.checked_add(own.len)?;
        starts[index] = start;
        placed.push(index);
    }
    let ends = buffers
        .iter()
        .zip(&starts)
        .map(|(buffer, start)| start + buffer.len);
    let len = ends.max().unwrap_or(0);
    Some((starts, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_at_the_same_time_does_not_overlap_and_memory_is_used_again() {
        let buffer = |len, first, last| Lifetime { len, first, last };
        let buffers = [
            buffer(10, 0, 1),
            buffer(30, 1, 2),
            buffer(20, 2, 3),
            buffer(5, 0, 3),
            buffer(10, 3, 4),
        ];
        let (starts, len) = places(&buffers).unwrap();
        for (one, first) in buffers.iter().enumerate() {
            for (other, second) in buffers.iter().enumerate().skip(one + 1) {
                let meet = first.first <= second.last && second.first <= first.last;
                let overlap =
                    starts[one] < starts[other] + second.len && starts[other] < starts[one] + first.len;
                assert!(!(meet && overlap), "{one} and {other}");
            }
        }
        // The two largest live at the same time, with the one that lives always.
        assert_eq!(len, 55);
        assert_eq!(places(&[]), Some((Vec::new(), 0)));
        let long = buffer(usize::MAX / 2 + 1, 0, 0);
        assert_eq!(places(&[long, long]), None);
    }

    #[test]
    fn parts_are_taken_apart_and_overlap_is_refused() {
        let mut arena: Vec<f32> = (0..10u8).map(f32::from).collect();
        let (output, [first, second]) = split(&mut arena, &(4..6), [&(0..2), &(6..9)]).unwrap();
        assert_eq!(
            (&*output, first, second),
            (&[4.0, 5.0][..], &[0.0, 1.0][..], &[6.0, 7.0, 8.0][..])
        );
        for read in [3..5, 5..7, 4..6, 0..10, 9..11] {
            assert!(split(&mut arena, &(4..6), [&read]).is_none(), "{read:?}");
        }
    }
}
