//! B-trees of version 1, which index the members of old groups and the chunks of datasets: specification,
//! section III.A.1.

use super::Error;
use super::source::{Cursor, Source};
use std::collections::HashSet;

/// What a tree indexes: decides the size of its keys.
#[derive(Clone, Copy)]
pub(super) enum Indexed {
    Members,
    /// Chunks with this many dimensions, the size of an element not counted.
    Chunks {
        rank: usize,
    },
}

/// Calls `visit` with the key and the address of each child of each leaf.
pub(super) fn for_each<'a>(
    source: &Source<'a>,
    root: u64,
    indexed: Indexed,
    mut visit: impl FnMut(Cursor<'a>, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut visited = HashSet::new();
    let mut pending = vec![(root, None)];
    while let Some((address, expected_level)) = pending.pop() {
        let (level, count, mut entries) = node(source, address, indexed)?;
        // Two parents with the same children, thirty levels of them: a billion visits in a kilobyte.
        if !visited.insert(address) {
            return Err(entries.malformed("a B-tree node has two parents"));
        }
        if expected_level.is_some_and(|expected| expected != level) {
            return Err(entries.malformed("a B-tree node is on the wrong level"));
        }
        for _ in 0..count {
            let key = entries.part(key_bytes(source, indexed), "B-tree key")?;
            let child = entries.defined_address()?;
            match level.checked_sub(1) {
                None => visit(key, child)?,
                below => pending.push((child, below)),
            }
        }
    }
    Ok(())
}

fn key_bytes(source: &Source<'_>, indexed: Indexed) -> usize {
    match indexed {
        Indexed::Members => source.length_bytes.into(),
        Indexed::Chunks { rank } => 8 + 8 * (rank + 1),
    }
}

/// Level, number of children, and the keys and children themselves.
fn node<'a>(source: &Source<'a>, address: u64, indexed: Indexed) -> Result<(u8, usize, Cursor<'a>), Error> {
    let prefix = 8 + 2 * u64::from(source.offset_bytes);
    let mut cursor = source.block(address, prefix, "B-tree node")?;
    cursor.signature(b"TREE")?;
    let kind = match indexed {
        Indexed::Members => 0,
        Indexed::Chunks { .. } => 1,
    };
    if cursor.u8()? != kind {
        return Err(cursor.malformed("the B-tree indexes something else"));
    }
    let level = cursor.u8()?;
    let count = usize::from(cursor.u16()?);
    let entry = key_bytes(source, indexed) + usize::from(source.offset_bytes);
    // The key behind the last child is not needed.
    let entries = source.block(
        address.saturating_add(prefix),
        (count * entry) as u64,
        "B-tree node",
    )?;
    Ok((level, count, entries))
}
