//! Names of classes that hardly differ.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

/// What two names have in common that a copy, a download or another file system makes of one.
fn key(name: &str) -> String {
    // Zero-width signs and byte-order marks.
    let is_seen = |&letter: &char| !matches!(letter, '\u{200B}'..='\u{200D}' | '\u{FEFF}');
    let composed: String = name.nfc().filter(is_seen).collect();
    let spaced = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    if spaced.chars().count() == 1 {
        // `A` and `a` are different classes to a reader of handwriting.
        return spaced;
    }
    spaced.replace(['_', '-'], " ").to_lowercase().nfc().collect()
}

/// Some of these different names that hardly differ from one another; `None` if all differ clearly.
pub(super) fn find<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Vec<&'a str>> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        alike.entry(key(name)).or_default().push(name);
    }
    alike.into_values().find(|names| names.len() > 1)
}

/// Gives names that hardly differ one of them, that which comes first bytewise.
pub(super) fn merge(names: &mut [String]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for name in names.iter() {
        let known = first.entry(key(name)).or_insert_with(|| name.clone());
        if name < known {
            known.clone_from(name);
        }
    }
    for name in names {
        if let Some(first) = first.get(&key(name)) {
            name.clone_from(first);
        }
    }
}

/// Names as Rust writes texts, one after the other.
pub(super) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}
