//! What a group holds: specification, sections IV.A.2.c, IV.A.2.g, IV.A.2.r, III.B and III.C.

use super::Error;
use super::attribute::{text, until_zero};
use super::btree1::{self, Indexed};
use super::btree2;
use super::fractal_heap::FractalHeap;
use super::header::{Header, kind};
use super::source::{Cursor, Source};

/// Records of a B-tree of links by name, and by order of creation.
const LINK_RECORDS: &[u8] = &[5, 6];
const HEAP_ID_BYTES: usize = 7;
const LONGEST_NAME: usize = 4096;

/// A named member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
    /// The group's count when it was made, if the group counts.
    pub(super) order: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The address of an object header.
    Object(u64),
    /// A path in this or another file.
    Elsewhere,
}

/// The links of a group by name. `None` if the header is not that of a group.
pub(super) fn read<'a>(source: &Source<'a>, header: &Header<'a>) -> Result<Option<Vec<Link>>, Error> {
    let mut found = Vec::new();
    let mut is_group = false;
    if let Some(mut table) = header.find(kind::SYMBOL_TABLE)? {
        is_group = true;
        symbols(source, &mut table, &mut found)?;
    }
    for message in header.all(kind::LINK) {
        is_group = true;
        found.push(link(&mut message.body()?)?);
    }
    if let Some(mut info) = header.find(kind::LINK_INFO)? {
        is_group = true;
        info.version(0)?;
        if info.u8()? & 1 != 0 {
            info.u64()?;
        }
        if let (Some(heap), Some(index)) = (info.address()?, info.address()?) {
            let mut heap = FractalHeap::open(source, heap)?;
            btree2::for_each(source, index, LINK_RECORDS, |of_kind, mut record| {
                record.take(if of_kind == 5 { 4 } else { 8 })?;
                let mut object = heap.object(record.part(HEAP_ID_BYTES, "heap identifier")?)?;
                found.push(link(&mut object)?);
                Ok(())
            })?;
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if !found.is_sorted_by(|a, b| a.name < b.name) {
        return Err(Error::malformed(
            header.at,
            "two members of a group have the same name",
        ));
    }
    Ok(is_group.then_some(found))
}

/// A link message.
fn link(cursor: &mut Cursor<'_>) -> Result<Link, Error> {
    cursor.what = "link";
    cursor.version(1)?;
    let flags = cursor.u8()?;
    let of_kind = if flags & 0x08 != 0 { cursor.u8()? } else { 0 };
    let order = if flags & 0x04 != 0 {
        Some(cursor.u64()?)
    } else {
        None
    };
    if flags & 0x10 != 0 {
        cursor.u8()?;
    }
    let length = cursor.uint(1 << (flags & 3))?;
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length <= LONGEST_NAME);
    let length = length.ok_or_else(|| cursor.unsupported("a name of more than 4096 bytes"))?;
    let name = text(cursor.take(length)?, cursor)?;
    let target = match of_kind {
        0 => Target::Object(cursor.defined_address()?),
        _ => Target::Elsewhere,
    };
    Ok(Link { name, target, order })
}

/// The members of an old group: nodes of entries, whose names are in a heap.
fn symbols<'a>(source: &Source<'a>, table: &mut Cursor<'a>, found: &mut Vec<Link>) -> Result<(), Error> {
    let (tree, heap) = (table.defined_address()?, table.defined_address()?);
    let names = local_heap(source, heap)?;
    btree1::for_each(source, tree, Indexed::Members, |_, node| {
        let mut cursor = source.block(node, 8, "symbol table node")?;
        cursor.signature(b"SNOD")?;
        cursor.version(1)?;
        cursor.u8()?;
        let count = u64::from(cursor.u16()?);
        let entry = 2 * u64::from(source.offset_bytes) + 24;
        let mut entries = source.block(node.saturating_add(8), count * entry, "symbol table node")?;
        for _ in 0..count {
            let name_at = entries.uint(source.offset_bytes.into())?;
            let address = entries.address()?;
            let cached = entries.u32()?;
            entries.take(20)?;
            let name = heap_name(source, &names, name_at)?;
            // Cache type 2 is a symbolic link, whose object is nowhere.
            let target = match address {
                Some(address) if cached != 2 => Target::Object(address),
                _ => Target::Elsewhere,
            };
            let order = None;
            found.push(Link { name, target, order });
        }
        Ok(())
    })
}

fn local_heap<'a>(source: &Source<'a>, address: u64) -> Result<Cursor<'a>, Error> {
    let size = 8 + 2 * u64::from(source.length_bytes) + u64::from(source.offset_bytes);
    let mut cursor = source.block(address, size, "local heap")?;
    cursor.signature(b"HEAP")?;
    cursor.version(0)?;
    cursor.take(3)?;
    let length = cursor.length()?;
    cursor.length()?;
    let data = cursor.defined_address()?;
    source.unpaid_block(data, length, "local heap")
}

fn heap_name(source: &Source<'_>, names: &Cursor<'_>, at: u64) -> Result<String, Error> {
    let mut cursor = names.clone();
    cursor.take(usize::try_from(at).unwrap_or(usize::MAX))?;
    let most = cursor.left().min(LONGEST_NAME + 1);
    let candidate = cursor.clone().take(most)?;
    let name = until_zero(candidate);
    if name.len() == most {
        return Err(cursor.malformed("a name in the local heap does not end"));
    }
    source.spend_metadata(name.len() as u64)?;
    text(name, &cursor)
}
