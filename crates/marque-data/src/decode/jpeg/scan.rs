//! Counting through the blocks of a scan: the Huffman codes are read, the coefficients are not kept.

use super::bits::{Bits, Stop};
use super::frame::{Component, Frame};
use super::survey::next_marker;
use super::tables::{HuffmanTable, Tables};

/// A scan's header: which components, which coefficients, in which precision.
pub(super) struct ScanHeader {
    /// For each component of the scan: its place in the frame, and the places of its two tables.
    pub(super) members: Vec<Member>,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Bits of precision that earlier scans and this one leave to come.
    pub(super) high: u8,
    pub(super) low: u8,
}

#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) component: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// Where a scan ends before its last block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) found_blocks: usize,
    pub(super) expected_blocks: usize,
    /// Where what comes instead stands.
    pub(super) position: usize,
    pub(super) stop: Stop,
}

impl ScanHeader {
    /// Reads the content of a scan header; `None` where it is damaged or does not fit the frame.
    pub(super) fn read(content: &[u8], frame: &Frame) -> Option<Self> {
        let (&count, rest) = content.split_first()?;
        let (described, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        let member = |&[id, places]: &[u8; 2]| {
            let component = frame.components.iter().position(|component| component.id == id)?;
            let (dc, ac) = (usize::from(places >> 4), usize::from(places & 15));
            (dc < 4 && ac < 4).then_some(Member { component, dc, ac })
        };
        let members: Vec<Member> = described
            .as_chunks()
            .0
            .iter()
            .map(member)
            .collect::<Option<_>>()?;
        let &[first, last, precision] = rest.first_chunk::<3>()?;
        let mut header = Self {
            members,
            first: u32::from(first),
            last: u32::from(last),
            high: precision >> 4,
            low: precision & 15,
        };
        if !frame.progressive {
            (header.first, header.last, header.high, header.low) = (0, 63, 0, 0);
        }
        header.fits(frame).then_some(header)
    }

    fn fits(&self, frame: &Frame) -> bool {
        let ordered = self.first <= self.last && self.last <= 63;
        let means_apart = !frame.progressive || (self.first == 0) == (self.last == 0);
        let alone = self.first == 0 || self.members.len() == 1;
        (1..=4).contains(&self.members.len()) && ordered && means_apart && alone
    }

    /// Whether a table that the scan needs is missing.
    pub(super) fn lacks_table(&self, tables: &Tables) -> bool {
        let dc = self.first == 0 && self.high == 0;
        let ac = self.last > 0;
        self.members
            .iter()
            .any(|member| dc && tables.dc[member.dc].is_none() || ac && tables.ac[member.ac].is_none())
    }

    /// Where the data of a scan end that is all of a sequential picture, by the markers alone: all restart markers are
    /// there, and then comes the end marker. `None` where the blocks must be counted.
    pub(super) fn end_of_only_scan(
        &self,
        bytes: &[u8],
        position: usize,
        frame: &mut Frame,
        tables: &Tables,
    ) -> Option<usize> {
        let only = !frame.progressive && self.members.len() == frame.components.len();
        if !only || self.lacks_table(tables) || tables.use_all_ones() {
            return None;
        }
        let units = self.units(frame);
        let mut restarts = match tables.restart_interval {
            0 => 0,
            interval => (units[0] * units[1]).div_ceil(interval) - 1,
        };
        let mut after = position;
        loop {
            let (marker, behind) = next_marker(bytes, after)?;
            after = behind;
            match marker {
                0xD0..=0xD7 => restarts = restarts.checked_sub(1)?,
                0xD9 if restarts == 0 => break,
                _ => return None,
            }
        }
        for component in &mut frame.components {
            component.arrived = u64::MAX;
        }
        // In front of the marker and of the bytes 0xFF that may fill the place before it.
        let data = bytes.get(position..after - 1)?;
        let fill = data.iter().rev().take_while(|&&byte| byte == 0xFF).count();
        Some(after - 1 - fill)
    }

    /// Counts through the scan that begins at `position`, and answers where it ends.
    pub(super) fn walk(
        &self,
        bytes: &[u8],
        position: usize,
        frame: &mut Frame,
        tables: &Tables,
    ) -> Result<usize, Cut> {
        let mut walk = Walk {
            header: self,
            tables,
            bits: Bits::new(bytes, position),
            end_of_block_run: 0,
        };
        let units = self.units(frame);
        let mut unit = 0;
        while unit < units[0] * units[1] {
            let column_and_row = [unit % units[0], unit / units[0]];
            let counted = if unit > 0 && tables.restart_interval > 0 && unit % tables.restart_interval == 0 {
                walk.restart(bytes)
                    .and_then(|()| walk.unit(column_and_row, frame))
            } else {
                walk.unit(column_and_row, frame)
            };
            match counted {
                Ok(()) => unit += 1,
                // A damaged stretch between two restarts costs that stretch, here and in a decoder.
                Err(Stop::Short) if tables.restart_interval > 0 && walk.is_before_restart(bytes) => {
                    unit = (unit / tables.restart_interval + 1) * tables.restart_interval;
                }
                Err(stop) => return Err(self.cut(unit, frame, &walk.bits, stop)),
            }
        }
        for member in self.members.iter().filter(|_| self.low == 0) {
            frame.components[member.component].arrived |= self.coefficients();
        }
        Ok(walk.bits.position())
    }

    /// The coefficients of the scan, one bit each.
    fn coefficients(&self) -> u64 {
        u64::MAX >> (63 - self.last) & u64::MAX << self.first
    }

    /// The minimum coded units of the scan, across and down: single blocks where a component has it for itself.
    fn units(&self, frame: &Frame) -> [usize; 2] {
        match &self.members[..] {
            [member] => frame.components[member.component].blocks,
            _ => frame.units,
        }
    }

    fn cut(&self, unit: usize, frame: &Frame, bits: &Bits, stop: Stop) -> Cut {
        let units = self.units(frame);
        let blocks_per_unit = match &self.members[..] {
            [_] => 1,
            members => members
                .iter()
                .map(|member| {
                    frame.components[member.component]
                        .sampling
                        .iter()
                        .product::<usize>()
                })
                .sum(),
        };
        Cut {
            found_blocks: unit * blocks_per_unit,
            expected_blocks: units[0] * units[1] * blocks_per_unit,
            position: bits.position(),
            stop,
        }
    }
}

/// The state of counting.
struct Walk<'a> {
    header: &'a ScanHeader,
    tables: &'a Tables,
    bits: Bits<'a>,
    /// How many blocks follow that bring nothing new.
    end_of_block_run: u32,
}

impl Walk<'_> {
    /// Goes behind the restart marker that must come next.
    fn restart(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match next_marker(bytes, self.bits.position()) {
            Some((0xD0..=0xD7, after)) => {
                self.bits.restart(after);
                self.end_of_block_run = 0;
                Ok(())
            }
            _ => Err(Stop::Short),
        }
    }

    fn is_before_restart(&self, bytes: &[u8]) -> bool {
        matches!(next_marker(bytes, self.bits.position()), Some((0xD0..=0xD7, _)))
    }

    /// One minimum coded unit, or one block of a component that has the scan for itself.
    fn unit(&mut self, [column, row]: [usize; 2], frame: &mut Frame) -> Result<(), Stop> {
        let progressive = frame.progressive;
        let alone = self.header.members.len() == 1;
        for &member in &self.header.members {
            let component = &mut frame.components[member.component];
            let [across, down] = if alone { [1, 1] } else { component.sampling };
            for y in 0..down {
                for x in 0..across {
                    if progressive {
                        let block = (row * down + y) * component.row_blocks + column * across + x;
                        self.progressive(member, component, block)?;
                    } else {
                        self.sequential(member)?;
                    }
                }
            }
        }
        self.bits.check()
    }

    fn sequential(&mut self, member: Member) -> Result<(), Stop> {
        let (dc, ac) = (
            table(&self.tables.dc, member.dc)?,
            table(&self.tables.ac, member.ac)?,
        );
        self.bits.skip_block(dc, ac)
    }

    fn mean(&mut self, dc: &HuffmanTable) -> Result<(), Stop> {
        self.bits.refill();
        let size = self.bits.symbol(dc)?;
        self.bits.skip(u32::from(size & 15));
        Ok(())
    }

    fn progressive(&mut self, member: Member, component: &mut Component, block: usize) -> Result<(), Stop> {
        let header = self.header;
        if header.first == 0 {
            if header.high > 0 {
                self.bits.take(1);
                return Ok(());
            }
            return self.mean(table(&self.tables.dc, member.dc)?);
        }
        let ac = table(&self.tables.ac, member.ac)?;
        let nonzero = component.nonzero.get_mut(block).ok_or(Stop::Damaged)?;
        if header.high == 0 {
            self.first_coefficients(ac, nonzero)
        } else {
            self.refined_coefficients(ac, nonzero)
        }
    }

    fn first_coefficients(&mut self, ac: &HuffmanTable, nonzero: &mut u64) -> Result<(), Stop> {
        if self.end_of_block_run > 0 {
            self.end_of_block_run -= 1;
            return Ok(());
        }
        let mut index = self.header.first;
        while index <= self.header.last {
            self.bits.refill();
            let symbol = self.bits.symbol(ac)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && run < 15 {
                self.end_of_block_run = (1 << run) - 1 + self.bits.take(run);
                break;
            }
            self.bits.skip(size);
            index += run;
            if size > 0 && index < 64 {
                *nonzero |= 1 << index;
            }
            index += 1;
        }
        Ok(())
    }

    /// A refining scan has a bit for each coefficient that is not zero so far, between the codes for new ones.
    fn refined_coefficients(&mut self, ac: &HuffmanTable, nonzero: &mut u64) -> Result<(), Stop> {
        let mut index = self.header.first;
        if self.end_of_block_run == 0 {
            while index <= self.header.last {
                self.bits.refill();
                let symbol = self.bits.symbol(ac)?;
                let (mut run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 && run < 15 {
                    self.end_of_block_run = (1 << run) + self.bits.take(run);
                    break;
                }
                // The sign of the new coefficient.
                self.bits.skip(u32::from(size > 0));
                while index <= self.header.last {
                    if *nonzero >> index & 1 == 1 {
                        self.bits.take(1);
                    } else if run == 0 {
                        break;
                    } else {
                        run -= 1;
                    }
                    index += 1;
                }
                if size > 0 && index <= self.header.last {
                    *nonzero |= 1 << index;
                }
                index += 1;
            }
        }
        if self.end_of_block_run > 0 {
            self.end_of_block_run -= 1;
            for index in index..=self.header.last {
                if *nonzero >> index & 1 == 1 {
                    self.bits.take(1);
                }
            }
        }
        Ok(())
    }
}

fn table(tables: &[Option<HuffmanTable>; 4], place: usize) -> Result<&HuffmanTable, Stop> {
    tables[place].as_ref().ok_or(Stop::Damaged)
}
