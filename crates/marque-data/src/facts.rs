//! What is known of a photo beside its bytes, from a row, an object or a field.

use serde_json::{Map, Value};

/// What a column may be called, in any case of letters.
pub(crate) const LABEL: &[&str] = &["label", "class", "class_name", "category", "target", "cls"];
pub(crate) const PART: &[&str] = &["split", "part", "subset", "set"];
pub(crate) const GROUP: &[&str] = &["group", "group_id"];
pub(crate) const WEIGHT: &[&str] = &["weight", "sample_weight"];

/// What is known of a photo, as it was written. Texts are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) label: Option<String>,
    pub(crate) part: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) weight: Option<String>,
}

impl Facts {
    /// Those of a JSON object, or what is wrong with it.
    pub(crate) fn of_json(object: &Map<String, Value>) -> Result<Facts, String> {
        Ok(Facts {
            label: entry(object, LABEL)?,
            part: entry(object, PART)?,
            group: entry(object, GROUP)?,
            weight: entry(object, WEIGHT)?,
        })
    }
}

/// The text or number under one of some names in a JSON object.
pub(crate) fn entry(object: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, String> {
    let found = object
        .iter()
        .find(|(name, _)| names.contains(&name.to_lowercase().as_str()));
    let text = match found {
        None | Some((_, Value::Null)) => return Ok(None),
        Some((_, Value::String(text))) => text.trim().to_owned(),
        Some((_, Value::Number(number))) => number.to_string(),
        Some((name, other)) => return Err(format!("{name} is {other}, neither a text nor a number")),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}
