//! Huffman tables, from a file or from the standard.

/// Bits of a code that are looked up at once; longer codes are rare.
const LOOKUP_BITS: u32 = 10;
const LONGEST_CODE: usize = 16;
pub(super) const BLOCK_COEFFICIENTS: u32 = 64;

/// A Huffman table, ready to be read with.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    /// Symbol and, in the upper byte, length of the code that begins with these bits; 0 for none or a longer one.
    lookup: Vec<u16>,
    /// The same for whole steps of a sequential block: how many coefficients the code goes on in the upper byte, and the
    /// bits of code and value together.
    steps: Box<[u16; 1 << LOOKUP_BITS]>,
    /// For each length, one more than the last code, 16 bits wide, and where its symbols begin less its first code.
    lengths: [(u32, i32); LONGEST_CODE + 1],
    symbols: Vec<u8>,
    class: Class,
    /// Whether bits of ones, however many, are a code, which the standard forbids.
    uses_all_ones: bool,
}

/// What a table's symbols stand for.
#[derive(Clone, Copy)]
pub(super) enum Class {
    /// The size of a mean's value.
    Dc,
    /// A run of zeros and the size of the value behind it.
    Ac,
}

impl Class {
    /// How many coefficients of a sequential block a symbol goes on, and the bits of its code and value.
    fn step(self, symbol: u8, code_bits: u32) -> (u32, u32) {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let advance = match (self, run, size) {
            (Self::Dc, ..) => 1,
            (Self::Ac, 0..15, 0) => BLOCK_COEFFICIENTS,
            (Self::Ac, run, _) => run + 1,
        };
        (advance, code_bits + size)
    }
}

impl HuffmanTable {
    /// From the 16 numbers of codes of each length, and the symbols; `None` where they do not fit one another.
    pub(super) fn new(class: Class, counts: &[u8; LONGEST_CODE], symbols: &[u8]) -> Option<Self> {
        let mut lookup = vec![0_u16; 1 << LOOKUP_BITS];
        let mut steps = Box::new([0_u16; 1 << LOOKUP_BITS]);
        let mut lengths = [(0, 0); LONGEST_CODE + 1];
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            lengths[length as usize].1 = index as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(index)?;
                if code >= 1 << length {
                    return None;
                }
                if length <= LOOKUP_BITS {
                    let free = LOOKUP_BITS - length;
                    let first = (code << free) as usize;
                    let codes = first..first + (1 << free);
                    lookup[codes.clone()].fill((length as u16) << 8 | u16::from(symbol));
                    let (advance, bits) = class.step(symbol, length);
                    steps[codes].fill((advance << 8 | bits) as u16);
                }
                (code, index) = (code + 1, index + 1);
            }
            lengths[length as usize].0 = code << (LONGEST_CODE as u32 - length);
            code <<= 1;
        }
        let uses_all_ones = code == 1 << (LONGEST_CODE + 1);
        Some(Self {
            uses_all_ones,
            lookup,
            steps,
            class,
            lengths,
            symbols: symbols[..index].to_vec(),
        })
    }

    /// How many coefficients the code at the top of `window` goes on, and the bits of code and value.
    #[inline]
    pub(super) fn step(&self, window: u64) -> Option<(u32, u32)> {
        let step = u32::from(self.steps[(window >> (64 - LOOKUP_BITS)) as usize]);
        if step != 0 {
            return Some((step >> 8, step & 0xFF));
        }
        let (symbol, code_bits) = self.symbol(window)?;
        Some(self.class.step(symbol, code_bits))
    }

    /// The symbol whose code stands at the top of `window`, and the code's length.
    #[inline]
    pub(super) fn symbol(&self, window: u64) -> Option<(u8, u32)> {
        let entry = self.lookup[(window >> (64 - LOOKUP_BITS)) as usize];
        if entry != 0 {
            return Some((entry as u8, u32::from(entry >> 8)));
        }
        let code = (window >> 48) as u32;
        (LOOKUP_BITS as usize + 1..=LONGEST_CODE)
            .find(|&length| code < self.lengths[length].0)
            .and_then(|length| {
                let index = (code >> (LONGEST_CODE - length)) as i32 + self.lengths[length].1;
                let symbol = self.symbols.get(usize::try_from(index).ok()?)?;
                Some((*symbol, length as u32))
            })
    }
}

/// What a scan is read with: the tables of both classes, DC and AC, at their four places, and the restart interval.
pub(super) struct Tables {
    pub(super) dc: [Option<HuffmanTable>; 4],
    pub(super) ac: [Option<HuffmanTable>; 4],
    /// Minimum coded units between two restart markers; 0 for none.
    pub(super) restart_interval: usize,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
        }
    }

    /// Takes the tables of a segment; `None` where it is damaged.
    pub(super) fn read(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&place, after)) = content.split_first() {
            let (counts, after) = after.split_first_chunk::<LONGEST_CODE>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, after) = after.split_at_checked(total)?;
            let (class, places) = match place >> 4 {
                0 => (Class::Dc, &mut self.dc),
                1 => (Class::Ac, &mut self.ac),
                _ => return None,
            };
            *places.get_mut(usize::from(place & 15))? = Some(HuffmanTable::new(class, counts, symbols)?);
            content = after;
        }
        Some(())
    }

    /// Whether any table has a code of ones only.
    pub(super) fn use_all_ones(&self) -> bool {
        let mut tables = self.dc.iter().chain(&self.ac).flatten();
        tables.any(|table| table.uses_all_ones)
    }

    /// Puts the standard's tables where there are none, as decoders do for frames of a Motion JPEG video.
    pub(super) fn fill_with_standard(&mut self) {
        let mut standard = Self::new();
        let segment = standard_segment();
        if standard.read(&segment[SEGMENT_HEADER_BYTES..]).is_some() {
            for place in 0..4 {
                self.dc[place] = self.dc[place].take().or(standard.dc[place].take());
                self.ac[place] = self.ac[place].take().or(standard.ac[place].take());
            }
        }
    }
}

/// Marker and length.
const SEGMENT_HEADER_BYTES: usize = 4;

/// A segment that defines the four tables of the standard, ISO/IEC 10918-1, annex K.3.
pub(super) fn standard_segment() -> Vec<u8> {
    let tables: [(u8, &[u8]); 4] = [
        (0x00, &LUMINANCE_DC),
        (0x10, &LUMINANCE_AC),
        (0x01, &CHROMINANCE_DC),
        (0x11, &CHROMINANCE_AC),
    ];
    let length: usize = 2 + tables.iter().map(|(_, table)| 1 + table.len()).sum::<usize>();
    let mut segment = vec![0xFF, 0xC4];
    segment.extend((length as u16).to_be_bytes());
    for (place, table) in tables {
        segment.push(place);
        segment.extend(table);
    }
    segment
}

/// Lengths, then symbols, of the standard table K.3.
const LUMINANCE_DC: [u8; 28] = [
    0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
];
/// K.4.
const CHROMINANCE_DC: [u8; 28] = [
    0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
];
/// K.5.
const LUMINANCE_AC: [u8; 178] = [
    0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125, 1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7,
    34, 113, 20, 50, 129, 145, 161, 8, 35, 66, 177, 193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10, 22,
    23, 24, 25, 26, 37, 38, 39, 40, 41, 42, 52, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83,
    84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120, 121,
    122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154, 162, 163, 164,
    165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196, 197, 198, 199,
    200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 225, 226, 227, 228, 229, 230, 231, 232, 233,
    234, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250,
];
/// K.6.
const CHROMINANCE_AC: [u8; 178] = [
    0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119, 0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97,
    113, 19, 34, 50, 129, 8, 20, 66, 145, 161, 177, 193, 9, 35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36,
    52, 225, 37, 241, 23, 24, 25, 26, 38, 39, 40, 41, 42, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73,
    74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120,
    121, 122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154, 162,
    163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196, 197,
    198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 226, 227, 228, 229, 230, 231, 232,
    233, 234, 242, 243, 244, 245, 246, 247, 248, 249, 250,
];
