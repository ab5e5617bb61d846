//! Folders with one sub-folder per class.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::{Error, Split, SplitConfig};

/// One photo and its class.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Where the photo is.
    pub path: PathBuf,
    /// Position of its class in [`ImageFolder::class_names`].
    pub label: usize,
}

/// How the photos of a data folder were laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `root/<class>/*`: the photos are still to be split.
    Flat(Vec<Sample>),
    /// `root/{train,test,validation}/<class>/*`; a part without a folder is `None`.
    Parts {
        train: Vec<Sample>,
        validation: Option<Vec<Sample>>,
        test: Option<Vec<Sample>>,
    },
}

/// The photos of a data folder with their classes, in an order that does not depend on the file system.
///
/// Two shapes are read, with the names of the parts in any case of letters and `val`, `valid` or `validation` for the
/// validation part:
///
/// ```text
/// root/train/<class>/…    root/test/<class>/…    root/val/<class>/…
/// root/<class>/…
/// ```
///
/// - Classes are the union over the parts, sorted bytewise by name; a label is a position in that list.
/// - Photos may lie in sub-folders of a class. Links are followed; a link to a folder that contains it is not.
/// - Hidden files and folders, `Thumbs.db`, `desktop.ini` and `__MACOSX` are passed over. Every other file in a class
///   folder counts as a photo whatever its ending, so that a text file is reported as a bad photo and not lost.
/// - What lies beside the class folders or the parts is listed by [`ImageFolder::ignored`].
#[derive(Clone, Debug)]
pub struct ImageFolder {
    root: PathBuf,
    class_names: Vec<String>,
    layout: Layout,
    ignored: Vec<PathBuf>,
}

impl ImageFolder {
    /// Lists the photos below `root`. No photo is opened: see [`check`](crate::check()) for that.
    ///
    /// # Errors
    /// [`Error::Read`] where a folder cannot be listed, [`Error::NoClasses`], [`Error::NoTrainFolder`],
    /// [`Error::PartTwice`], [`Error::EmptyClass`] for a class without photos in all parts, and
    /// [`Error::ClassNameNotUtf8`].
    pub fn scan(root: &Path) -> Result<ImageFolder, Error> {
        let mut ignored = Vec::new();
        let entries = list(root)?;
        let parts = find_parts(root, &entries)?;
        let mut class_photos = Vec::new();
        let is_flat = parts.is_empty();
        if is_flat {
            class_photos.push(list_classes(root, &entries, &mut ignored)?);
        } else {
            let kept: BTreeSet<&PathBuf> = parts.values().collect();
            ignored.extend(
                entries
                    .iter()
                    .filter(|entry| !kept.contains(&entry.path))
                    .map(|entry| entry.path.clone()),
            );
            for part in PARTS {
                class_photos.push(match parts.get(&part) {
                    Some(folder) => list_classes(folder, &list(folder)?, &mut ignored)?,
                    None => BTreeMap::new(),
                });
            }
        }
        let class_names = union_of_classes(root, &class_photos)?;
        let mut labelled = class_photos
            .into_iter()
            .map(|classes| label(classes, &class_names));
        let train = labelled.next().unwrap_or_default();
        let layout = if is_flat {
            Layout::Flat(train)
        } else {
            let mut given = |part| labelled.next().filter(|_| parts.contains_key(&part));
            Layout::Parts {
                train,
                validation: given(Part::Validation),
                test: given(Part::Test),
            }
        };
        Ok(ImageFolder {
            root: root.to_owned(),
            class_names,
            layout,
            ignored,
        })
    }

    /// The folder that was scanned.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the classes, sorted bytewise; a label is a position in this list.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Files and folders beside the class folders that are neither hidden nor photos of a class.
    pub fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    /// Number of photos in all parts.
    pub fn len(&self) -> usize {
        self.samples().count()
    }

    /// Whether there are no photos. A scanned folder has at least one in each class.
    pub fn is_empty(&self) -> bool {
        self.samples().next().is_none()
    }

    /// The photos of all parts: train, validation, test; in each by class and then by path.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        let parts: [&[Sample]; 3] = match &self.layout {
            Layout::Flat(samples) => [samples, &[], &[]],
            Layout::Parts {
                train,
                validation,
                test,
            } => [
                train,
                validation.as_deref().unwrap_or(&[]),
                test.as_deref().unwrap_or(&[]),
            ],
        };
        parts.into_iter().flatten()
    }

    /// Number of photos of each class, in the order of [`ImageFolder::class_names`].
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for sample in self.samples() {
            counts[sample.label] += 1;
        }
        counts
    }

    /// Cuts the photos into a train, a validation and a test part.
    ///
    /// # Errors
    /// [`Error::Setting`] for a bad configuration and [`Error::EmptyPart`] where a part that was asked for gets no photo.
    pub fn split(&self, config: &SplitConfig) -> Result<Split, Error> {
        crate::split::split(&self.layout, self.class_names.len(), config)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Train,
    Validation,
    Test,
}

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

struct Entry {
    path: PathBuf,
    name: std::ffi::OsString,
    /// Of what a link leads to; `None` for a link that leads nowhere.
    metadata: Option<Metadata>,
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.metadata.as_ref().is_some_and(Metadata::is_dir)
    }
}

/// The entries of a folder that are not hidden, sorted bytewise by name.
fn list(folder: &Path) -> Result<Vec<Entry>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if !is_hidden(&name) {
            let path = entry.path();
            let metadata = std::fs::metadata(&path).ok();
            entries.push(Entry { path, name, metadata });
        }
    }
    entries.sort_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
    Ok(entries)
}

/// What operating systems leave behind beside photos.
fn is_hidden(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let residue: [&[u8]; 3] = [b"Thumbs.db", b"desktop.ini", b"__MACOSX"];
    bytes.starts_with(b".") || residue.iter().any(|known| bytes.eq_ignore_ascii_case(known))
}

/// The folders of the parts; empty where `root` holds classes.
fn find_parts(root: &Path, entries: &[Entry]) -> Result<BTreeMap<Part, PathBuf>, Error> {
    let mut parts: BTreeMap<Part, &Entry> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_folder()) {
        let part = match entry.name.to_string_lossy().to_ascii_lowercase().as_str() {
            "train" => Part::Train,
            "val" | "valid" | "validation" => Part::Validation,
            "test" => Part::Test,
            _ => continue,
        };
        // A class of railway trains holds photos, not folders of classes.
        if !list(&entry.path)?.iter().any(Entry::is_folder) {
            continue;
        }
        if let Some(first) = parts.insert(part, entry) {
            let [first, second] = [first, entry].map(|entry| entry.name.to_string_lossy().into_owned());
            return Err(Error::PartTwice {
                folder: root.to_owned(),
                first,
                second,
            });
        }
    }
    if let (false, Some(entry)) = (parts.contains_key(&Part::Train), parts.values().next()) {
        let found = entry.name.to_string_lossy().into_owned();
        return Err(Error::NoTrainFolder {
            folder: root.to_owned(),
            found,
        });
    }
    Ok(parts
        .into_iter()
        .map(|(part, entry)| (part, entry.path.clone()))
        .collect())
}

type ClassPhotos = BTreeMap<String, Vec<PathBuf>>;

/// The photos of each class folder in `folder`, which has these `entries`.
fn list_classes(folder: &Path, entries: &[Entry], ignored: &mut Vec<PathBuf>) -> Result<ClassPhotos, Error> {
    let mut classes = BTreeMap::new();
    for entry in entries {
        if !entry.is_folder() {
            ignored.push(entry.path.clone());
            continue;
        }
        let Some(name) = entry.name.to_str() else {
            return Err(Error::ClassNameNotUtf8 {
                path: entry.path.clone(),
            });
        };
        let mut photos = Vec::new();
        list_photos(&entry.path, &mut vec![canonical(folder)?], &mut photos)?;
        classes.insert(name.to_owned(), photos);
    }
    Ok(classes)
}

/// Adds the files in and below `folder` to `photos`, sorted. `above` holds the folders that led here.
fn list_photos(folder: &Path, above: &mut Vec<PathBuf>, photos: &mut Vec<PathBuf>) -> Result<(), Error> {
    let here = canonical(folder)?;
    if above.contains(&here) {
        // A link back to where we came from: its photos are listed already.
        return Ok(());
    }
    above.push(here);
    for entry in list(folder)? {
        if entry.is_folder() {
            list_photos(&entry.path, above, photos)?;
        } else {
            photos.push(entry.path);
        }
    }
    above.pop();
    Ok(())
}

fn canonical(folder: &Path) -> Result<PathBuf, Error> {
    folder.canonicalize().map_err(|source| Error::Read {
        path: folder.to_owned(),
        source,
    })
}

fn union_of_classes(root: &Path, parts: &[ClassPhotos]) -> Result<Vec<String>, Error> {
    let classes: BTreeSet<&String> = parts.iter().flat_map(BTreeMap::keys).collect();
    if classes.is_empty() {
        return Err(Error::NoClasses {
            folder: root.to_owned(),
        });
    }
    let class_names: Vec<String> = classes.into_iter().cloned().collect();
    let has_photos = |class: &String| {
        parts
            .iter()
            .any(|part| part.get(class).is_some_and(|photos| !photos.is_empty()))
    };
    match class_names.iter().find(|class| !has_photos(class)) {
        Some(class) => Err(Error::EmptyClass {
            folder: root.to_owned(),
            class: class.clone(),
            classes: class_names.clone(),
        }),
        None => Ok(class_names),
    }
}

fn label(mut classes: ClassPhotos, class_names: &[String]) -> Vec<Sample> {
    let of_class = class_names
        .iter()
        .enumerate()
        .map(|(label, name)| (label, classes.remove(name).unwrap_or_default()));
    of_class
        .flat_map(|(label, photos)| photos.into_iter().map(move |path| Sample { path, label }))
        .collect()
}
