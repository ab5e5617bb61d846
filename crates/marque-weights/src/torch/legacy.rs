//! `torch.save` before PyTorch 1.6: a stream of five pickles (a magic number, a version, facts about the machine, the
//! object, the storages' keys), then each storage as a count of numbers and the numbers.

use super::error::{TensorError, TorchError, short};
use super::pickle::{Pickle, Value};
use super::state;
use super::tensors::{Storage, Storages};
use crate::bytes::Bytes;
use crate::source::Source;
use crate::{Error, Format, StateDict};
use std::collections::HashMap;

/// 0x1950a86a20f9469cfc6c, as a pickle holds it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only one there has been.
const VERSION: i64 = 1001;

/// Reads such a stream.
pub(crate) fn read(source: &Source) -> Result<StateDict, Error> {
    parse(source).map_err(|error| error.of(source, Format::TorchLegacy))
}

fn parse(source: &Source) -> Result<StateDict, TorchError> {
    let bytes: &[u8] = &source.bytes;
    let (magic, offset) = Pickle::parse(bytes, 0)?;
    if !matches!(magic.value(magic.root()), Value::Long(number) if **number == MAGIC) {
        return Err(misplaced("PyTorch's magic number", &magic));
    }
    let (version, offset) = Pickle::parse(bytes, offset)?;
    if version.int(version.root()) != Some(VERSION) {
        return Err(misplaced("version 1001", &version));
    }
    // Numbers are little-endian whatever the machine was.
    let (_machine, offset) = Pickle::parse(bytes, offset)?;
    let (object, offset) = Pickle::parse(bytes, offset)?;
    let (keys, offset) = Pickle::parse(bytes, offset)?;
    let storages = storages(source, &object, &keys, offset)?;
    state::read(&object, StreamStorages(storages), bytes.len())
}

fn misplaced(expected: &'static str, pickle: &Pickle<'_>) -> TorchError {
    let found: String = format!("{:?}", pickle.value(pickle.root()));
    TorchError::Stream {
        expected,
        found: short(&found),
    }
}

/// The storages behind the pickles, by key. How wide their numbers are, only the object's views of them say.
fn storages(
    source: &Source,
    object: &Pickle<'_>,
    keys: &Pickle<'_>,
    mut offset: usize,
) -> Result<HashMap<String, Bytes>, TorchError> {
    let mut widths = HashMap::new();
    for id in object.persistent() {
        // Those of other kinds or of types that are not read are an error only if a tensor of the network needs them.
        if let Ok((key, width)) = Storage::key_and_width(object, id) {
            widths.insert(key, width);
        }
    }
    let members = keys.members(keys.root());
    let members = members.ok_or_else(|| misplaced("the list of storages", keys))?;
    let mut found = HashMap::new();
    for &key in members {
        let key = match keys.value(key) {
            Value::Text(key) => (*key).to_owned(),
            Value::Int(key) => key.to_string(),
            _ => return Err(misplaced("the list of storages", keys)),
        };
        let Some(width) = widths.get(key.as_str()) else {
            return Err(TorchError::Stream {
                expected: "a storage that a tensor uses",
                found: format!("{:?}", short(&key)),
            });
        };
        let truncated = || TorchError::Truncated {
            key: short(&key),
            offset: source.bytes.len(),
        };
        let count = source.bytes.get(offset..).and_then(<[u8]>::first_chunk);
        let count = u64::from_le_bytes(*count.ok_or_else(truncated)?);
        let start = offset + size_of::<u64>();
        let end = usize::try_from(count).ok();
        let end = end.and_then(|count| start.checked_add(count.checked_mul(*width)?));
        let bytes = end
            .and_then(|end| source.bytes.slice(start..end))
            .ok_or_else(truncated)?;
        offset = start + bytes.len();
        found.insert(key, bytes);
    }
    Ok(found)
}

struct StreamStorages(HashMap<String, Bytes>);

impl Storages for StreamStorages {
    fn get(&mut self, key: &str, _claimed: usize) -> Result<Bytes, TensorError> {
        let found = self.0.get(key).cloned();
        found.ok_or_else(|| TensorError::NoStorage { key: short(key) })
    }
}
