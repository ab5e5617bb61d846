//! Recipes of version 0.1, in which all settings stood side by side.

use serde_json::{Map, Value};

/// Where each setting stands now.
const PLACES: [(&str, [&str; 2]); 18] = [
    ("image_size", ["data", "image_size"]),
    ("batch_size", ["data", "batch_size"]),
    ("normalization", ["data", "normalization"]),
    ("framing", ["data", "framing"]),
    ("augment", ["data", "augment"]),
    ("head", ["model", "head"]),
    ("trained_from", ["model", "trained_from"]),
    ("mixed_precision", ["model", "mixed_precision"]),
    ("epochs", ["fit", "epochs"]),
    ("optimizer", ["fit", "optimizer"]),
    ("learning_rate", ["fit", "learning_rate"]),
    ("schedule", ["fit", "schedule"]),
    ("label_smoothing", ["fit", "label_smoothing"]),
    ("head_rate", ["fit", "head_rate"]),
    ("averaging", ["fit", "averaging"]),
    ("views", ["fit", "views"]),
    ("patience", ["fit", "patience"]),
    ("mirrored", ["predict", "mirrored"]),
];

/// The recipe in the form of today, if it is one of that version: they had all settings, and no groups.
pub(super) fn grouped(value: &Value) -> Option<Value> {
    let flat = value.as_object()?;
    if PLACES.iter().any(|(name, _)| !flat.contains_key(*name)) {
        return None;
    }
    let mut grouped = Map::new();
    for (name, value) in flat {
        match PLACES.iter().find(|(known, _)| known == name) {
            Some((_, [group, setting])) => {
                let group = grouped.entry(*group).or_insert_with(|| Value::Object(Map::new()));
                group[*setting] = value.clone();
            }
            None => {
                grouped.insert(name.clone(), value.clone());
            }
        }
    }
    Some(Value::Object(grouped))
}
