//! The bits of an entropy-coded scan, most significant first, without the zero that follows each 0xFF.

use super::tables::{BLOCK_COEFFICIENTS, HuffmanTable};

/// Why the blocks of a scan cannot be counted further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A marker or the end of the file comes first.
    Short,
    /// Bits that are no code of the table.
    Damaged,
}

/// A reader of bits that stops in front of the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to be taken into the window.
    position: usize,
    /// The next bits, from the top; zeros where there are no more.
    window: u64,
    /// How many bits of the window come from the file; negative after zeros were taken.
    available: i32,
    /// Whether a marker or the end of the file was reached.
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self {
            bytes,
            position,
            window: 0,
            available: 0,
            ended: false,
        }
    }

    /// Makes sure that a code and the bits that belong to it, 32 in all, are in the window.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.available >= 32 || self.ended {
            return;
        }
        match self.next_word() {
            Some(word) => {
                self.window |= word << (32 - self.available);
                self.available += 32;
                self.position += 4;
            }
            None => self.refill_bytewise(),
        }
    }

    /// Four bytes at once, if none of them is 0xFF.
    #[inline]
    fn next_word(&self) -> Option<u64> {
        let word = u32::from_be_bytes(*self.bytes.get(self.position..)?.first_chunk::<4>()?);
        // A byte of the complement is zero where this one is 0xFF.
        let holes = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080;
        (holes == 0).then_some(u64::from(word))
    }

    #[cold]
    fn refill_bytewise(&mut self) {
        while self.available <= 56 {
            let taken = match (self.bytes.get(self.position), self.bytes.get(self.position + 1)) {
                (Some(0xFF), Some(0)) => 2,
                (Some(0xFF), _) | (None, _) => {
                    self.ended = true;
                    return;
                }
                (Some(_), _) => 1,
            };
            let byte = self.bytes[self.position];
            self.window |= u64::from(byte) << (56 - self.available);
            self.available += 8;
            self.position += taken;
        }
    }

    /// The symbol of the next code. The window must have been refilled.
    #[inline]
    pub(super) fn symbol(&mut self, table: &HuffmanTable) -> Result<u8, Stop> {
        let Some((symbol, length)) = table.symbol(self.window) else {
            return Err(self.no_code());
        };
        self.skip(length);
        Ok(symbol)
    }

    /// Steps over a sequential block. Most of the time of counting goes here, so the window is kept out of memory.
    #[inline]
    pub(super) fn skip_block(&mut self, dc: &HuffmanTable, ac: &HuffmanTable) -> Result<(), Stop> {
        let (mut window, mut available) = (self.window, self.available);
        let mut table = dc;
        let mut index = 0;
        while index < BLOCK_COEFFICIENTS {
            if available < 32 && !self.ended {
                if let Some(word) = self.next_word() {
                    window |= word << (32 - available);
                    available += 32;
                    self.position += 4;
                } else {
                    (self.window, self.available) = (window, available);
                    self.refill_bytewise();
                    (window, available) = (self.window, self.available);
                }
            }
            let Some((advance, bits)) = table.step(window) else {
                self.available = available;
                return Err(self.no_code());
            };
            window <<= bits;
            available -= bits as i32;
            index += advance;
            table = ac;
        }
        (self.window, self.available) = (window, available);
        Ok(())
    }

    /// Why there is no code: where the data end, the last bits are followed by zeros.
    #[cold]
    fn no_code(&self) -> Stop {
        if self.ended && self.available < 16 {
            Stop::Short
        } else {
            Stop::Damaged
        }
    }

    /// Steps over at most 31 bits.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.window <<= count;
        self.available -= count as i32;
    }

    /// Takes at most 16 bits as a number.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        self.refill();
        let value = (self.window >> 48) as u32 >> (16 - count);
        self.skip(count);
        value
    }

    /// An error where more bits were taken than there are.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.available < 0 {
            Err(Stop::Short)
        } else {
            Ok(())
        }
    }

    /// Where the byte behind the last bit that was taken stands, or the marker that came first.
    pub(super) fn position(&self) -> usize {
        let mut position = self.position;
        for _ in 0..self.available.max(0) / 8 {
            position = position.saturating_sub(1);
            // The zero behind 0xFF is no byte of its own.
            if position > 0 && self.bytes.get(position - 1..=position) == Some(&[0xFF, 0]) {
                position -= 1;
            }
        }
        position
    }

    /// Goes on at `position`, behind a marker.
    pub(super) fn restart(&mut self, position: usize) {
        *self = Self::new(self.bytes, position);
    }
}
