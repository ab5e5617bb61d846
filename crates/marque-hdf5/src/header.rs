//! Object headers, which say what an object is in a list of messages: specification, section IV.A.

use super::Error;
use super::source::{Cursor, Source};
use std::collections::HashSet;

/// The types of message that are read: specification, section IV.A.2.
pub(super) mod kind {
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const FILL_VALUE: u16 = 0x05;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const LAYOUT: u16 = 0x08;
    pub(crate) const FILTERS: u16 = 0x0b;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
    pub(crate) const LAST_KNOWN: u16 = 0x18;
}

/// A header of version 1 cannot count further.
const MOST_MESSAGES: usize = 1 << 16;
/// The message is kept elsewhere, together with others like it.
const SHARED: u8 = 0x02;
/// "Fail always if unknown".
const MUST_BE_KNOWN: u8 = 0x80;

#[derive(Clone)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    flags: u8,
    body: Cursor<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn body(&self) -> Result<Cursor<'a>, Error> {
        if self.flags & SHARED != 0 {
            return Err(self.body.unsupported("a shared header message"));
        }
        Ok(self.body.clone())
    }
}

/// The messages of one object.
pub(super) struct Header<'a> {
    pub(super) messages: Vec<Message<'a>>,
    pub(super) at: usize,
}

impl<'a> Header<'a> {
    pub(super) fn read(source: &Source<'a>, address: u64) -> Result<Self, Error> {
        let start = source.unpaid_block(address, 4, "object header")?;
        let at = start.at;
        let is_new = start.clone().take(4)? == b"OHDR";
        let (first, format) = if is_new {
            new_header(source, address)?
        } else {
            old_header(source, address)?
        };
        let messages = collect(source, first, format)?;
        Ok(Self { messages, at })
    }

    pub(super) fn all(&self, kind: u16) -> impl Iterator<Item = &Message<'a>> {
        self.messages.iter().filter(move |message| message.kind == kind)
    }

    /// The body of the first message of a kind.
    pub(super) fn find(&self, kind: u16) -> Result<Option<Cursor<'a>>, Error> {
        self.all(kind).next().map(Message::body).transpose()
    }
}

#[derive(Clone, Copy)]
enum Format {
    Old,
    New { has_order: HasOrder },
}

#[derive(Clone, Copy)]
struct HasOrder(bool);

/// Version 1: section IV.A.1.a. Returns the messages of its first block.
fn old_header<'a>(source: &Source<'a>, address: u64) -> Result<(Cursor<'a>, Format), Error> {
    let mut cursor = source.block(address, 16, "object header")?;
    cursor.version(1)?;
    cursor.take(7)?;
    let size = cursor.u32()?;
    let messages = address.saturating_add(16);
    Ok((source.block(messages, size.into(), "object header")?, Format::Old))
}

/// Version 2: section IV.A.1.b.
fn new_header<'a>(source: &Source<'a>, address: u64) -> Result<(Cursor<'a>, Format), Error> {
    let longest = 4 + 1 + 1 + 16 + 4 + 8;
    let available = (source.bytes.len() as u64).saturating_sub(source.base.saturating_add(address));
    let mut cursor = source.block(address, available.min(longest), "object header")?;
    let start = cursor.at;
    cursor.signature(b"OHDR")?;
    cursor.version(2)?;
    let flags = cursor.u8()?;
    if flags & 0x20 != 0 {
        cursor.take(16)?;
    }
    if flags & 0x10 != 0 {
        cursor.take(4)?;
    }
    let size = cursor.uint(1 << (flags & 3))?;
    let prefix = (cursor.at - start) as u64;
    let whole = prefix.saturating_add(size).saturating_add(4);
    let mut cursor = source.block(address, whole, "object header")?;
    cursor.take(prefix as usize)?;
    let messages = checked_messages(source, cursor, start)?;
    let has_order = HasOrder(flags & 0x04 != 0);
    Ok((messages, Format::New { has_order }))
}

/// What is between the cursor and the checksum that ends its block.
fn checked_messages<'a>(
    source: &Source<'a>,
    mut cursor: Cursor<'a>,
    start: usize,
) -> Result<Cursor<'a>, Error> {
    let messages = cursor.part(cursor.left().saturating_sub(4), cursor.what)?;
    source.check(&mut cursor, start)?;
    Ok(messages)
}

fn collect<'a>(source: &Source<'a>, first: Cursor<'a>, format: Format) -> Result<Vec<Message<'a>>, Error> {
    let mut messages = Vec::new();
    let mut blocks = vec![first];
    let mut visited = HashSet::new();
    while let Some(mut block) = blocks.pop() {
        while let Some(message) = next_message(&mut block, format)? {
            if message.kind > kind::LAST_KNOWN && message.flags & MUST_BE_KNOWN != 0 {
                let feature = format!("the header message {:#x}", message.kind);
                return Err(message.body.unsupported(feature));
            }
            if message.kind == kind::CONTINUATION {
                let mut body = message.body()?;
                let (address, length) = (body.defined_address()?, body.length()?);
                if !visited.insert(address) {
                    return Err(
                        body.malformed("the object header continues into a block that it has already")
                    );
                }
                blocks.push(continuation(source, address, length, format)?);
                continue;
            }
            if messages.len() >= MOST_MESSAGES {
                return Err(block.malformed("the object header has too many messages"));
            }
            messages.push(message);
        }
    }
    Ok(messages)
}

fn continuation<'a>(
    source: &Source<'a>,
    address: u64,
    length: u64,
    format: Format,
) -> Result<Cursor<'a>, Error> {
    let mut block = source.block(address, length, "object header continuation")?;
    if let Format::Old = format {
        return Ok(block);
    }
    let start = block.at;
    block.signature(b"OCHK")?;
    checked_messages(source, block, start)
}

fn next_message<'a>(block: &mut Cursor<'a>, format: Format) -> Result<Option<Message<'a>>, Error> {
    let prefix = match format {
        Format::Old => 8,
        Format::New { has_order } => 4 + if has_order.0 { 2 } else { 0 },
    };
    // Version 2 may leave a gap that is too small for a message.
    if block.left() < prefix {
        return Ok(None);
    }
    let mut fields = block.part(prefix, block.what)?;
    let kind = match format {
        Format::Old => fields.u16()?,
        Format::New { .. } => fields.u8()?.into(),
    };
    let size = fields.u16()?;
    let flags = fields.u8()?;
    let body = block.part(size.into(), "header message")?;
    Ok(Some(Message { kind, flags, body }))
}
