//! What the files in a tar file are to each other: fields of samples, as WebDataset has them, or photos in class folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::read_failed;
use super::tar::{Entry, wrong};
use crate::facts::Facts;
use crate::{Error, Part, has_photo_name};

/// The files of a tar file, told apart.
pub(super) struct Arranged {
    /// Photos and what is known of them, in the archive's order.
    pub(super) photos: Vec<(Entry, Facts)>,
    /// Names of all other files that are not a field of a photo.
    pub(super) others: Vec<PathBuf>,
}

/// Fields of a sample that say its class: its number or name, or an object with it.
const CLASS_FIELD: &str = "cls";
const OBJECT_FIELD: &str = "json";
/// The longest field that is read.
const MAX_FIELD_BYTES: u64 = 1 << 20;

/// Tells photos and what is known of them from the rest.
pub(super) fn arrange(file: &Path, entries: Vec<Entry>, reader: &mut File) -> Result<Arranged, Error> {
    let has_fields = entries.iter().any(|entry| field(&entry.name).1 == CLASS_FIELD);
    let has_fields = has_fields || {
        // Objects are fields where they stand beside photos of the same name.
        let photos: BTreeSet<PathBuf> = entries
            .iter()
            .filter(|entry| has_photo_name(&entry.name))
            .map(|entry| field(&entry.name).0)
            .collect();
        let is_object = |entry: &&Entry| field(&entry.name).1 == OBJECT_FIELD;
        let mut objects = entries.iter().filter(is_object);
        objects.any(|object| photos.contains(&field(&object.name).0))
    };
    if has_fields {
        samples(file, entries, reader)
    } else {
        folders(file, entries)
    }
}

/// A name up to the first dot of its last component, and what follows, in small letters: which sample a file belongs to, and as what.
fn field(name: &Path) -> (PathBuf, String) {
    let last = name.file_name().unwrap_or_default().to_string_lossy();
    let (key, field) = last.split_once('.').unwrap_or((&last, ""));
    (name.with_file_name(key), field.to_lowercase())
}

/// WebDataset's samples: files that are called alike up to the first dot.
fn samples(file: &Path, entries: Vec<Entry>, reader: &mut File) -> Result<Arranged, Error> {
    let mut known: BTreeMap<PathBuf, Facts> = BTreeMap::new();
    let (mut photos, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        let (key, field) = field(&entry.name);
        let at_fault = |problem: String| wrong(file, format!("{}: {problem}", entry.name.display()));
        match field.as_str() {
            CLASS_FIELD => {
                let text = text(file, &entry, reader)?;
                known.entry(key).or_default().label = Some(text).filter(|text| !text.is_empty());
            }
            OBJECT_FIELD => {
                let text = text(file, &entry, reader)?;
                let object: Map<String, Value> =
                    serde_json::from_str(&text).map_err(|error| at_fault(error.to_string()))?;
                let found = Facts::of_json(&object).map_err(at_fault)?;
                let facts = known.entry(key).or_default();
                let label = facts.label.take().or(found.label);
                *facts = Facts { label, ..found };
            }
            _ if has_photo_name(&entry.name) => photos.push((key, entry)),
            _ => others.push((key, entry.name)),
        }
    }
    let mut seen: BTreeMap<&Path, &Entry> = BTreeMap::new();
    for (key, entry) in &photos {
        if let Some(first) = seen.insert(key, entry) {
            let [first, second] = [first, entry].map(|entry| entry.name.display());
            let problem = format!("{first} and {second} are two photos of one sample");
            return Err(wrong(file, problem));
        }
    }
    // What else a sample has, such as a caption, is no news; what belongs to none is.
    others.retain(|(key, _)| !seen.contains_key(key.as_path()));
    let mut arranged = Arranged {
        photos: Vec::with_capacity(photos.len()),
        others: others.into_iter().map(|(_, name)| name).collect(),
    };
    for (key, entry) in photos {
        let facts = known.remove(&key).unwrap_or_default();
        arranged.photos.push((entry, facts));
    }
    Ok(arranged)
}

fn text(file: &Path, entry: &Entry, reader: &mut File) -> Result<String, Error> {
    let at_fault = |problem: String| wrong(file, format!("{}: {problem}", entry.name.display()));
    if entry.span.length > MAX_FIELD_BYTES {
        let problem = format!(
            "it is {} bytes long, and a field has at most {MAX_FIELD_BYTES}",
            entry.span.length
        );
        return Err(at_fault(problem));
    }
    let mut bytes = Vec::new();
    reader
        .seek(SeekFrom::Start(entry.span.offset))
        .and_then(|_| reader.take(entry.span.length).read_to_end(&mut bytes))
        .map_err(|source| read_failed(file, source))?;
    let text = String::from_utf8(bytes).map_err(|_| at_fault("the text is not UTF-8".to_owned()))?;
    Ok(text.trim().to_owned())
}

/// Photos in class folders, which may lie in folders of parts, and all of them in folders above.
fn folders(file: &Path, entries: Vec<Entry>) -> Result<Arranged, Error> {
    let (photos, others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| has_photo_name(&entry.name));
    let mut others: Vec<PathBuf> = others.into_iter().map(|entry| entry.name).collect();
    let mut placed: Vec<(Entry, Vec<String>)> = Vec::new();
    for entry in photos {
        let above = entry.name.parent().into_iter().flat_map(Path::components);
        let names = above.map(|part| part.as_os_str().to_str().map(str::to_owned));
        match names.collect::<Option<Vec<String>>>() {
            None => {
                return Err(Error::ClassNameNotUtf8 {
                    path: file.join(&entry.name),
                });
            }
            Some(folders) if folders.is_empty() => others.push(entry.name),
            Some(folders) => placed.push((entry, folders)),
        }
    }
    let mut depth = shared_depth(&placed);
    let has_parts = has_parts(file, &placed, depth)?;
    if has_parts {
        depth += 1;
    }
    let photos = placed.into_iter().map(|(entry, folders)| {
        let facts = Facts {
            label: folders.get(depth).cloned(),
            part: has_parts.then(|| folders[depth - 1].clone()),
            ..Facts::default()
        };
        (entry, facts)
    });
    Ok(Arranged {
        photos: photos.collect(),
        others,
    })
}

/// How many folders all photos lie in that are above those of the classes.
fn shared_depth(placed: &[(Entry, Vec<String>)]) -> usize {
    let Some((_, first)) = placed.first() else {
        return 0;
    };
    let is_shared = |&depth: &usize| {
        placed
            .iter()
            .all(|(_, folders)| folders.len() > depth + 1 && folders[depth] == first[depth])
    };
    (0..first.len()).take_while(is_shared).count()
}

/// Whether the folders at this depth are parts of the data: all or none.
fn has_parts(file: &Path, placed: &[(Entry, Vec<String>)], depth: usize) -> Result<bool, Error> {
    let is_part = |folders: &[String]| folders.len() > depth + 1 && Part::called(&folders[depth]).is_some();
    let (parts, classes): (Vec<_>, Vec<_>) = placed.iter().partition(|(_, folders)| is_part(folders));
    match (parts.first(), classes.first()) {
        (Some((part, _)), Some((class, _))) => {
            let problem = format!(
                "{} lies in a part of the data, {} in none: all photos do, or none",
                part.name.display(),
                class.name.display()
            );
            Err(wrong(file, problem))
        }
        (part, _) => Ok(part.is_some()),
    }
}
