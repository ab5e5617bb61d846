//! What a checkpoint says beside its tensors, as text.

use super::budget::Budget;
use super::error::TorchError;
use super::pickle::{Id, Pickle, Value};
use std::collections::BTreeMap;

/// Longer texts are logs and source code.
const MAX_TEXT_BYTES: usize = 300;

/// The numbers and short texts of the dictionaries on the way to a network's state, by name: epoch, accuracy,
/// architecture.
pub(super) fn scalars(
    pickle: &Pickle<'_>,
    path: &[&str],
    budget: &mut Budget,
) -> Result<BTreeMap<String, String>, TorchError> {
    let mut found = BTreeMap::new();
    let mut above = String::new();
    let mut id = Some(pickle.root());
    let mut rest = path.iter();
    while let Some(here) = id {
        budget.entries(2 * pickle.entry_count(here))?;
        for (key, value) in pickle.entries(here).into_iter().flatten() {
            let key = pickle.text(key).filter(|key| key.len() <= MAX_TEXT_BYTES);
            if let Some((key, text)) = key.zip(text_of(pickle, value)) {
                found.insert(budget.name(&above, key)?, text);
            }
        }
        let Some(next) = rest.next() else { break };
        above = budget.name(&above, next)?;
        id = pickle.get(here, next);
    }
    Ok(found)
}

/// A number or a short text, as Python prints it.
fn text_of(pickle: &Pickle<'_>, id: Id) -> Option<String> {
    match pickle.value(id) {
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(format!("{number:?}")),
        Value::Text(text) if text.len() <= MAX_TEXT_BYTES => Some((*text).to_owned()),
        Value::Object(_) => numpy_scalar(pickle, id),
        _ => None,
    }
}

/// `numpy.core.multiarray.scalar(dtype('f8'), bytes)`, which accuracies often are.
fn numpy_scalar(pickle: &Pickle<'_>, id: Id) -> Option<String> {
    let object = pickle.object(id)?;
    if pickle.global(object.callable)?.name != "scalar" {
        return None;
    }
    let &[dtype, bytes] = pickle.members(object.arguments)? else {
        return None;
    };
    let dtype = pickle.object(dtype)?;
    let code = pickle.text(*pickle.members(dtype.arguments)?.first()?)?;
    let bytes = raw_bytes(pickle, bytes)?;
    Some(match code {
        "f8" => format!("{:?}", f64::from_le_bytes(bytes.try_into().ok()?)),
        "f4" => format!("{:?}", f32::from_le_bytes(bytes.try_into().ok()?)),
        "i8" => i64::from_le_bytes(bytes.try_into().ok()?).to_string(),
        "i4" => i32::from_le_bytes(bytes.try_into().ok()?).to_string(),
        _ => return None,
    })
}

/// Bytes, which protocol 2 writes as `_codecs.encode(text, "latin1")`: one character for each.
fn raw_bytes(pickle: &Pickle<'_>, id: Id) -> Option<Vec<u8>> {
    match pickle.value(id) {
        Value::Bytes(bytes) if bytes.len() <= MAX_TEXT_BYTES => Some(bytes.to_vec()),
        Value::Text(text) if text.len() <= MAX_TEXT_BYTES => Some(text.as_bytes().to_vec()),
        Value::Object(object) if pickle.global(object.callable)?.is("_codecs", "encode") => {
            let text = pickle.text(*pickle.members(object.arguments)?.first()?)?;
            let characters = text.chars().take(MAX_TEXT_BYTES);
            characters
                .map(|character| u8::try_from(u32::from(character)).ok())
                .collect()
        }
        _ => None,
    }
}
