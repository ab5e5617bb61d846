//! Where the numbers of a dataset are: specification, section IV.A.2.i.

use super::Error;
use super::source::Cursor;

#[derive(Clone)]
pub(super) enum Layout<'a> {
    /// In the object header itself.
    Compact(Cursor<'a>),
    /// In one piece; nowhere yet if nothing was written.
    Contiguous {
        address: Option<u64>,
        bytes: u64,
    },
    Chunked(Chunked),
}

#[derive(Debug, Clone)]
pub(super) struct Chunked {
    /// Elements along each dimension of a chunk.
    pub(super) dims: Vec<u64>,
    pub(super) element_bytes: u64,
    pub(super) index: Index,
    /// Where the index is; nowhere yet if nothing was written.
    pub(super) address: Option<u64>,
    /// Chunks that stick out of the dataset are not filtered.
    pub(super) bare_edges: bool,
    /// Bytes of the sizes of filtered chunks in the newer indices.
    pub(super) size_width: usize,
}

/// How chunks are found: section VII.
#[derive(Debug, Clone, Copy)]
pub(super) enum Index {
    BTree1,
    /// Stored size and filter mask, if there are filters.
    Single(Option<(u64, u32)>),
    Implicit,
    FixedArray,
    ExtensibleArray,
    BTree2,
}

const BARE_EDGES: u8 = 0x01;
const FILTERED_SINGLE: u8 = 0x02;

impl<'a> Layout<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>, length_bytes: u8) -> Result<Self, Error> {
        cursor.what = "data layout";
        let version = cursor.u8()?;
        // Versions 1 and 2 are of before 2004. Version 5 differs from 4 in the width of chunk sizes alone.
        if !(3..=5).contains(&version) {
            return Err(cursor.unsupported(format!("version {version} of the data layout")));
        }
        match cursor.u8()? {
            0 => {
                let size = cursor.u16()?;
                Ok(Self::Compact(cursor.part(size.into(), "compact data")?))
            }
            1 => Ok(Self::Contiguous {
                address: cursor.address()?,
                bytes: cursor.length()?,
            }),
            2 if version == 3 => Ok(Self::Chunked(old_chunks(cursor)?)),
            2 => {
                let mut chunks = new_chunks(cursor)?;
                if version == 5 {
                    chunks.size_width = length_bytes.into();
                }
                Ok(Self::Chunked(chunks))
            }
            3 => Err(cursor.unsupported("a virtual dataset")),
            other => Err(cursor.unsupported(format!("the data layout {other}"))),
        }
    }
}

fn old_chunks(cursor: &mut Cursor<'_>) -> Result<Chunked, Error> {
    let dimensions = cursor.u8()?;
    let address = cursor.address()?;
    let (dims, element_bytes) = chunk_dims(cursor, dimensions, 4)?;
    Ok(Chunked {
        dims,
        element_bytes,
        index: Index::BTree1,
        address,
        bare_edges: false,
        size_width: 0,
    })
}

fn new_chunks(cursor: &mut Cursor<'_>) -> Result<Chunked, Error> {
    let flags = cursor.u8()?;
    let dimensions = cursor.u8()?;
    let width = cursor.u8()?;
    let (dims, element_bytes) = chunk_dims(cursor, dimensions, width.into())?;
    // What creates an index is said in its header once more.
    let index = match cursor.u8()? {
        1 if flags & FILTERED_SINGLE != 0 => Index::Single(Some((cursor.length()?, cursor.u32()?))),
        1 => Index::Single(None),
        2 => Index::Implicit,
        3 => {
            cursor.take(1)?;
            Index::FixedArray
        }
        4 => {
            cursor.take(5)?;
            Index::ExtensibleArray
        }
        5 => {
            cursor.take(6)?;
            Index::BTree2
        }
        other => return Err(cursor.unsupported(format!("the chunk index {other}"))),
    };
    let bytes = dims
        .iter()
        .fold(element_bytes, |product, &extent| product.saturating_mul(extent));
    Ok(Chunked {
        dims,
        element_bytes,
        index,
        address: cursor.address()?,
        bare_edges: flags & BARE_EDGES != 0,
        size_width: (1 + (bytes.max(1).ilog2() as usize + 8) / 8).min(8),
    })
}

/// The dimensions of a chunk; the size of an element counts as the last one.
fn chunk_dims(cursor: &mut Cursor<'_>, count: u8, width: usize) -> Result<(Vec<u64>, u64), Error> {
    let mut dims = (0..count)
        .map(|_| cursor.uint(width))
        .collect::<Result<Vec<u64>, _>>()?;
    let element_bytes = dims.pop().unwrap_or_default();
    if dims.is_empty() || dims.contains(&0) {
        return Err(cursor.malformed("the chunks are empty"));
    }
    Ok((dims, element_bytes))
}
