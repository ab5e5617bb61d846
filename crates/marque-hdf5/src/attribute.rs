//! Attributes and the strings in them: specification, sections IV.A.2.m and III.E.

use super::Error;
use super::btree2;
use super::datatype::{Dataspace, Datatype};
use super::fractal_heap::FractalHeap;
use super::header::{Header, kind};
use super::source::{Cursor, Source};
use std::collections::HashMap;
use std::ops::Range;

/// Records of a B-tree of attributes by name, and by order of creation.
const ATTRIBUTE_RECORDS: &[u8] = &[8, 9];
const HEAP_ID_BYTES: usize = 8;

/// A named value beside an object. Its contents are decoded when asked for.
#[derive(Clone)]
pub struct Attribute<'a> {
    pub(super) name: String,
    source: Source<'a>,
    path: String,
    datatype: Datatype,
    count: u64,
    data: Cursor<'a>,
}

/// All attributes of the object at `path`, by name.
pub(super) fn read_all<'a>(
    source: &Source<'a>,
    header: &Header<'a>,
    path: &str,
) -> Result<Vec<Attribute<'a>>, Error> {
    let mut found = Vec::new();
    for message in header.all(kind::ATTRIBUTE) {
        found.push(read(source, message.body()?, path)?);
    }
    if let Some(mut info) = header.find(kind::ATTRIBUTE_INFO)? {
        info.version(0)?;
        if info.u8()? & 1 != 0 {
            info.u16()?;
        }
        if let (Some(heap), Some(index)) = (info.address()?, info.address()?) {
            let mut heap = FractalHeap::open(source, heap)?;
            btree2::for_each(source, index, ATTRIBUTE_RECORDS, |_, mut record| {
                let object = heap.object(record.part(HEAP_ID_BYTES, "heap identifier")?)?;
                found.push(read(source, object, path)?);
                Ok(())
            })?;
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn read<'a>(source: &Source<'a>, mut cursor: Cursor<'a>, path: &str) -> Result<Attribute<'a>, Error> {
    source.spend_metadata(path.len() as u64)?;
    cursor.what = "attribute";
    let version = cursor.u8()?;
    let flags = cursor.u8()?;
    let sizes = [cursor.u16()?, cursor.u16()?, cursor.u16()?].map(usize::from);
    // Version 1 pads each part to a multiple of eight bytes, and version 3 names a character set.
    let padded = match version {
        1 => sizes.map(|size| size.next_multiple_of(8)),
        2 => sizes,
        3 => {
            cursor.u8()?;
            sizes
        }
        _ => return Err(cursor.unsupported(format!("version {version} of an attribute"))),
    };
    if version > 1 && flags & 3 != 0 {
        return Err(cursor.unsupported("an attribute with a shared type or shape"));
    }
    let name = text(until_zero(cursor.take(padded[0])?), &cursor)?;
    let datatype = Datatype::read(&mut cursor.part(padded[1], "datatype")?)?;
    let dataspace = Dataspace::read(&mut cursor.part(padded[2], "dataspace")?)?;
    Ok(Attribute {
        name,
        source: source.clone(),
        path: path.to_owned(),
        datatype,
        count: dataspace.count,
        data: cursor,
    })
}

impl Attribute<'_> {
    /// Its strings; none if it is empty, of whatever type: so numpy stores an empty list of names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when it holds anything else, others when it is damaged; within [`Error::In`].
    pub fn strings(&self) -> Result<Vec<String>, Error> {
        let found = match self.datatype {
            _ if self.count == 0 => Ok(Vec::new()),
            Datatype::FixedString { bytes, space_padded } => self.fixed(bytes, space_padded),
            Datatype::VariableString => self.variable(),
            Datatype::Number(..) => Err(self.data.unsupported("a number where a text is expected")),
            Datatype::Opaque { .. } => Err(self.data.unsupported("opaque bytes where a text is expected")),
            Datatype::Other(name) => Err(self.data.unsupported(name)),
        };
        found.map_err(|error| error.within("attribute", &format!("{}@{}", self.path, self.name)))
    }

    fn fixed(&self, bytes: usize, space_padded: bool) -> Result<Vec<String>, Error> {
        let mut data = self.data.clone();
        let mut found = Vec::new();
        for _ in 0..self.count {
            // Strings without bytes would be without end.
            self.source.spend_metadata(bytes as u64)?;
            let string = until_zero(data.take(bytes)?);
            let string = if space_padded {
                string.trim_ascii_end()
            } else {
                string
            };
            found.push(text(string, &data)?);
        }
        Ok(found)
    }

    fn variable(&self) -> Result<Vec<String>, Error> {
        let mut data = self.data.clone();
        let mut collections = HashMap::new();
        let mut found = Vec::new();
        for _ in 0..self.count {
            let length = data.u32()? as usize;
            let (address, index) = (data.address()?, data.u32()?);
            let Some(address) = address.filter(|&address| length > 0 && address > 0) else {
                found.push(String::new());
                continue;
            };
            let objects = match collections.entry(address) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(collection(&self.source, address)?)
                }
            };
            let range = objects.get(&index).cloned();
            let bytes = range.and_then(|range| self.source.bytes.get(range)?.get(..length));
            let bytes = bytes.ok_or_else(|| data.malformed("a string is not in the global heap"))?;
            // Many strings can be the same large bytes.
            self.source.spend_decoded(length as u64)?;
            found.push(text(until_zero(bytes), &data)?);
        }
        Ok(found)
    }
}

/// Where the objects of a global heap collection are in the file, by number.
fn collection(source: &Source<'_>, address: u64) -> Result<HashMap<u32, Range<usize>>, Error> {
    let prefix = 8 + u64::from(source.length_bytes);
    let mut cursor = source.block(address, prefix, "global heap")?;
    cursor.signature(b"GCOL")?;
    cursor.version(1)?;
    cursor.take(3)?;
    let size = cursor.length()?;
    let mut cursor = source.block(address, size, "global heap")?;
    cursor.take(prefix as usize)?;
    let mut found = HashMap::new();
    while cursor.left() >= prefix as usize {
        let index = u32::from(cursor.u16()?);
        cursor.take(6)?;
        let length = cursor.length()?;
        // Object 0 is the space that is left.
        if index == 0 {
            break;
        }
        let start = cursor.at;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        cursor.take(length)?;
        found.insert(index, start..cursor.at);
        let padding = length.next_multiple_of(8) - length;
        cursor.take(padding.min(cursor.left()))?;
    }
    Ok(found)
}

pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

pub(super) fn text(bytes: &[u8], at: &Cursor<'_>) -> Result<String, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| at.malformed("a name or text is not UTF-8"))?;
    Ok(text.to_owned())
}
