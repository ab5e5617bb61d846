//! The two chunk indices that are arrays: specification, sections VII.C and VII.D.

use super::Error;
use super::source::{Cursor, Source};
use std::collections::HashSet;

const FILTERED: u8 = 1;

/// What both arrays share: elements in blocks that are checked once.
struct Elements<'a> {
    source: Source<'a>,
    client: u8,
    bytes: u64,
    checked: HashSet<u64>,
}

impl<'a> Elements<'a> {
    /// Verifies the checksum behind the `length` bytes of a block, the first time.
    fn check(&mut self, address: u64, length: u64, what: &'static str) -> Result<(), Error> {
        if !self.checked.insert(address) {
            return Ok(());
        }
        let mut cursor = self.source.block(address, length.saturating_add(4), what)?;
        let start = cursor.at;
        cursor.take(cursor.left().saturating_sub(4))?;
        self.source.check(&mut cursor, start)
    }

    /// Checks the beginning of a block too.
    fn check_block(
        &mut self,
        address: u64,
        length: u64,
        signature: &[u8; 4],
        what: &'static str,
    ) -> Result<(), Error> {
        let mut cursor = self.source.block(address, 6, what)?;
        cursor.signature(signature)?;
        cursor.version(0)?;
        if cursor.u8()? != self.client {
            return Err(cursor.malformed("the chunk index has elements of another kind"));
        }
        self.check(address, length, what)
    }

    fn element(&self, block: u64, offset: u64, number: u64) -> Result<Cursor<'a>, Error> {
        let within = number.saturating_mul(self.bytes).saturating_add(offset);
        self.source
            .block(block.saturating_add(within), self.bytes, "chunk index element")
    }

    fn address(&self, block: u64, offset: u64, number: u64) -> Result<Option<u64>, Error> {
        let width = u64::from(self.source.offset_bytes);
        let within = number.saturating_mul(width).saturating_add(offset);
        self.source
            .block(block.saturating_add(within), width, "chunk index")?
            .address()
    }

    /// Whether a bit is set; the first one is the highest of its byte.
    fn bit(&self, block: u64, offset: u64, number: u64) -> Result<bool, Error> {
        let place = block.saturating_add(offset).saturating_add(number / 8);
        let byte = self.source.block(place, 1, "chunk index")?.u8()?;
        Ok(byte & (0x80 >> (number % 8)) != 0)
    }
}

pub(super) struct FixedArray<'a> {
    elements: Elements<'a>,
    count: u64,
    page: u64,
    data: Option<u64>,
}

impl<'a> FixedArray<'a> {
    pub(super) fn open(source: &Source<'a>, address: u64) -> Result<Self, Error> {
        let length = 8 + u64::from(source.length_bytes + source.offset_bytes) + 4;
        let mut cursor = source.block(address, length, "fixed array")?;
        let start = cursor.at;
        cursor.signature(b"FAHD")?;
        cursor.version(0)?;
        let client = cursor.u8()?;
        let bytes = u64::from(cursor.u8()?);
        let page_bits = cursor.u8()?;
        let count = cursor.length()?;
        let data = cursor.address()?;
        source.check(&mut cursor, start)?;
        let page = 1_u64.checked_shl(page_bits.into());
        let page = page.filter(|_| client <= FILTERED && bytes > 0);
        let page = page.ok_or_else(|| cursor.malformed("the fixed array has impossible sizes"))?;
        let elements = Elements {
            source: source.clone(),
            client,
            bytes,
            checked: HashSet::new(),
        };
        Ok(Self {
            elements,
            count,
            page,
            data,
        })
    }

    /// `None` if the chunk was never written.
    pub(super) fn get(&mut self, number: u64) -> Result<Option<Cursor<'a>>, Error> {
        let Some(data) = self.data.filter(|_| number < self.count) else {
            return Ok(None);
        };
        let bytes = self.elements.bytes;
        let prefix = 6 + u64::from(self.elements.source.offset_bytes);
        if self.count <= self.page {
            let length = prefix.saturating_add(self.count.saturating_mul(bytes));
            self.elements
                .check_block(data, length, b"FADB", "fixed array block")?;
            return self.elements.element(data, prefix, number).map(Some);
        }
        let pages = self.count.div_ceil(self.page);
        let bitmap = pages.div_ceil(8);
        self.elements
            .check_block(data, prefix.saturating_add(bitmap), b"FADB", "fixed array block")?;
        let page = number / self.page;
        if !self.elements.bit(data, prefix, page)? {
            return Ok(None);
        }
        let page_bytes = self.page.saturating_mul(bytes);
        let start = page.saturating_mul(page_bytes.saturating_add(4));
        let start = data.saturating_add(prefix + bitmap + 4).saturating_add(start);
        let held = self.page.min(self.count - page * self.page);
        self.elements
            .check(start, held.saturating_mul(bytes), "fixed array page")?;
        self.elements.element(start, 0, number % self.page).map(Some)
    }
}

pub(super) struct ExtensibleArray<'a> {
    elements: Elements<'a>,
    /// Elements in the index block, and in the smallest data block.
    in_index: u64,
    in_smallest: u64,
    /// Super blocks whose data blocks the index block points to itself.
    direct_super_blocks: u64,
    super_blocks: u64,
    page: u64,
    /// Bytes of a block's own place in the array.
    place_bytes: u64,
    index: Option<u64>,
}

impl<'a> ExtensibleArray<'a> {
    pub(super) fn open(source: &Source<'a>, address: u64) -> Result<Self, Error> {
        let length = 12 + 6 * u64::from(source.length_bytes) + u64::from(source.offset_bytes) + 4;
        let mut cursor = source.block(address, length, "extensible array")?;
        let start = cursor.at;
        cursor.signature(b"EAHD")?;
        cursor.version(0)?;
        let client = cursor.u8()?;
        let bytes = u64::from(cursor.u8()?);
        let most_bits = u64::from(cursor.u8()?);
        let in_index = u64::from(cursor.u8()?);
        let in_smallest = u64::from(cursor.u8()?);
        let pointers = u64::from(cursor.u8()?);
        let page_bits = cursor.u8()?;
        cursor.take(6 * usize::from(source.length_bytes))?;
        let index = cursor.address()?;
        source.check(&mut cursor, start)?;
        let page = 1_u64.checked_shl(page_bits.into());
        let sound = client <= FILTERED && bytes > 0 && most_bits <= 64;
        let sound = sound && in_smallest.is_power_of_two() && pointers.is_power_of_two();
        let page = page.filter(|_| sound);
        let page = page.ok_or_else(|| cursor.malformed("the extensible array has impossible sizes"))?;
        Ok(Self {
            elements: Elements {
                source: source.clone(),
                client,
                bytes,
                checked: HashSet::new(),
            },
            in_index,
            in_smallest,
            direct_super_blocks: 2 * u64::from(pointers.ilog2()),
            super_blocks: (1 + most_bits).saturating_sub(in_smallest.ilog2().into()),
            page,
            place_bytes: most_bits.div_ceil(8),
            index,
        })
    }

    /// `None` if the chunk was never written.
    pub(super) fn get(&mut self, number: u64) -> Result<Option<Cursor<'a>>, Error> {
        let Some(index) = self.index else {
            return Ok(None);
        };
        let prefix = 6 + u64::from(self.elements.source.offset_bytes);
        let width = u64::from(self.elements.source.offset_bytes);
        let blocks_at = prefix + self.in_index * self.elements.bytes;
        let direct_blocks = blocks_before(self.direct_super_blocks);
        let supers_at = blocks_at + direct_blocks * width;
        let length = supers_at + self.super_blocks.saturating_sub(self.direct_super_blocks) * width;
        self.elements
            .check_block(index, length, b"EAIB", "extensible array index")?;
        let Some(number) = number.checked_sub(self.in_index) else {
            return self.elements.element(index, prefix, number).map(Some);
        };
        // Super block s has 2^⌊s/2⌋ data blocks of 2^⌈s/2⌉ times the elements of the smallest: 2^s times in all.
        let level = u64::from((number / self.in_smallest).saturating_add(1).ilog2());
        if level >= self.super_blocks {
            return Ok(None);
        }
        let before = ((1_u64 << level) - 1).saturating_mul(self.in_smallest);
        let in_block = self.in_smallest.saturating_mul(1 << level.div_ceil(2));
        let within = number.saturating_sub(before);
        let (block, within) = (within / in_block, within % in_block);
        if level < self.direct_super_blocks {
            let place = blocks_before(level) + block;
            let address = self.elements.address(index, blocks_at, place)?;
            return self.in_data_block(address, in_block, within);
        }
        let place = level - self.direct_super_blocks;
        let address = self.elements.address(index, supers_at, place)?;
        self.in_super_block(
            address,
            Inside {
                level,
                in_block,
                block,
                within,
            },
        )
    }

    fn in_super_block(&mut self, address: Option<u64>, inside: Inside) -> Result<Option<Cursor<'a>>, Error> {
        let Some(address) = address else {
            return Ok(None);
        };
        let width = u64::from(self.elements.source.offset_bytes);
        let prefix = 6 + width + self.place_bytes;
        let blocks = 1_u64 << (inside.level / 2);
        let pages = if inside.in_block > self.page {
            inside.in_block / self.page
        } else {
            0
        };
        let blocks_at = prefix.saturating_add(blocks.saturating_mul(pages.div_ceil(8)));
        let length = blocks_at.saturating_add(blocks.saturating_mul(width));
        self.elements
            .check_block(address, length, b"EASB", "extensible array super block")?;
        let data = self.elements.address(address, blocks_at, inside.block)?;
        let Some(data_block) = data.filter(|_| pages > 0) else {
            return self.in_data_block(data, inside.in_block, inside.within);
        };
        let page = inside.within / self.page;
        if !self.elements.bit(
            address,
            prefix,
            inside.block.saturating_mul(pages).saturating_add(page),
        )? {
            return Ok(None);
        }
        self.elements
            .check_block(data_block, prefix, b"EADB", "extensible array block")?;
        let page_bytes = self.page.saturating_mul(self.elements.bytes);
        let start = page
            .saturating_mul(page_bytes.saturating_add(4))
            .saturating_add(prefix + 4);
        let start = data_block.saturating_add(start);
        self.elements.check(start, page_bytes, "extensible array page")?;
        self.elements
            .element(start, 0, inside.within % self.page)
            .map(Some)
    }

    fn in_data_block(
        &mut self,
        address: Option<u64>,
        in_block: u64,
        within: u64,
    ) -> Result<Option<Cursor<'a>>, Error> {
        let Some(address) = address else {
            return Ok(None);
        };
        let prefix = 6 + u64::from(self.elements.source.offset_bytes) + self.place_bytes;
        let length = prefix.saturating_add(in_block.saturating_mul(self.elements.bytes));
        self.elements
            .check_block(address, length, b"EADB", "extensible array block")?;
        self.elements.element(address, prefix, within).map(Some)
    }
}

/// A place in the array as seen from its super block.
struct Inside {
    level: u64,
    /// Elements of a data block.
    in_block: u64,
    /// The data block, and the element in it.
    block: u64,
    within: u64,
}

/// How many data blocks the first `level` super blocks have: 1 + 1 + 2 + 2 + 4 + 4…
fn blocks_before(level: u64) -> u64 {
    let pairs = 2 * ((1_u64 << (level / 2)) - 1);
    pairs + if level % 2 == 1 { 1 << (level / 2) } else { 0 }
}
