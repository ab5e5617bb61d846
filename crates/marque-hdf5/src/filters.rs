//! What is undone when a chunk is read: specification, section IV.A.2.l.

use super::Error;
use super::checksum::fletcher32;
use super::source::Cursor;
use std::io::Read;

const FLETCHER32_BYTES: usize = 4;
/// Version 1 of the message leaves room for this many.
const MOST_FILTERS: u8 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Deflate,
    /// Bytes of an element: the first bytes of all elements come first, then the second ones.
    Shuffle(usize),
    Fletcher32,
}

/// The filters of a dataset, in the order in which they were applied.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let version = cursor.u8()?;
        if ![1, 2].contains(&version) {
            return Err(cursor.unsupported(format!("version {version} of the filter pipeline")));
        }
        let count = cursor.u8()?;
        if count > MOST_FILTERS {
            return Err(cursor.malformed("there are more than 32 filters"));
        }
        if version == 1 {
            cursor.take(6)?;
        }
        let filters = (0..count).map(|_| Filter::read(cursor, version));
        Ok(Self(filters.collect::<Result<_, _>>()?))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The chunk as it was before the filters. Bit i of the mask says that filter i was left out.
    pub(super) fn undo(&self, stored: &Cursor<'_>, mask: u32, chunk_bytes: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = stored.clone().rest().to_vec();
        let most = chunk_bytes.saturating_add(FLETCHER32_BYTES * self.0.len());
        for (place, filter) in self.0.iter().enumerate().rev() {
            if mask >> place & 1 != 0 {
                continue;
            }
            bytes = filter
                .undo(bytes, most)
                .map_err(|problem| stored.malformed(problem))?;
        }
        if bytes.len() != chunk_bytes {
            let found = bytes.len();
            return Err(stored.malformed(format!("the chunk has {found} bytes, expected {chunk_bytes}")));
        }
        Ok(bytes)
    }
}

impl Filter {
    fn read(cursor: &mut Cursor<'_>, version: u8) -> Result<Self, Error> {
        let id = cursor.u16()?;
        let name_bytes = if version == 1 || id >= 256 {
            cursor.u16()?
        } else {
            0
        };
        cursor.u16()?;
        let count = usize::from(cursor.u16()?);
        cursor.take(name_bytes.into())?;
        let mut values = cursor.part(4 * count, "filter")?;
        if version == 1 && count % 2 == 1 {
            cursor.take(4)?;
        }
        match id {
            1 => Ok(Self::Deflate),
            2 => Ok(Self::Shuffle(values.u32()? as usize)),
            3 => Ok(Self::Fletcher32),
            4 => Err(cursor.unsupported("the filter szip")),
            5 => Err(cursor.unsupported("the filter nbit")),
            6 => Err(cursor.unsupported("the filter scale-offset")),
            32000 => Err(cursor.unsupported("the filter lzf")),
            _ => Err(cursor.unsupported(format!("the filter {id}"))),
        }
    }

    fn undo(self, mut bytes: Vec<u8>, most: usize) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Deflate => inflate(&bytes, most),
            Self::Shuffle(element) => Ok(unshuffle(&bytes, element)),
            Self::Fletcher32 => {
                let Some((data, &sum)) = bytes.split_last_chunk::<FLETCHER32_BYTES>() else {
                    return Err("the chunk is too short for its checksum");
                };
                if fletcher32(data) != u32::from_le_bytes(sum) {
                    return Err("the checksum of the chunk is wrong");
                }
                bytes.truncate(bytes.len() - FLETCHER32_BYTES);
                Ok(bytes)
            }
        }
    }
}

/// Not a byte further than what a chunk can hold, however much the stream promises.
fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, &'static str> {
    let mut decoder = flate2::read::ZlibDecoder::new(bytes).take((most as u64).saturating_add(1));
    let mut inflated = Vec::new();
    let outcome = decoder.read_to_end(&mut inflated);
    outcome.map_err(|_| "the chunk is not a sound deflate stream")?;
    if inflated.len() > most {
        return Err("the chunk inflates to more than its size");
    }
    Ok(inflated)
}

/// Bytes that do not fill an element stay where they are, at the end.
fn unshuffle(bytes: &[u8], element: usize) -> Vec<u8> {
    let count = bytes.len().checked_div(element).unwrap_or_default();
    if count < 2 || element < 2 {
        return bytes.to_vec();
    }
    let (planes, rest) = bytes.split_at(count * element);
    let mut whole = vec![0; planes.len()];
    for (place, plane) in planes.chunks_exact(count).enumerate() {
        let places = whole.iter_mut().skip(place).step_by(element);
        places.zip(plane).for_each(|(into, &byte)| *into = byte);
    }
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unshuffling_interleaves() {
        assert_eq!(unshuffle(b"adgbehcfi", 3), b"abcdefghi");
        assert_eq!(unshuffle(b"acbdx", 2), b"abcdx");
        assert_eq!(unshuffle(b"abc", 0), b"abc");
    }

    #[test]
    fn bombs_stop_at_the_size_of_a_chunk() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::copy(&mut std::io::repeat(0).take(10 << 20), &mut encoder).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(inflate(&bomb, 1000).unwrap_err().contains("more than its size"));
        assert_eq!(inflate(&bomb, 10 << 20).unwrap().len(), 10 << 20);
    }
}
