//! Where everything begins: specification, section II.A.

use super::Error;
use super::source::{Cursor, Source};

const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Finds the superblock, fills in the source, and returns the address of the root group's object header.
pub(super) fn read(source: &mut Source<'_>) -> Result<u64, Error> {
    source.base = signature_at(source.bytes).ok_or(Error::NotHdf5)?;
    let length = (source.bytes.len() as u64).saturating_sub(source.base).min(256);
    let mut cursor = source.block(0, length, "superblock")?;
    let start = cursor.at;
    cursor.take(SIGNATURE.len())?;
    let version = cursor.u8()?;
    // Addresses count from the superblock, whatever its base address says: so the HDF5 library reads files
    // that somebody has put a user block before.
    let (base, end, root) = match version {
        0 | 1 => {
            cursor.take(4)?;
            sizes(source, &mut cursor)?;
            cursor.take(if version == 0 { 9 } else { 13 })?;
            let base = cursor.defined_address()?;
            cursor.address()?;
            let end = cursor.defined_address()?;
            cursor.address()?;
            cursor.address()?;
            (base, end, cursor.defined_address()?)
        }
        2 | 3 => {
            sizes(source, &mut cursor)?;
            cursor.u8()?;
            let base = cursor.defined_address()?;
            cursor.address()?;
            let end = cursor.defined_address()?;
            let root = cursor.defined_address()?;
            source.check(&mut cursor, start)?;
            (base, end, root)
        }
        _ => return Err(cursor.unsupported(format!("version {version} of the superblock"))),
    };
    if source.verify {
        // The end, unlike all other addresses, counts the user block of when the file was written.
        source.unpaid_block(0, end.saturating_sub(base), "file, as its superblock says,")?;
    }
    Ok(root)
}

fn sizes(source: &mut Source<'_>, cursor: &mut Cursor<'_>) -> Result<(), Error> {
    let (offset_bytes, length_bytes) = (cursor.u8()?, cursor.u8()?);
    for width in [offset_bytes, length_bytes] {
        if ![2, 4, 8].contains(&width) {
            return Err(cursor.unsupported(format!("addresses or lengths of {width} bytes")));
        }
    }
    (source.offset_bytes, source.length_bytes) = (offset_bytes, length_bytes);
    cursor.set_widths(offset_bytes, length_bytes);
    Ok(())
}

/// At the start, or at 512, 1024, 2048… behind a user block.
fn signature_at(bytes: &[u8]) -> Option<u64> {
    let mut at = 0_usize;
    while at < bytes.len() {
        if bytes.get(at..)?.starts_with(SIGNATURE) {
            return Some(at as u64);
        }
        at = if at == 0 { 512 } else { at.checked_mul(2)? };
    }
    None
}
