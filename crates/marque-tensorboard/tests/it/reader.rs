//! A reader of event files that shares no code with the writer.

use std::path::Path;

/// The events of a file, each checked against both its checksums.
pub(crate) fn events(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::read(path).unwrap();
    let mut rest = file.as_slice();
    let mut events = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let (sum, after) = after.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*sum), masked_crc32c(length), "of a length");
        let (event, after) = after.split_at(u64::from_le_bytes(*length) as usize);
        let (sum, after) = after.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*sum), masked_crc32c(event), "of an event");
        events.push(event.to_vec());
        rest = after;
    }
    assert!(rest.is_empty(), "{} bytes after the last record", rest.len());
    events
}

/// Bit by bit, as the standard defines it.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let out = remainder & 1;
            remainder = remainder >> 1 ^ (0x82f6_3b78 * out);
        }
    }
    let sum = !remainder;
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Double(f64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// The fields of a message, in the file's order.
pub(crate) fn fields(mut message: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut message)),
            1 => Value::Double(f64::from_le_bytes(take(&mut message, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut message) as usize;
                Value::Bytes(take(&mut message, length))
            }
            5 => Value::Float(f32::from_le_bytes(take(&mut message, 4).try_into().unwrap())),
            wire => panic!("no wire type: {wire}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

/// The message at the end of a path of fields, the first of each number.
pub(crate) fn inner<'a>(message: &'a [u8], path: &[u64]) -> &'a [u8] {
    path.iter().fold(message, |message, wanted| {
        let found = fields(message).into_iter().find(|(field, _)| field == wanted);
        match found {
            Some((_, Value::Bytes(bytes))) => bytes,
            other => panic!("expected a message in field {wanted}, found {other:?}"),
        }
    })
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = message.split_at(length);
    *message = rest;
    taken
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint of over ten bytes");
}
