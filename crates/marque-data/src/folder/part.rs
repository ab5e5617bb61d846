//! The parts of a data folder: which folders are parts, and which names only look like it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::LayoutProblem;
use super::listing::{Entry, list};
use crate::Error;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Photos to learn from.
    Train,
    /// Photos that decide when to stop and which weights to keep.
    Validation,
    /// Photos that are looked at once, at the end.
    Test,
}

impl Part {
    /// The three parts in their order.
    pub const ALL: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

    /// The name that this part is called by in messages and tables.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }

    /// The part that a folder of this name is, or a line of a list.
    pub(crate) fn called(name: &str) -> Option<Part> {
        match name.to_lowercase().as_str() {
            "train" | "training" => Some(Part::Train),
            "val" | "valid" | "validation" => Some(Part::Validation),
            "test" | "testing" => Some(Part::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The folders of the parts; empty where `root` holds classes.
pub(super) fn find_parts(root: &Path, entries: &[Entry]) -> Result<BTreeMap<Part, PathBuf>, Error> {
    let mut parts: BTreeMap<Part, &Entry> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_folder()) {
        let Some(part) = Part::called(&entry.name().to_string_lossy()) else {
            continue;
        };
        // A class of railway trains holds photos, not folders of classes.
        if !list(&entry.path)?.iter().any(Entry::is_folder) {
            continue;
        }
        if let Some(first) = parts.insert(part, entry) {
            let [first, second] = [first, entry].map(|entry| entry.name().to_string_lossy().into_owned());
            return Err(Error::PartTwice {
                folder: root.to_owned(),
                first,
                second,
            });
        }
    }
    let parts: BTreeMap<Part, PathBuf> = parts
        .into_iter()
        .map(|(part, entry)| (part, entry.path.clone()))
        .collect();
    if !parts.is_empty() {
        check_beside(root, entries, &parts)?;
    }
    Ok(parts)
}

/// Refuses folders beside the parts which must not be passed over in silence.
fn check_beside(root: &Path, entries: &[Entry], parts: &BTreeMap<Part, PathBuf>) -> Result<(), Error> {
    let is_part = |entry: &&Entry| parts.values().any(|part| *part == entry.path);
    for entry in entries
        .iter()
        .filter(|entry| entry.is_folder() && !is_part(entry))
    {
        let name = entry.name().to_string_lossy().into_owned();
        let inside = list(&entry.path)?;
        if inside.is_empty() {
            continue;
        }
        let has_photos = inside.iter().any(Entry::may_be_photo);
        if Part::called(&name).is_some() && has_photos {
            return Err(LayoutProblem::FlatPart { name }.at(root));
        }
        if resembles_part(&name) {
            return Err(LayoutProblem::UnknownPart { name }.at(root));
        }
        if let (true, 1, Some((part, _))) = (has_photos, parts.len(), parts.first_key_value()) {
            let part = part.name().to_owned();
            return Err(LayoutProblem::ClassBesidePart { part, name }.at(root));
        }
    }
    Ok(())
}

/// Words that name a part, whether it is known which one or not.
const PART_WORDS: [&str; 20] = [
    "dev",
    "devel",
    "eval",
    "evaluation",
    "heldout",
    "holdout",
    "test",
    "testing",
    "tests",
    "testset",
    "train",
    "training",
    "trainset",
    "trainval",
    "trn",
    "tst",
    "val",
    "valid",
    "validation",
    "valset",
];

/// Words that stand beside those in the names of parts.
const FILLERS: [&str; 13] = [
    "data", "dataset", "files", "folder", "image", "images", "img", "imgs", "photo", "photos", "pictures",
    "set", "split",
];

/// Whether a word of the name is that of a part: `seg_train`, `ILSVRC2012_val`, `TrainImages`, `hold-out`.
pub(super) fn resembles_part(name: &str) -> bool {
    words(name).iter().any(|word| PART_WORDS.contains(&word.as_str()))
}

/// Whether the name says nothing but that this is a part: `test1`, `training_set`, `dev`.
pub(super) fn is_name_of_part(name: &str) -> bool {
    let is_filler = |word: &String| FILLERS.contains(&word.as_str());
    let is_part = |word: &String| PART_WORDS.contains(&word.as_str());
    resembles_part(name) && words(name).iter().all(|word| is_part(word) || is_filler(word))
}

/// The words of a name in small letters: digits and signs end a word, and so does a small letter before a capital.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    // One word, however it is written.
    let name = name.replace("hold-out", "holdout").replace("hold_out", "holdout");
    for letter in name.chars() {
        if !letter.is_alphabetic() || before.is_lowercase() && letter.is_uppercase() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphabetic(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}
