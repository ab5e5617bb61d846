//! Class folders: what lies in them, whether they can be classes, and their names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::listing::{Entry, Found, canonical, list};
use super::part::{is_name_of_part, resembles_part, words};
use super::{LayoutProblem, Part, alike};
use crate::{Error, Sample};

/// A folder that is to be a class, in one part.
pub(super) struct ClassFolder {
    path: PathBuf,
    /// As the file system has it.
    name: String,
    photos: Vec<PathBuf>,
    /// Whether a file that may be a photo lies straight in it.
    has_own_photos: bool,
    /// Names of its folders.
    folders: Vec<String>,
}

impl ClassFolder {
    fn holds_only_folders(&self) -> bool {
        !self.has_own_photos && !self.folders.is_empty()
    }

    /// The name that the class has in a model: macOS and others write the same letters in different forms.
    fn class_name(&self) -> String {
        self.name.nfc().collect()
    }
}

type Parts = [(Option<Part>, Vec<ClassFolder>)];

/// The class folders in `folder`, which has these `entries`. What is none is added to `ignored`.
pub(super) fn list_classes(
    folder: &Path,
    entries: &[Entry],
    ignored: &mut Vec<PathBuf>,
) -> Result<Vec<ClassFolder>, Error> {
    let above = canonical(folder)?;
    // A network drive answers many questions at a time.
    let listed: Vec<Option<Result<Listed, Error>>> = entries
        .par_iter()
        .map(|entry| entry.is_folder().then(|| list_class(entry, &above)))
        .collect();
    let mut classes = Vec::new();
    for (entry, listed) in entries.iter().zip(listed) {
        let Some(listed) = listed else {
            ignored.push(entry.path.clone());
            continue;
        };
        let Listed { class, mut runs } = listed?;
        let holds_runs_only = class.photos.is_empty() && !runs.is_empty();
        ignored.append(&mut runs);
        if !holds_runs_only {
            classes.push(class);
        }
    }
    Ok(classes)
}

/// A folder that is to be a class, with the folders of runs in it.
struct Listed {
    class: ClassFolder,
    runs: Vec<PathBuf>,
}

fn list_class(folder: &Entry, above: &Path) -> Result<Listed, Error> {
    let path = &folder.path;
    let Some(name) = folder.name().to_str() else {
        return Err(Error::ClassNameNotUtf8 { path: path.clone() });
    };
    let entries = list(path)?;
    let folders = entries.iter().filter(|entry| entry.is_folder());
    let mut class = ClassFolder {
        path: path.clone(),
        name: name.to_owned(),
        photos: Vec::new(),
        has_own_photos: entries.iter().any(Entry::may_be_photo),
        folders: folders
            .map(|folder| folder.name().to_string_lossy().into_owned())
            .collect(),
    };
    let mut found = Found::default();
    let here = canonical(path)?;
    // A link back to where we came from has no photos of its own.
    if here != above {
        found.take(path, entries, &mut vec![above.to_owned(), here])?;
    }
    class.photos = found.photos;
    Ok(Listed {
        class,
        runs: found.runs,
    })
}

/// Refuses folders of which it is unclear whether they are classes.
pub(super) fn check_shape(root: &Path, parts: &Parts) -> Result<(), Error> {
    let classes: Vec<&ClassFolder> = parts.iter().flat_map(|(_, classes)| classes).collect();
    let names: BTreeSet<String> = classes.iter().map(|class| class.class_name()).collect();
    let has_parts = parts.iter().any(|(part, _)| part.is_some());
    let problem = level_inside_parts(&classes, &names)
        .filter(|_| has_parts)
        .or_else(|| parts_among(&classes))
        .or_else(|| one_class(&classes, &names))
        .or_else(|| no_photos(&classes, &names))
        .or_else(|| images_and_labels(&names));
    problem.map_or(Ok(()), |problem| Err(problem.at(root)))
}

fn parts_among(classes: &[&ClassFolder]) -> Option<LayoutProblem> {
    for class in classes {
        let name = class.name.clone();
        if class.holds_only_folders() && resembles_part(&name) {
            return Some(LayoutProblem::UnknownPart { name });
        }
        if let Some(inner) = class.folders.iter().find(|name| is_name_of_part(name)) {
            return Some(LayoutProblem::PartsInside {
                name,
                inner: inner.clone(),
                path: class.path.display().to_string(),
            });
        }
    }
    // One class may be that of railway trains.
    let mut flat = classes.iter().filter(|class| is_name_of_part(&class.name));
    let (first, second) = (flat.next()?, flat.next()?);
    let name = first.name.clone();
    (first.name != second.name).then_some(LayoutProblem::FlatPart { name })
}

fn one_class(classes: &[&ClassFolder], names: &BTreeSet<String>) -> Option<LayoutProblem> {
    let first = classes.first().filter(|_| names.len() == 1)?;
    let name = first.name.clone();
    let path = first.path.display().to_string();
    let is_above = classes.iter().all(|class| class.holds_only_folders());
    Some(if is_above {
        LayoutProblem::OneLevelTooHigh { name, path }
    } else {
        LayoutProblem::OneClass { name }
    })
}

fn level_inside_parts(classes: &[&ClassFolder], names: &BTreeSet<String>) -> Option<LayoutProblem> {
    hold_folders_only(classes).then(|| LayoutProblem::LevelInsideParts { names: few(names) })
}

fn no_photos(classes: &[&ClassFolder], names: &BTreeSet<String>) -> Option<LayoutProblem> {
    let first = classes.iter().find(|class| class.holds_only_folders())?;
    hold_folders_only(classes).then(|| LayoutProblem::NoPhotosInClassFolders {
        names: few(names),
        path: first.path.display().to_string(),
    })
}

/// Whether some hold folders, and none a photo.
fn hold_folders_only(classes: &[&ClassFolder]) -> bool {
    classes.iter().all(|class| !class.has_own_photos)
        && classes.iter().any(|class| class.holds_only_folders())
}

/// The first few names.
fn few(names: &BTreeSet<String>) -> String {
    let few: Vec<&str> = names.iter().map(String::as_str).take(5).collect();
    few.join(", ") + if names.len() > few.len() { ", …" } else { "" }
}

/// Names of folders of photos that are no classes. Single words such as `photo` or `label` may be classes of documents.
const IMAGE_WORDS: [&str; 5] = ["images", "imgs", "jpegimages", "photos", "pictures"];

/// Names of folders for what is known of photos.
const LABEL_WORDS: [&str; 9] = [
    "annotation",
    "annotations",
    "bboxes",
    "labels",
    "masks",
    "metadata",
    "segmentations",
    "trimaps",
    "xmls",
];

fn images_and_labels(names: &BTreeSet<String>) -> Option<LayoutProblem> {
    let only = |name: &str, known: &[&str]| {
        let words = words(name);
        let fits = |word: &String| known.contains(&word.as_str()) || resembles_part(word);
        words.iter().all(fits) && !words.is_empty()
    };
    let labels = names
        .iter()
        .find(|name| only(name, &LABEL_WORDS) && !is_name_of_part(name))?;
    let images = names.iter().find(|name| only(name, &IMAGE_WORDS))?;
    Some(LayoutProblem::ImagesAndLabels {
        images: images.clone(),
        labels: labels.clone(),
    })
}

/// Gives classes of names that hardly differ one of them, that which comes first bytewise.
pub(super) fn merge_alike(parts: &mut Parts) {
    let classes = || parts.iter().flat_map(|(_, classes)| classes);
    let mut names: Vec<String> = classes().map(ClassFolder::class_name).collect();
    alike::merge(&mut names);
    let classes = parts.iter_mut().flat_map(|(_, classes)| classes);
    for (class, name) in classes.zip(names) {
        class.name = name;
    }
}

/// The names of the classes of all parts, sorted bytewise.
pub(super) fn class_names(root: &Path, parts: &Parts) -> Result<Vec<String>, Error> {
    let mut parts_by_name: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
    let mut has_photos: BTreeMap<String, bool> = BTreeMap::new();
    for (part, classes) in parts {
        for class in classes {
            parts_by_name.entry(&class.name).or_default().extend(part);
            *has_photos.entry(class.class_name()).or_default() |= !class.photos.is_empty();
        }
    }
    if has_photos.is_empty() {
        return Err(Error::NoClasses {
            folder: root.to_owned(),
        });
    }
    if let Some(names) = alike::find(parts_by_name.keys().copied()) {
        return Err(Error::AlikeClasses {
            folder: root.to_owned(),
            names: told_apart(&names, &parts_by_name),
        });
    }
    let names: Vec<String> = has_photos.keys().cloned().collect();
    match has_photos.into_iter().find(|(_, has_photos)| !has_photos) {
        Some((class, _)) => Err(Error::EmptyClass {
            folder: root.to_owned(),
            class,
            classes: names,
        }),
        None => Ok(names),
    }
}

/// Names that look alike, written so that a reader sees the difference, with the parts that have them.
fn told_apart(names: &[&str], parts_by_name: &BTreeMap<&str, Vec<Part>>) -> String {
    let composed: BTreeSet<String> = names.iter().map(|name| name.nfc().collect()).collect();
    let written = |name: &str| {
        if composed.len() < names.len() {
            format!("\"{}\"", name.escape_default())
        } else {
            format!("{name:?}")
        }
    };
    let named = names.iter().map(|name| {
        let parts = parts_by_name.get(name).into_iter().flatten();
        let parts: Vec<&str> = parts.map(|part| part.name()).collect();
        match parts.is_empty() {
            true => written(name),
            false => format!("{} in {}", written(name), parts.join(" and ")),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The photos of a part, by class and then by path.
pub(super) fn label(classes: Vec<ClassFolder>, class_names: &[String]) -> Vec<Sample> {
    let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for class in classes {
        by_name
            .entry(class.class_name())
            .or_default()
            .extend(class.photos);
    }
    let of_class = class_names
        .iter()
        .enumerate()
        .map(|(label, name)| (label, by_name.remove(name).unwrap_or_default()));
    let samples =
        of_class.flat_map(|(label, photos)| photos.into_iter().map(move |path| Sample::new(path, label)));
    samples.collect()
}
