//! The first directory of a TIFF structure, which is what a TIFF file, a BigTIFF file and EXIF metadata begin with.
//!
//! It is read from a slice: nothing is allocated, and an offset that leads outside of it leads to nothing.

/// Tags and their values, where the structure keeps them.
#[derive(Clone, Copy)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    big: bool,
    /// Where the first entry begins, and how many there are.
    entries: usize,
    count: usize,
}

/// One entry: type, number of values and where they are.
struct Entry {
    kind: u16,
    count: usize,
    values: usize,
}

impl<'a> Directory<'a> {
    /// The directory that the header points to.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let mut directory = Self {
            bytes,
            little_endian,
            big: false,
            entries: 0,
            count: 0,
        };
        directory.big = match directory.number(2, 2)? {
            42 => false,
            43 => true,
            _ => return None,
        };
        let (offset, counter_bytes) = if directory.big {
            (directory.number(8, 8)?, 8)
        } else {
            (directory.number(4, 4)?, 2)
        };
        let offset = usize::try_from(offset).ok()?;
        directory.count = usize::try_from(directory.number(offset, counter_bytes)?).ok()?;
        directory.entries = offset.checked_add(counter_bytes)?;
        Some(directory)
    }

    /// The first value of a tag that is a whole number of any size.
    pub(super) fn unsigned(&self, tag: u16) -> Option<u64> {
        self.unsigned_at(tag, 0)
    }

    /// The value at `index` of a tag that holds whole numbers.
    pub(super) fn unsigned_at(&self, tag: u16, index: usize) -> Option<u64> {
        let entry = self.entry(tag)?;
        let size = size_of(entry.kind)?;
        if index >= entry.count {
            return None;
        }
        self.number(entry.values.checked_add(index.checked_mul(size)?)?, size)
    }

    /// Where the first value of a tag with 16-bit values stands, to be changed in a copy.
    pub(super) fn position_of_short(&self, tag: u16) -> Option<usize> {
        const SHORT: u16 = 3;
        self.entry(tag)
            .filter(|entry| entry.kind == SHORT)
            .map(|entry| entry.values)
    }

    /// `value` as 16 bits in the byte order of the structure.
    pub(super) fn short_bytes(&self, value: u16) -> [u8; 2] {
        if self.little_endian {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    }

    fn entry(&self, tag: u16) -> Option<Entry> {
        let (entry_bytes, counter_bytes) = if self.big { (20, 8) } else { (12, 4) };
        // A count that lies ends at the end of the bytes.
        let mut positions = (0..self.count).map_while(|index| {
            let at = index.checked_mul(entry_bytes)?.checked_add(self.entries)?;
            self.bytes.get(at..at.checked_add(entry_bytes)?).map(|_| at)
        });
        let at = positions.find(|&at| self.number(at, 2) == Some(u64::from(tag)))?;
        let kind = self.number(at + 2, 2)? as u16;
        let count = usize::try_from(self.number(at + 4, counter_bytes)?).ok()?;
        let inline = at + 4 + counter_bytes;
        let values = if size_of(kind)?.checked_mul(count)? <= counter_bytes {
            inline
        } else {
            usize::try_from(self.number(inline, counter_bytes)?).ok()?
        };
        Some(Entry { kind, count, values })
    }

    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let digit = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.little_endian {
            bytes.iter().rev().fold(0, digit)
        } else {
            bytes.iter().fold(0, digit)
        })
    }
}

/// Bytes of one value of the whole-number types: BYTE, SBYTE, SHORT, SSHORT, LONG, SLONG, IFD and BigTIFF's LONG8, SLONG8.
fn size_of(kind: u16) -> Option<usize> {
    match kind {
        1 | 6 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 13 => Some(4),
        16 | 17 => Some(8),
        _ => None,
    }
}
