//! Fractal heaps, which hold the links and attributes of objects that have many: specification, section III.G.

use super::Error;
use super::btree2::{self, width_of};
use super::checksum::lookup3;
use super::source::{Cursor, Source};
use std::collections::HashSet;

/// Records of a B-tree of huge objects that are neither filtered nor kept by address.
const HUGE_RECORDS: &[u8] = &[1];
const CHECKSUMMED_BLOCKS: u8 = 0x02;

pub(super) struct FractalHeap<'a> {
    source: Source<'a>,
    at: usize,
    flags: u8,
    huge_tree: Option<u64>,
    /// Blocks to a row.
    width: u64,
    first_bytes: u64,
    direct_rows: u64,
    /// Bits of an offset in the heap.
    offset_bits: u16,
    length_width: usize,
    root: Option<u64>,
    root_rows: u64,
    /// Blocks whose checksum was found right.
    checked: HashSet<u64>,
}

/// A block that objects are in.
struct Block {
    address: u64,
    /// Where it begins in the heap's own space.
    offset: u64,
    bytes: u64,
}

impl<'a> FractalHeap<'a> {
    pub(super) fn open(source: &Source<'a>, address: u64) -> Result<Self, Error> {
        let (offset, length) = (u64::from(source.offset_bytes), u64::from(source.length_bytes));
        let size = 4 + 1 + 2 + 2 + 1 + 4 + 12 * length + 3 * offset + 2 + 2 + 2 + 2 + 4;
        let mut cursor = source.block(address, size, "fractal heap header")?;
        let start = cursor.at;
        cursor.signature(b"FRHP")?;
        cursor.version(0)?;
        cursor.u16()?;
        if cursor.u16()? != 0 {
            return Err(cursor.unsupported("a compressed fractal heap"));
        }
        let flags = cursor.u8()?;
        let largest_object = u64::from(cursor.u32()?);
        cursor.length()?;
        let huge_tree = cursor.address()?;
        cursor.length()?;
        cursor.address()?;
        cursor.take(8 * usize::from(source.length_bytes))?;
        let width = u64::from(cursor.u16()?);
        let first_bytes = cursor.length()?;
        let largest_direct = cursor.length()?;
        let offset_bits = cursor.u16()?;
        cursor.u16()?;
        let root = cursor.address()?;
        let root_rows = u64::from(cursor.u16()?);
        source.check(&mut cursor, start)?;
        let powers = [width, first_bytes, largest_direct]
            .iter()
            .all(|size| size.is_power_of_two());
        if !powers || largest_direct < first_bytes || offset_bits == 0 || offset_bits > 64 || root_rows > 64 {
            return Err(cursor.malformed("the fractal heap header has impossible sizes"));
        }
        Ok(Self {
            source: source.clone(),
            at: start,
            flags,
            huge_tree,
            width,
            first_bytes,
            direct_rows: u64::from(largest_direct.ilog2() - first_bytes.ilog2()) + 2,
            offset_bits,
            length_width: (largest_direct.ilog2() as usize)
                .div_ceil(8)
                .min(width_of(largest_object)),
            root,
            root_rows,
            checked: HashSet::new(),
        })
    }

    /// The object of an identifier, which is of this heap.
    pub(super) fn object(&mut self, mut id: Cursor<'a>) -> Result<Cursor<'a>, Error> {
        let first = id.u8()?;
        match first >> 4 & 3 {
            0 => {
                let offset = id.uint(usize::from(self.offset_bits).div_ceil(8))?;
                let length = id.uint(self.length_width)?;
                self.managed(offset, length)
            }
            1 => self.huge(id),
            2 => id.part(usize::from(first & 0x0f) + 1, "tiny heap object"),
            _ => Err(id.malformed("the heap object is of an unknown kind")),
        }
    }

    fn managed(&mut self, offset: u64, length: u64) -> Result<Cursor<'a>, Error> {
        let block = self.block_at(offset)?;
        self.check_block(&block)?;
        let within = offset.saturating_sub(block.offset);
        if within.saturating_add(length) > block.bytes {
            return Err(Error::malformed(self.at, "a heap object runs past its block"));
        }
        let address = block.address.saturating_add(within);
        self.source.block(address, length, "heap object")
    }

    /// Objects too large for a block are by themselves, and found by number.
    fn huge(&self, mut id: Cursor<'a>) -> Result<Cursor<'a>, Error> {
        let tree = self.huge_tree;
        let tree = tree.ok_or_else(|| id.malformed("the heap has no huge objects"))?;
        let wanted = id.uint(id.left().min(self.source.length_bytes.into()))?;
        let mut found = None;
        btree2::for_each(&self.source, tree, HUGE_RECORDS, |_, mut record| {
            let (address, length) = (record.defined_address()?, record.length()?);
            if record.length()? == wanted {
                found = Some((address, length));
            }
            Ok(())
        })?;
        let (address, length) = found.ok_or_else(|| id.malformed("there is no such huge heap object"))?;
        self.source.block(address, length, "huge heap object")
    }

    /// Bytes of the blocks in a row of the doubling table. `None` for rows that no address space holds.
    fn row_bytes(&self, row: u64) -> Option<u64> {
        let doublings = u32::try_from(row.saturating_sub(1)).ok()?;
        self.first_bytes.checked_mul(1_u64.checked_shl(doublings)?)
    }

    /// Walks down the doubling table: each indirect block covers less than the one above, so this ends.
    fn block_at(&mut self, offset: u64) -> Result<Block, Error> {
        let at = self.at;
        let outside = || Error::malformed(at, "a heap object lies outside of the heap");
        let mut address = self.root.ok_or_else(outside)?;
        let mut rows = self.root_rows;
        let mut start = 0_u64;
        if rows == 0 {
            let bytes = self.first_bytes;
            return Ok(Block {
                address,
                offset: 0,
                bytes,
            });
        }
        let first_row = self.width.checked_mul(self.first_bytes).ok_or_else(outside)?;
        loop {
            let within = offset.checked_sub(start).ok_or_else(outside)?;
            let (row, row_start) = match within / first_row {
                0 => (0, 0),
                doubled => (u64::from(doubled.ilog2()) + 1, first_row << doubled.ilog2()),
            };
            let bytes = self.row_bytes(row).filter(|_| row < rows).ok_or_else(outside)?;
            let column = within.saturating_sub(row_start) / bytes;
            self.check_indirect(address, rows)?;
            let entry = row * self.width + column;
            let overhead = 5 + u64::from(self.source.offset_bytes) + u64::from(self.offset_bits).div_ceil(8);
            let place = entry * u64::from(self.source.offset_bytes) + overhead;
            let width = self.source.offset_bytes.into();
            let mut cursor =
                self.source
                    .block(address.saturating_add(place), width, "indirect heap block")?;
            address = cursor.defined_address()?;
            start += row_start + column * bytes;
            if row < self.direct_rows {
                let offset = start;
                return Ok(Block {
                    address,
                    offset,
                    bytes,
                });
            }
            rows = u64::from((bytes / first_row).max(1).ilog2() + 1);
        }
    }

    fn check_indirect(&mut self, address: u64, rows: u64) -> Result<(), Error> {
        if !self.checked.insert(address) {
            return Ok(());
        }
        let entries = rows.saturating_mul(self.width);
        let overhead = 5 + u64::from(self.source.offset_bytes) + u64::from(self.offset_bits).div_ceil(8) + 4;
        let length = entries
            .saturating_mul(self.source.offset_bytes.into())
            .saturating_add(overhead);
        let mut cursor = self.source.block(address, length, "indirect heap block")?;
        let start = cursor.at;
        cursor.signature(b"FHIB")?;
        cursor.version(0)?;
        cursor.take(cursor.left().saturating_sub(4))?;
        self.source.check(&mut cursor, start)
    }

    /// The checksum of a direct block is computed with zeros in its own place.
    fn check_block(&mut self, block: &Block) -> Result<(), Error> {
        if !self.checked.insert(block.address) {
            return Ok(());
        }
        let mut cursor = self.source.block(block.address, block.bytes, "heap block")?;
        let start = cursor.at;
        cursor.signature(b"FHDB")?;
        cursor.version(0)?;
        cursor.address()?;
        cursor.take(usize::from(self.offset_bits).div_ceil(8))?;
        if self.flags & CHECKSUMMED_BLOCKS == 0 || !self.source.verify {
            return Ok(());
        }
        let place = cursor.at - start;
        let stored = cursor.u32()?;
        let mut covered = self
            .source
            .bytes
            .get(start..cursor.end)
            .unwrap_or_default()
            .to_vec();
        covered.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0);
        if lookup3(&covered) == stored {
            return Ok(());
        }
        Err(Error::Checksum {
            what: "heap block",
            offset: start as u64,
        })
    }
}
