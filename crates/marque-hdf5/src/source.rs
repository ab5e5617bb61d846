//! Bytes of the file, addressed, bounded and counted.

use super::Error;
use super::checksum::lookup3;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file with what its superblock says about addresses, and what may still be spent on it.
#[derive(Clone)]
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    /// Where address 0 is: behind the user block, if there is one.
    pub(super) base: u64,
    pub(super) offset_bytes: u8,
    pub(super) length_bytes: u8,
    /// Only tests read on after a wrong checksum, to get at the code behind it.
    pub(super) verify: bool,
    budget: Arc<Budget>,
}

/// Nothing here is read twice in a sound file, so what is read in all is bounded by the size of the file. A
/// hostile one can point to the same bytes over and over; a few hundred bytes then stand for years of work.
struct Budget {
    metadata: Purse,
    decoded: Purse,
}

struct Purse {
    limit: u64,
    spent: AtomicU64,
}

impl Purse {
    fn new(limit: u64) -> Self {
        let spent = AtomicU64::new(0);
        Self { limit, spent }
    }

    fn spend(&self, bytes: u64, what: &'static str) -> Result<(), Error> {
        let before = self.spent.fetch_add(bytes.min(self.limit + 1), Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            // Not to wrap around, however often the caller tries again.
            self.spent.store(self.limit, Ordering::Relaxed);
            let limit = self.limit;
            return Err(Error::TooMuch { what, limit });
        }
        Ok(())
    }
}

const MIB: u64 = 1 << 20;
/// What visiting any structure costs at least, so that empty ones are not free.
const LEAST_COST: u64 = 16;

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let file = bytes.len() as u64;
        // The metadata of a checkpoint is read a few times, not hundreds of times; numbers hardly compress.
        let budget = Budget {
            metadata: Purse::new(
                (16 * MIB)
                    .saturating_add(file.saturating_mul(8))
                    .min(u64::MAX / 4),
            ),
            decoded: Purse::new(
                (64 * MIB)
                    .saturating_add(file.saturating_mul(8))
                    .min(u64::MAX / 4),
            ),
        };
        Self {
            bytes,
            base: 0,
            offset_bytes: 8,
            length_bytes: 8,
            // A fuzzer cannot guess checksums; without them it gets to what they protect.
            verify: !cfg!(fuzzing),
            budget: Arc::new(budget),
        }
    }

    /// The `length` bytes at an address, which are paid for.
    pub(super) fn block(&self, address: u64, length: u64, what: &'static str) -> Result<Cursor<'a>, Error> {
        self.spend_metadata(length)?;
        self.unpaid_block(address, length, what)
    }

    /// The same for a second look at bytes that were paid for, and for numbers that are not looked at.
    pub(super) fn unpaid_block(
        &self,
        address: u64,
        length: u64,
        what: &'static str,
    ) -> Result<Cursor<'a>, Error> {
        let size = self.bytes.len() as u64;
        let start = self.base.saturating_add(address);
        let end = start.checked_add(length).filter(|&end| end <= size);
        let Some(end) = end else {
            return Err(Error::Truncated {
                what,
                offset: start,
                needed: length,
                found: size.saturating_sub(start),
            });
        };
        // Both are at most the length of the slice.
        Ok(Cursor {
            bytes: self.bytes,
            at: start as usize,
            end: end as usize,
            what,
            offset_bytes: self.offset_bytes,
            length_bytes: self.length_bytes,
        })
    }

    pub(super) fn spend_metadata(&self, bytes: u64) -> Result<(), Error> {
        self.budget.metadata.spend(bytes.max(LEAST_COST), "structure")
    }

    /// Pays for bytes that are not in the file as they are, before they are allocated.
    pub(super) fn spend_decoded(&self, bytes: u64) -> Result<(), Error> {
        self.budget.decoded.spend(bytes.max(LEAST_COST), "contents")
    }

    /// Reads the checksum that ends a structure begun at `start`.
    pub(super) fn check(&self, cursor: &mut Cursor<'a>, start: usize) -> Result<(), Error> {
        let covered = self.bytes.get(start..cursor.at).unwrap_or_default();
        let stored = cursor.u32()?;
        if self.verify && stored != lookup3(covered) {
            return Err(Error::Checksum {
                what: cursor.what,
                offset: start as u64,
            });
        }
        Ok(())
    }
}

/// A place in a part of the file. It never leaves the part.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) what: &'static str,
    offset_bytes: u8,
    length_bytes: u8,
}

impl<'a> Cursor<'a> {
    pub(super) fn set_widths(&mut self, offset_bytes: u8, length_bytes: u8) {
        (self.offset_bytes, self.length_bytes) = (offset_bytes, length_bytes);
    }

    pub(super) fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.end);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(Error::Truncated {
            what: self.what,
            offset: self.at as u64,
            needed: count as u64,
            found: self.left() as u64,
        })?;
        self.at += count;
        Ok(taken)
    }

    /// The next `count` bytes as a part of their own.
    pub(super) fn part(&mut self, count: usize, what: &'static str) -> Result<Cursor<'a>, Error> {
        let at = self.at;
        self.take(count)?;
        let end = self.at;
        Ok(Cursor {
            at,
            end,
            what,
            ..self.clone()
        })
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(self.left()).unwrap_or_default()
    }

    /// A little-endian number of up to 8 bytes.
    pub(super) fn uint(&mut self, width: usize) -> Result<u64, Error> {
        let at = self.at;
        let taken = self.take(width)?;
        let mut bytes = [0; 8];
        let into = bytes.get_mut(..width);
        into.ok_or_else(|| Error::unsupported(at, "a number of more than 8 bytes"))?
            .copy_from_slice(taken);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.uint(1)? as u8)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        Ok(self.uint(2)? as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(self.uint(4)? as u32)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.uint(8)
    }

    /// A number in as many bytes as the superblock gives lengths.
    pub(super) fn length(&mut self) -> Result<u64, Error> {
        self.uint(self.length_bytes.into())
    }

    /// An address; all ones say that there is nothing yet.
    pub(super) fn address(&mut self) -> Result<Option<u64>, Error> {
        let width = self.offset_bytes;
        let found = self.uint(width.into())?;
        let undefined = u64::MAX >> (64 - 8 * u32::from(width.clamp(1, 8)));
        Ok((found != undefined).then_some(found))
    }

    /// An address that must be there.
    pub(super) fn defined_address(&mut self) -> Result<u64, Error> {
        let at = self.at;
        self.address()?
            .ok_or_else(|| Error::malformed(at, format!("the {} has an undefined address", self.what)))
    }

    pub(super) fn signature(&mut self, expected: &[u8; 4]) -> Result<(), Error> {
        let at = self.at;
        if self.take(4)? == expected {
            return Ok(());
        }
        Err(Error::malformed(at, format!("there is no {} here", self.what)))
    }

    /// A version number, which must be this one.
    pub(super) fn version(&mut self, expected: u8) -> Result<(), Error> {
        let at = self.at;
        let found = self.u8()?;
        if found == expected {
            return Ok(());
        }
        Err(Error::unsupported(
            at,
            format!("version {found} of the {}", self.what),
        ))
    }

    pub(super) fn malformed(&self, problem: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::malformed(self.at, problem)
    }

    pub(super) fn unsupported(&self, feature: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::unsupported(self.at, feature)
    }
}
