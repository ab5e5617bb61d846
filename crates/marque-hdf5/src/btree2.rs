//! B-trees of version 2, which index everything that new files keep in numbers: specification, section
//! III.A.2.

use super::Error;
use super::source::{Cursor, Source};
use std::collections::HashSet;

/// Deeper trees would hold more than 2^64 records.
const MOST_LEVELS: u16 = 32;
/// Signature, version, type and checksum of a node.
const NODE_OVERHEAD: u64 = 10;

struct Tree {
    kind: u8,
    node_bytes: u64,
    record_bytes: u64,
    /// For each depth, how wide the parents' pointers to a node's records are.
    total_widths: Vec<usize>,
    count_width: usize,
}

/// A node to be visited.
struct Pending {
    address: u64,
    count: u64,
    depth: u16,
}

/// Calls `visit` with each record of a tree, in no order. The first byte of the answer to what kind of records
/// they are must be among `kinds`.
pub(super) fn for_each<'a>(
    source: &Source<'a>,
    address: u64,
    kinds: &[u8],
    mut visit: impl FnMut(u8, Cursor<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (tree, root) = header(source, address, kinds)?;
    let mut visited = HashSet::new();
    let mut pending: Vec<Pending> = root.into_iter().collect();
    while let Some(next) = pending.pop() {
        if !visited.insert(next.address) {
            let at = source.base.saturating_add(next.address);
            return Err(Error::malformed(at as usize, "a B-tree node has two parents"));
        }
        let mut node = source.block(next.address, tree.node_bytes, "B-tree node")?;
        let start = node.at;
        node.signature(if next.depth == 0 { b"BTLF" } else { b"BTIN" })?;
        node.version(0)?;
        if node.u8()? != tree.kind {
            return Err(node.malformed("the B-tree node has records of another kind"));
        }
        for _ in 0..next.count {
            visit(tree.kind, node.part(tree.record_bytes as usize, "B-tree record")?)?;
        }
        if let Some(below) = next.depth.checked_sub(1) {
            for _ in 0..=next.count {
                let address = node.defined_address()?;
                let count = node.uint(tree.count_width)?;
                let width = tree.total_widths.get(usize::from(below)).copied();
                node.uint(width.unwrap_or_default())?;
                let depth = below;
                pending.push(Pending {
                    address,
                    count,
                    depth,
                });
            }
        }
        source.check(&mut node, start)?;
    }
    Ok(())
}

fn header(source: &Source<'_>, address: u64, kinds: &[u8]) -> Result<(Tree, Option<Pending>), Error> {
    let length = 4 + 2 + 4 + 2 + 2 + 2 + 2 + 4 + u64::from(source.offset_bytes + source.length_bytes);
    let mut cursor = source.block(address, length, "B-tree header")?;
    let start = cursor.at;
    cursor.signature(b"BTHD")?;
    cursor.version(0)?;
    let kind = cursor.u8()?;
    if !kinds.contains(&kind) {
        return Err(cursor.malformed(format!("the B-tree has records of the unexpected kind {kind}")));
    }
    let node_bytes = u64::from(cursor.u32()?);
    let record_bytes = u64::from(cursor.u16()?);
    let depth = cursor.u16()?;
    cursor.take(2)?;
    let root = cursor.address()?;
    let count = u64::from(cursor.u16()?);
    cursor.length()?;
    source.check(&mut cursor, start)?;
    if record_bytes == 0 || node_bytes <= NODE_OVERHEAD || depth > MOST_LEVELS {
        return Err(cursor.malformed("the B-tree header has impossible sizes"));
    }
    let mut tree = Tree {
        kind,
        node_bytes,
        record_bytes,
        total_widths: vec![0],
        count_width: 1,
    };
    measure(&mut tree, depth, source.offset_bytes.into());
    let pending = |address| Pending {
        address,
        count,
        depth,
    };
    Ok((tree, root.map(pending)))
}

/// The widths of the numbers in child pointers follow from how many records fit below: "number of records for
/// child node" and "total number of records in child node".
fn measure(tree: &mut Tree, depth: u16, offset_bytes: u64) {
    let usable = tree.node_bytes - NODE_OVERHEAD;
    let leaf = usable / tree.record_bytes;
    tree.count_width = width_of(leaf);
    let mut total = leaf;
    for _ in 1..depth {
        let below = tree.total_widths.last().copied().unwrap_or_default();
        let pointer = offset_bytes + (tree.count_width + below) as u64;
        let most = usable.saturating_sub(pointer) / (tree.record_bytes + pointer);
        total = most.saturating_add(1).saturating_mul(total).saturating_add(most);
        tree.total_widths.push(width_of(total));
    }
}

/// Bytes for the numbers up to `most`.
pub(super) fn width_of(most: u64) -> usize {
    most.max(1).ilog2() as usize / 8 + 1
}
