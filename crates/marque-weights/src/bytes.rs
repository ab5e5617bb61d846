use crate::map::Map;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Bytes in memory or in a mapped file; a clone or a part of them is no copy.
#[derive(Clone)]
pub(crate) struct Bytes {
    store: Store,
    range: Range<usize>,
}

#[derive(Clone)]
enum Store {
    Memory(Arc<Vec<u8>>),
    File(Arc<Map>),
}

impl Bytes {
    pub(crate) fn mapped(map: Map) -> Self {
        let range = 0..map.len();
        Self {
            store: Store::File(Arc::new(map)),
            range,
        }
    }

    /// A part of these bytes; `None` if it does not lie within them.
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.range.len() {
            return None;
        }
        Some(Self {
            store: self.store.clone(),
            range: self.range.start + range.start..self.range.start + range.end,
        })
    }

    /// Gives the memory behind a mapped file back; see [`Map::forget`].
    pub(crate) fn forget(&self) {
        if let Store::File(map) = &self.store {
            map.forget(self.range.clone());
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self {
            store: Store::Memory(Arc::new(bytes)),
            range,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let whole: &[u8] = match &self.store {
            Store::Memory(bytes) => bytes,
            Store::File(map) => map,
        };
        &whole[self.range.clone()]
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.store {
            Store::Memory(_) => "memory",
            Store::File(_) => "a mapped file",
        };
        write!(formatter, "{} bytes in {place}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_within_the_whole() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]);
        let part = bytes.slice(1..3).unwrap();
        assert_eq!(part[..], [2, 3]);
        assert_eq!(part.slice(1..2).unwrap()[..], [3]);
        assert!(part.slice(1..3).is_none());
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 2..1;
        assert!(part.slice(reversed).is_none());
    }

    #[test]
    fn forgotten_bytes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        let contents: Vec<u8> = (0..100_000u32).map(|index| (index % 251) as u8).collect();
        std::fs::write(&path, &contents).unwrap();
        let bytes = Bytes::mapped(Map::new(&std::fs::File::open(&path).unwrap()).unwrap());
        let part = bytes.slice(5_000..60_000).unwrap();
        assert_eq!(part[..], contents[5_000..60_000]);
        part.forget();
        assert_eq!(bytes[..], contents[..]);
    }
}
