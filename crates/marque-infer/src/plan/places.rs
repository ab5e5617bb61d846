//! Which layers write into whose memory: a concatenation's makers write straight into it.

use super::arena::{self, Lifetime};
use crate::program::{Kind, Program};
use marque_kernels::{BLOCK, Layout};
use std::ops::Range;

/// Where each layer's output lies in the arena.
#[derive(Debug)]
pub(super) struct Places {
    /// `None` for images that are read as they are given.
    pub(super) ranges: Vec<Option<Range<usize>>>,
    /// For each layer, whether each of its inputs already lies where a concatenation wants it.
    pub(super) in_place: Vec<Vec<bool>>,
    /// Numbers of the arena.
    pub(super) len: usize,
}

impl Places {
    /// Finds places for layers of these layouts; `has_maps` says of which there are maps at all. `None` where the numbers are too many
    /// to be counted.
    pub(super) fn new(program: &Program, layouts: &[Layout], has_maps: &[bool]) -> Option<Self> {
        let layers = &program.layers;
        // The buffer of each layer, and the number in it that it begins with.
        let mut places: Vec<Option<(usize, usize)>> = vec![None; layers.len()];
        let mut in_place: Vec<Vec<bool>> = layers
            .iter()
            .map(|layer| vec![false; layer.inputs.len()])
            .collect();
        let mut buffers: Vec<Lifetime> = Vec::new();
        // From the last one on, so that a concatenation within another is placed before its own makers are.
        for index in (0..layers.len()).rev().filter(|&index| has_maps[index]) {
            let len = layouts[index].len();
            let (buffer, start) = *places[index].get_or_insert_with(|| {
                buffers.push(Lifetime {
                    len,
                    first: index,
                    last: index,
                });
                (buffers.len() - 1, 0)
            });
            if !matches!(layers[index].kind, Kind::Concat | Kind::PadChannels) {
                continue;
            }
            let mut channels = 0;
            for (position, &input) in layers[index].inputs.iter().enumerate() {
                if channels % BLOCK == 0 && has_maps[input] && places[input].is_none() {
                    places[input] = Some((buffer, start + channels / BLOCK * layouts[index].stride()));
                    in_place[index][position] = true;
                }
                channels += layouts[input].channels;
            }
        }
        for (index, layer) in layers.iter().enumerate() {
            let read = layer.inputs.iter().filter_map(|&input| places[input]);
            for (buffer, _) in read.chain(places[index]) {
                buffers[buffer].first = buffers[buffer].first.min(index);
                buffers[buffer].last = buffers[buffer].last.max(index);
            }
        }
        if let Some((buffer, _)) = places[program.output] {
            buffers[buffer].last = layers.len();
        }
        let (starts, len) = arena::places(&buffers)?;
        let range = |(place, layout): (&Option<(usize, usize)>, &Layout)| {
            let (buffer, start) = (*place)?;
            let start = starts[buffer] + start;
            Some(start..start + layout.len())
        };
        Some(Self {
            ranges: places.iter().zip(layouts).map(range).collect(),
            in_place,
            len,
        })
    }
}
