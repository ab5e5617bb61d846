//! Datasets that are stored in chunks: specification, sections III.A and VII.

use super::Error;
use super::arrays::{ExtensibleArray, FixedArray};
use super::btree1::{self, Indexed};
use super::btree2;
use super::datatype::Dataspace;
use super::filters::Filters;
use super::layout::{Chunked, Index};
use super::source::{Cursor, Source};
use std::collections::HashSet;

/// Records of a B-tree of chunks: without filters, and with.
const PLAIN_RECORDS: u8 = 10;
const FILTERED_RECORDS: u8 = 11;

/// A chunk as an index describes it.
struct Chunk {
    address: u64,
    /// How many bytes it takes in the file.
    stored: u64,
    mask: u32,
    /// Its place in the grid of chunks.
    place: Vec<u64>,
}

/// Puts a dataset together from its chunks.
pub(super) struct Assembly<'a, 'b> {
    source: &'b Source<'a>,
    space: &'b Dataspace,
    layout: &'b Chunked,
    filters: &'b Filters,
    chunk_bytes: u64,
    /// Chunks along each dimension.
    grid: Vec<u64>,
    /// Already filled with the fill value.
    output: &'b mut [u8],
    /// Numbers of the chunks that were read.
    done: HashSet<u64>,
}

impl<'a, 'b> Assembly<'a, 'b> {
    pub(super) fn new(
        source: &'b Source<'a>,
        space: &'b Dataspace,
        (layout, filters): (&'b Chunked, &'b Filters),
        output: &'b mut [u8],
    ) -> Result<Self, Error> {
        let sizes = layout.dims.iter();
        let chunk_bytes = sizes.fold(layout.element_bytes, |product, &extent| {
            product.saturating_mul(extent)
        });
        let grid = space.dims.iter().zip(&layout.dims);
        Ok(Self {
            source,
            space,
            layout,
            filters,
            chunk_bytes,
            grid: grid.map(|(&extent, &chunk)| extent.div_ceil(chunk)).collect(),
            output,
            done: HashSet::new(),
        })
    }

    pub(super) fn run(&mut self) -> Result<(), Error> {
        let (Some(address), false) = (self.layout.address, self.output.is_empty()) else {
            return Ok(());
        };
        match self.layout.index {
            Index::BTree1 => self.read_btree1(address),
            Index::BTree2 => self.read_btree2(address),
            Index::Single(size) => {
                let (stored, mask) = size.unwrap_or((self.chunk_bytes, 0));
                let place = vec![0; self.grid.len()];
                self.put(&Chunk {
                    address,
                    stored,
                    mask,
                    place,
                })
            }
            Index::Implicit => {
                let (stored, mask) = (self.chunk_bytes, 0);
                self.read_array(None, |_, number| {
                    let address = address.saturating_add(number.saturating_mul(stored));
                    Ok(Some((address, stored, mask)))
                })
            }
            Index::FixedArray => {
                let mut array = FixedArray::open(self.source, address)?;
                self.read_array(None, |this, number| this.element(array.get(number)?))
            }
            Index::ExtensibleArray => {
                let mut array = ExtensibleArray::open(self.source, address)?;
                let unlimited = self.space.most.iter().position(|&most| most == self.unlimited());
                self.read_array(unlimited, |this, number| this.element(array.get(number)?))
            }
        }
    }

    /// What says that a dimension may grow without end.
    fn unlimited(&self) -> u64 {
        u64::MAX >> (64 - 8 * u32::from(self.source.length_bytes.clamp(1, 8)))
    }

    fn read_btree1(&mut self, address: u64) -> Result<(), Error> {
        let rank = self.grid.len();
        let source = self.source;
        btree1::for_each(source, address, Indexed::Chunks { rank }, |mut key, address| {
            let stored = u64::from(key.u32()?);
            let mask = key.u32()?;
            let mut place = Vec::with_capacity(rank);
            for &extent in &self.layout.dims {
                let offset = key.u64()?;
                if offset % extent != 0 {
                    return Err(key.malformed("a chunk begins within another one"));
                }
                place.push(offset / extent);
            }
            self.put(&Chunk {
                address,
                stored,
                mask,
                place,
            })
        })
    }

    fn read_btree2(&mut self, address: u64) -> Result<(), Error> {
        let kind = if self.filters.is_empty() {
            PLAIN_RECORDS
        } else {
            FILTERED_RECORDS
        };
        let source = self.source;
        btree2::for_each(source, address, &[kind], |_, mut record| {
            let Some((address, stored, mask)) = self.described(&mut record)? else {
                return Ok(());
            };
            let place = self.grid.iter().map(|_| record.u64()).collect::<Result<_, _>>()?;
            self.put(&Chunk {
                address,
                stored,
                mask,
                place,
            })
        })
    }

    /// Where a chunk is, as the newer indices say it.
    fn described(&self, cursor: &mut Cursor<'a>) -> Result<Option<(u64, u64, u32)>, Error> {
        let address = cursor.address()?;
        let (stored, mask) = match self.filters.is_empty() {
            true => (self.chunk_bytes, 0),
            false => (cursor.uint(self.layout.size_width)?, cursor.u32()?),
        };
        Ok(address.map(|address| (address, stored, mask)))
    }

    fn element(&self, cursor: Option<Cursor<'a>>) -> Result<Option<(u64, u64, u32)>, Error> {
        let Some(mut cursor) = cursor else {
            return Ok(None);
        };
        self.described(&mut cursor)
    }

    /// Reads the chunks of the grid from an index that numbers them: in row-major order of the largest grid
    /// that the dataset may grow to, the unlimited dimension outermost.
    fn read_array(
        &mut self,
        unlimited: Option<usize>,
        mut find: impl FnMut(&Self, u64) -> Result<Option<(u64, u64, u32)>, Error>,
    ) -> Result<(), Error> {
        let most = self.space.most.iter().zip(&self.layout.dims);
        let most: Vec<u64> = most.map(|(&extent, &chunk)| extent.div_ceil(chunk)).collect();
        let mut order: Vec<usize> = (0..most.len()).collect();
        order.sort_by_key(|&dimension| Some(dimension) != unlimited);
        let mut place = vec![0; self.grid.len()];
        loop {
            let number = order.iter().fold(0_u64, |number, &dimension| {
                let along = most.get(dimension).copied().unwrap_or_default();
                let here = place.get(dimension).copied().unwrap_or_default();
                number.saturating_mul(along).saturating_add(here)
            });
            if let Some((address, stored, mask)) = find(self, number)? {
                let place = place.clone();
                self.put(&Chunk {
                    address,
                    stored,
                    mask,
                    place,
                })?;
            }
            if !advance(&mut place, &self.grid) {
                return Ok(());
            }
        }
    }

    /// Decodes a chunk and copies what of it is in the dataset.
    fn put(&mut self, chunk: &Chunk) -> Result<(), Error> {
        // What a dataset that has shrunk left behind.
        if chunk
            .place
            .iter()
            .zip(&self.grid)
            .any(|(place, count)| place >= count)
        {
            return Ok(());
        }
        let stored = self.source.unpaid_block(chunk.address, chunk.stored, "chunk")?;
        let along = chunk.place.iter().zip(&self.grid);
        let number = along.fold(0_u64, |number, (place, count)| {
            number.saturating_mul(*count).saturating_add(*place)
        });
        if !self.done.insert(number) {
            return Err(stored.malformed("two chunks have the same place"));
        }
        self.source
            .spend_decoded(self.chunk_bytes.saturating_add(chunk.stored))?;
        let bare = self.filters.is_empty() || (self.layout.bare_edges && self.is_edge(chunk));
        if !bare {
            let chunk_bytes = usize::try_from(self.chunk_bytes).unwrap_or(usize::MAX);
            let decoded = self.filters.undo(&stored, chunk.mask, chunk_bytes)?;
            return self.copy(chunk, &decoded, &stored);
        }
        if stored.left() as u64 != self.chunk_bytes {
            return Err(stored.malformed("the size of an unfiltered chunk is wrong"));
        }
        self.copy(chunk, stored.clone().rest(), &stored)
    }

    fn is_edge(&self, chunk: &Chunk) -> bool {
        let extents = self.space.dims.iter().zip(&self.layout.dims);
        let mut places = chunk.place.iter().zip(extents);
        places.any(|(place, (&extent, &size))| place.saturating_add(1).saturating_mul(size) > extent)
    }

    /// Copies row by row along the last dimension, as far as the dataset reaches.
    fn copy(&mut self, chunk: &Chunk, bytes: &[u8], at: &Cursor<'_>) -> Result<(), Error> {
        let outside = || at.malformed("a chunk lies outside of its dataset");
        let element = self.layout.element_bytes;
        let extents = self.space.dims.iter().zip(&self.layout.dims);
        let inside = chunk.place.iter().zip(extents);
        let mut inside: Vec<u64> = inside
            .map(|(place, (&extent, &size))| extent.saturating_sub(place.saturating_mul(size)).min(size))
            .collect();
        let row = inside
            .last_mut()
            .map(|last| std::mem::replace(last, 1))
            .ok_or_else(outside)?;
        let row_bytes = usize::try_from(row.saturating_mul(element)).map_err(|_| outside())?;
        let mut position = vec![0; inside.len()];
        loop {
            // None of these overflows where the slices below are found.
            let (mut from, mut into) = (0_u64, 0_u64);
            let places = position.iter().zip(&chunk.place);
            for ((here, place), (extent, size)) in places.zip(self.space.dims.iter().zip(&self.layout.dims)) {
                from = from.saturating_mul(*size).saturating_add(*here);
                let global = place.saturating_mul(*size).saturating_add(*here);
                into = into.saturating_mul(*extent).saturating_add(global);
            }
            let from = slice(bytes.len(), from.saturating_mul(element), row_bytes)
                .and_then(|range| bytes.get(range));
            let into = slice(self.output.len(), into.saturating_mul(element), row_bytes);
            let into = into.and_then(|range| self.output.get_mut(range));
            into.ok_or_else(outside)?
                .copy_from_slice(from.ok_or_else(outside)?);
            if !advance(&mut position, &inside) {
                return Ok(());
            }
        }
    }
}

fn slice(length: usize, start: u64, count: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(count).filter(|&end| end <= length)?;
    Some(start..end)
}

/// The next position in row-major order; false behind the last one.
fn advance(position: &mut [u64], extents: &[u64]) -> bool {
    for (here, &extent) in position.iter_mut().zip(extents).rev() {
        *here += 1;
        if *here < extent {
            return true;
        }
        *here = 0;
    }
    false
}
