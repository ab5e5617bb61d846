//! Photos in archives: one file of them, or a folder of shards.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Part;
use super::listing::{Entry, list};
use super::part::words;
use super::photo_list::folder_of;
use super::rows::{Row, Rows, wrong};
use crate::Error;
use crate::archive::{self, Kind, Opened};

/// What a file beside the shards may be called whose lines are the names of the classes, by number.
const NAMES_OF_CLASSES: [&str; 3] = ["classes.txt", "classnames.txt", "class_names.txt"];

/// An archive, and the part that its folder says.
struct Shard {
    path: PathBuf,
    kind: Kind,
    part: Option<Part>,
}

impl Shard {
    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

/// Reads one archive.
pub(super) fn read_file(file: &Path, kind: Kind) -> Result<Rows, Error> {
    let shard = Shard {
        path: file.to_owned(),
        kind,
        part: None,
    };
    read(file, folder_of(file), vec![shard])
}

/// Reads a folder of archives; `None` for one that is not.
///
/// It is one if it holds archives and no folders, or nothing but folders of parts that do. Hugging Face has them in a folder `data`.
pub(super) fn read_folder(root: &Path, entries: &[Entry]) -> Result<Option<Rows>, Error> {
    let folders: Vec<&Entry> = entries.iter().filter(|entry| entry.is_folder()).collect();
    let called = |entry: &Entry| Part::called(&entry.name().to_string_lossy());
    let (of, shards) = match folders[..] {
        [] => (root, shards(entries, None)?),
        [data] if data.name() == "data" => (data.path.as_path(), shards(&list(&data.path)?, None)?),
        _ if folders.iter().all(|folder| called(folder).is_some()) => {
            let mut found: Option<Vec<Shard>> = Some(Vec::new());
            for folder in folders {
                let own = shards(&list(&folder.path)?, called(folder))?;
                found = found.zip(own).map(|(mut found, own)| {
                    found.extend(own);
                    found
                });
            }
            (root, found)
        }
        _ => return Ok(None),
    };
    match shards {
        None => Ok(None),
        Some(shards) => read(of, root, shards).map(Some),
    }
}

/// The archives among the entries of a folder; `None` if there are none, or folders.
fn shards(entries: &[Entry], part: Option<Part>) -> Result<Option<Vec<Shard>>, Error> {
    let mut shards = Vec::new();
    for entry in entries {
        if entry.is_folder() {
            return Ok(None);
        }
        if Kind::of_name(&entry.path).is_some()
            && let Some(kind) = Kind::of(&entry.path)?
        {
            let path = entry.path.clone();
            shards.push(Shard { path, kind, part });
        }
    }
    Ok(Some(shards).filter(|shards| !shards.is_empty()))
}

/// `of` is the archive, or the folder that holds them.
fn read(of: &Path, root: &Path, mut shards: Vec<Shard>) -> Result<Rows, Error> {
    name_parts(of, &mut shards)?;
    let (mut rows, mut ignored) = (Vec::new(), Vec::new());
    for Shard { path, kind, part } in &shards {
        let Opened {
            source,
            photos,
            ignored: beside,
        } = archive::open(path, *kind)?;
        ignored.extend(beside);
        for photo in photos {
            let mut facts = photo.facts;
            if facts.part.is_none() {
                facts.part = part.map(|part| part.name().to_owned());
            }
            rows.push(Row {
                line: None,
                path: photo.path,
                source: source.clone(),
                facts,
            });
        }
    }
    let folder = shards.first().map_or(root, |shard| folder_of(&shard.path));
    name_classes(folder, &mut rows)?;
    Ok(Rows {
        of: of.to_owned(),
        root: root.to_owned(),
        rows,
        ignored,
    })
}

/// Takes parts from the names of the shards, if no folder says them and all names do.
fn name_parts(of: &Path, shards: &mut [Shard]) -> Result<(), Error> {
    if shards.iter().any(|shard| shard.part.is_some()) {
        return Ok(());
    }
    let part = |shard: &Shard| {
        let words = words(&shard.name().to_string_lossy());
        let found: BTreeSet<Part> = words.iter().filter_map(|word| Part::called(word)).collect();
        (found.len() == 1).then(|| found.into_iter().next()).flatten()
    };
    let parts: Vec<Option<Part>> = shards.iter().map(part).collect();
    let named = |is_said: bool| {
        let place = parts.iter().position(|part| part.is_some() == is_said)?;
        Some(shards[place].name().to_owned())
    };
    match (named(true), named(false)) {
        (Some(said), Some(unsaid)) => {
            let problem = format!(
                "{said:?} says which part of the data it holds, and {unsaid:?} does not: name all of them so, or none"
            );
            Err(wrong(of, None, problem))
        }
        // One archive alone may be called `train.tar` and hold everything.
        (Some(_), None) if parts.iter().all(|part| *part == parts[0]) => Ok(()),
        _ => {
            for (shard, part) in shards.iter_mut().zip(parts) {
                shard.part = part;
            }
            Ok(())
        }
    }
}

/// Gives classes their names that are numbers, where a file beside the shards has them.
fn name_classes(folder: &Path, rows: &mut [Row]) -> Result<(), Error> {
    let numbers: Option<Vec<usize>> = rows
        .iter()
        .map(|row| row.facts.label.as_ref()?.parse().ok())
        .collect();
    let file = NAMES_OF_CLASSES
        .iter()
        .map(|name| folder.join(name))
        .find(|file| file.is_file());
    let (Some(numbers), Some(file)) = (numbers, file) else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&file).map_err(|source| Error::Read {
        path: file.clone(),
        source,
    })?;
    let names: Vec<&str> = text.lines().map(str::trim).collect();
    for (row, number) in rows.iter_mut().zip(numbers) {
        match names.get(number).filter(|name| !name.is_empty()) {
            Some(name) => row.facts.label = Some((*name).to_owned()),
            None => {
                let problem = format!(
                    "there is no line {} for class {number} of {}",
                    number + 1,
                    row.path.display()
                );
                return Err(wrong(&file, None, problem));
            }
        }
    }
    Ok(())
}
