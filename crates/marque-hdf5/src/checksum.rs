//! The two checksums of the format.

/// Bob Jenkins's lookup3 (`hashlittle`, 2006) with an initial value of 0: specification, appendix "metadata
/// checksums".
pub(super) fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let mut state = [start; 3];
    let (mut blocks, mut tail) = bytes.as_chunks::<12>();
    // The last block is always mixed differently, also when it is whole.
    if tail.is_empty()
        && let Some((last, others)) = blocks.split_last()
    {
        (blocks, tail) = (others, last);
    }
    for block in blocks {
        add(&mut state, block);
        mix(&mut state);
    }
    if !tail.is_empty() {
        let mut last = [0; 12];
        last.iter_mut().zip(tail).for_each(|(into, &byte)| *into = byte);
        add(&mut state, &last);
        finish(&mut state);
    }
    state[2]
}

fn add(state: &mut [u32; 3], block: &[u8; 12]) {
    let (words, _) = block.as_chunks::<4>();
    for (sum, &word) in state.iter_mut().zip(words) {
        *sum = sum.wrapping_add(u32::from_le_bytes(word));
    }
}

fn mix(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    for (first, second) in [(4, 6), (8, 16), (19, 4)] {
        a = a.wrapping_sub(c) ^ c.rotate_left(first);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(second);
        a = a.wrapping_add(c);
        (a, b, c) = (c, a, b);
    }
    *state = [a, b, c];
}

fn finish(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    for (target, shift) in [(2, 14), (0, 11), (1, 25), (2, 16), (0, 4), (1, 14), (2, 24)] {
        match target {
            0 => a = (a ^ c).wrapping_sub(c.rotate_left(shift)),
            1 => b = (b ^ a).wrapping_sub(a.rotate_left(shift)),
            _ => c = (c ^ b).wrapping_sub(b.rotate_left(shift)),
        }
    }
    *state = [a, b, c];
}

/// Fletcher's checksum over big-endian 16-bit words: the filter "fletcher32".
pub(super) fn fletcher32(bytes: &[u8]) -> u32 {
    let (mut first, mut second) = (0_u64, 0_u64);
    let (pairs, odd) = bytes.as_chunks::<2>();
    let words = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
    let last = odd.first().map(|&byte| u16::from_be_bytes([byte, 0]));
    for word in words.chain(last) {
        first = (first + u64::from(word)) % 0xffff;
        second = (second + first) % 0xffff;
    }
    (second << 16 | first) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup3_agrees_with_its_author() {
        // From the comments of lookup3.c.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn fletcher_agrees_with_hand() {
        // 0x6162 + 0x6300 = 0xc462; 0x6162 + 0xc462 = 0x125c4, less 0xffff.
        assert_eq!(fletcher32(b"abc"), 0x25c5_c462);
    }
}
