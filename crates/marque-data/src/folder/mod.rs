//! Folders with one sub-folder per class.

mod alike;
mod classes;
mod joined;
mod listing;
mod part;
mod photo_list;
mod problem;
mod rows;
mod shards;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::archive::Kind;
use crate::{Error, PartUse, Sample, Split, SplitConfig, sample};
use classes::{ClassFolder, check_shape, class_names, label, list_classes, merge_alike};
use listing::list;
use marque_core::setting::{Within, require};
use part::find_parts;
use serde::{Deserialize, Serialize};

pub(crate) use listing::{counted, is_residue};
pub use listing::{has_photo_name, list_photos};
pub use part::Part;
pub use problem::LayoutProblem;

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

/// What becomes of classes whose names differ only in the case of letters, spaces, `_` or `-` between words or Unicode form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlikeClasses {
    /// They are an error that names them: a copy has probably renamed a class, but they may be two. The default.
    #[default]
    Refuse,
    /// They are one class, under the name that comes first bytewise.
    Merge,
}

/// The photos of a data folder, a list or an archive with their classes, in an order that does not depend on the file system.
///
/// Two shapes are read, with the names of the parts in any case of letters and `val`, `valid` or `validation` for the
/// validation part; `training` and `testing` are read, too:
///
/// ```text
/// root/train/<class>/…    root/test/<class>/…    root/val/<class>/…
/// root/<class>/…
/// ```
///
/// - Classes are the union over the parts, sorted bytewise by name in Unicode's composed form (NFC); a label is a
///   position in that list. Names that differ only in the case of letters, spaces, `_` or `-` between words or Unicode
///   form are an error, since a copy has probably renamed a class, unless they are asked to be merged ([`AlikeClasses`]). Names of one letter may differ in its case.
/// - Photos may lie in sub-folders of a class, as long as some class folder holds a photo itself; otherwise `root` is
///   probably a level too high. Links are followed; a link to a folder that contains it is not.
/// - What operating systems leave behind is passed over: hidden files and folders, `Thumbs.db`, `desktop.ini`,
///   `__MACOSX`, `@eaDir`, `$RECYCLE.BIN`, `lost+found` and the like. Every other file in a class folder counts as a
///   photo whatever its ending, so that a text file is reported as a bad photo and not lost.
/// - What lies beside the class folders or the parts, and folders of runs, are listed by [`ImageFolder::ignored`].
/// - Where it is unclear which folders are classes, nothing is guessed: see [`LayoutProblem`].
#[derive(Clone, Debug)]
pub struct ImageFolder {
    root: PathBuf,
    class_names: Vec<String>,
    layout: Layout,
    ignored: Vec<PathBuf>,
    /// What photos belong to that must not be torn apart, by path, where a list says so.
    groups: BTreeMap<PathBuf, String>,
}

impl ImageFolder {
    /// Lists the photos below `root`, or those that the file `root` lists. No photo is opened: see [`check`](crate::check()) for
    /// that.
    ///
    /// A list is CSV, or TSV by its ending, with a header, or one JSON object a line (`.jsonl`). Of its columns `path` and `label`
    /// are needed; `split` (train, validation or test), `group` and `weight` are looked at where they are there, all others are not.
    /// Paths begin in the list's folder, and may lead into an archive. Labels are sorted as names of class folders are, numbers by
    /// their size. Photos of one group stay together where photos are split: [`ImageFolder::split`].
    ///
    /// `root` may also be an archive, or a folder that holds archives and no folders (itself, or in its folder `data`, or in folders of parts):
    ///
    /// - **Tar files**, also compressed by gzip. Either of WebDataset's samples, files of the same name up to the first dot, of which
    ///   `cls` has the class, its name or number, or `json` an object with what the columns of a list are called; names for numbers are
    ///   the lines of a `classes.txt` beside the archive. Or of class folders, which may lie in folders of parts.
    /// - **Parquet tables** with the photos inside, as Hugging Face ships them: a column of structs with `bytes`, and a column that is
    ///   called as a list's label. With the feature `parquet`. A table is unpacked into the folder of temporary files when it is opened.
    ///
    /// Which part an archive holds, a word of its name says (`train-00000.tar`, `data/test-00000-of-00001.parquet`), if there is more
    /// than one part.
    ///
    /// ```
    /// use marque_data::ImageFolder;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let list = folder.path().join("cars.csv");
    /// std::fs::write(&list, "path,label,split\n1.jpg,SUV,train\n2.jpg,Sedan,train\nold/3.jpg,SUV,test\n")?;
    /// let images = ImageFolder::scan(&list)?;
    /// assert_eq!(images.class_names(), ["SUV", "Sedan"]);
    /// assert_eq!(images.class_counts(), [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::List`] for a list or an archive, with the line or the name; [`Error::Temporary`] and [`Error::FeatureMissing`] for an archive; [`Error::Read`] where a folder cannot be listed, [`Error::NoClasses`],
    /// [`Error::PartTwice`], [`Error::Layout`], [`Error::AlikeClasses`], [`Error::EmptyClass`] for a class without
    /// photos in all parts, and [`Error::ClassNameNotUtf8`].
    pub fn scan(root: &Path) -> Result<ImageFolder, Error> {
        ImageFolder::scan_place(root, AlikeClasses::Refuse)
    }

    fn scan_place(root: &Path, alike: AlikeClasses) -> Result<ImageFolder, Error> {
        if root.is_file() {
            let rows = match Kind::of(root)? {
                Some(kind) => shards::read_file(root, kind)?,
                None => photo_list::read(root)?,
            };
            return rows.images(alike);
        }
        let mut ignored = Vec::new();
        let entries = list(root)?;
        if let Some(rows) = shards::read_folder(root, &entries)? {
            return rows.images(alike);
        }
        let parts = find_parts(root, &entries)?;
        // Without parts all classes stand under `None`.
        let mut found: Vec<(Option<Part>, Vec<ClassFolder>)> = Vec::new();
        if parts.is_empty() {
            found.push((None, list_classes(root, &entries, &mut ignored)?));
        } else {
            let kept: BTreeSet<&PathBuf> = parts.values().collect();
            let beside = entries.iter().filter(|entry| !kept.contains(&entry.path));
            ignored.extend(beside.map(|entry| entry.path.clone()));
            for (&part, folder) in &parts {
                found.push((Some(part), list_classes(folder, &list(folder)?, &mut ignored)?));
            }
        }
        check_shape(root, &found)?;
        if alike == AlikeClasses::Merge {
            merge_alike(&mut found);
        }
        let class_names = class_names(root, &found)?;
        let mut layout = if parts.is_empty() {
            Layout::Flat(Vec::new())
        } else {
            Layout::Parts {
                train: Vec::new(),
                validation: None,
                test: None,
            }
        };
        for (part, classes) in found {
            let samples = label(classes, &class_names);
            match (&mut layout, part) {
                (Layout::Parts { validation, .. }, Some(Part::Validation)) => *validation = Some(samples),
                (Layout::Parts { test, .. }, Some(Part::Test)) => *test = Some(samples),
                (Layout::Flat(train) | Layout::Parts { train, .. }, _) => *train = samples,
            }
        }
        Ok(ImageFolder {
            root: root.to_owned(),
            class_names,
            layout,
            ignored,
            groups: BTreeMap::new(),
        })
    }

    /// The photos of several folders, lists and archives together, each read as by [`scan`](Self::scan). Classes of the same name are one.
    /// Photos of what has no parts are training photos if others have parts. `alike` says what becomes of classes whose names hardly differ.
    ///
    /// # Errors
    /// Those of [`scan`](Self::scan), [`Error::NoSamples`] for no place at all, [`Error::AlikeClasses`], and [`Error::List`] for a photo that
    /// is in two of them.
    pub fn scan_all(places: &[PathBuf], alike: AlikeClasses) -> Result<ImageFolder, Error> {
        let mut folders = Vec::with_capacity(places.len());
        for place in places {
            folders.push(ImageFolder::scan_place(place, alike)?);
        }
        match folders.len() {
            0 => Err(Error::NoSamples),
            1 => Ok(folders.remove(0)),
            _ => joined::join(folders, alike),
        }
    }

    /// Photos that are listed otherwise, in a table, say: all of one part, still to be split. `root` is where the paths that
    /// people read begin; the photos may lie anywhere.
    ///
    /// # Errors
    /// [`Error::NoSamples`]; [`Error::Setting`] for a label that is no position in `class_names`, or a class without photos.
    ///
    /// ```
    /// use marque_data::{ImageFolder, Sample};
    ///
    /// let class_names = vec!["Sedan".to_owned(), "SUV".to_owned()];
    /// let samples = [("a.jpg", 0), ("b.jpg", 1)].map(|(name, label)| Sample::new(name, label));
    /// let images = ImageFolder::from_samples(".".as_ref(), class_names, samples.into())?;
    /// assert_eq!(images.class_counts(), [1, 1]);
    /// # Ok::<(), marque_data::Error>(())
    /// ```
    pub fn from_samples(
        root: &Path,
        class_names: Vec<String>,
        mut samples: Vec<Sample>,
    ) -> Result<ImageFolder, Error> {
        if samples.is_empty() {
            return Err(Error::NoSamples);
        }
        let classes = class_names.len();
        let unknown = samples.iter().find(|sample| sample.label >= classes);
        if let Some(sample) = unknown {
            let expected = format!("below {classes}, the number of classes");
            let found = format!("{} of {}", sample.label, sample.path.display());
            require("label", false, expected, found)?;
        }
        sample::sort(&mut samples);
        let images = ImageFolder {
            root: root.to_owned(),
            class_names,
            layout: Layout::Flat(samples),
            ignored: Vec::new(),
            groups: BTreeMap::new(),
        };
        let empty = images.class_counts().iter().position(|&count| count == 0);
        if let Some(empty) = empty {
            let found = &images.class_names[empty];
            require("class_names", false, "classes that have photos", found)?;
        }
        Ok(images)
    }

    /// What photos belong to that must not be torn apart, by path; nothing but where a list says so.
    pub fn groups(&self) -> &BTreeMap<PathBuf, String> {
        &self.groups
    }

    /// The same photos, laid out otherwise.
    pub(crate) fn laid_out(&self, layout: Layout) -> ImageFolder {
        ImageFolder {
            layout,
            ..self.clone()
        }
    }

    /// The folder that was scanned, or that of the list.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the classes in Unicode's composed form, sorted bytewise; a label is a position in this list.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Files and folders beside the class folders, and folders of runs: what is neither residue nor a photo of a class.
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
    pub fn samples(&self) -> impl Iterator<Item = &Sample> + Clone {
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

    /// The photos of a part as it was given, by class and then by path; `None` where photos came in no parts, or without this one. What
    /// is only to be tested needs no more: there, nothing is asked of the train part.
    ///
    /// ```
    /// use marque_data::{ImageFolder, Part};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let list = folder.path().join("cars.csv");
    /// std::fs::write(&list, "path,label,split\n1.jpg,SUV,test\n2.jpg,Sedan,test\n")?;
    /// let images = ImageFolder::scan(&list)?;
    /// assert_eq!(images.given(Part::Test).map(<[_]>::len), Some(2));
    /// assert!(images.given(Part::Train).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn given(&self, part: Part) -> Option<&[Sample]> {
        match (&self.layout, part) {
            (Layout::Flat(_), _) => None,
            (Layout::Parts { train, .. }, Part::Train) => {
                Some(train.as_slice()).filter(|train| !train.is_empty())
            }
            (Layout::Parts { validation, .. }, Part::Validation) => validation.as_deref(),
            (Layout::Parts { test, .. }, Part::Test) => test.as_deref(),
        }
    }

    /// Number of photos of each class, in the order of [`ImageFolder::class_names`].
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for sample in self.samples() {
            counts[sample.label] += 1;
        }
        counts
    }

    /// Cuts the photos into a train, a validation and a test part. Photos of one group go into one part, so that its number of photos
    /// may be off by as many as a group has; parts that are given stay as they are.
    ///
    /// # Errors
    /// [`Error::Setting`] for a bad configuration, [`Error::NoTrainPart`] where other parts are given and kept, [`Error::EmptyPart`] where a part that was asked for gets no photo and
    /// [`Error::ClassWithoutTraining`] where a class has photos in other parts only.
    pub fn split(&self, config: &SplitConfig) -> Result<Split, Error> {
        config.validate().within("split")?;
        if config.parts == PartUse::AsGiven {
            self.require_train_part()?;
        }
        let split = crate::split::split(&self.layout, &self.groups, self.class_names.len(), config)?;
        let counts = split.class_counts(self.class_names.len());
        let untrained: Vec<String> = self
            .class_names
            .iter()
            .zip(&counts)
            .filter(|(_, counts)| counts[0] == 0)
            .map(|(name, [_, validation, test])| format!("{name:?} (validation: {validation}, test: {test})"))
            .collect();
        if untrained.is_empty() {
            Ok(split)
        } else {
            Err(Error::ClassWithoutTraining {
                folder: self.root.clone(),
                classes: untrained,
            })
        }
    }

    fn require_train_part(&self) -> Result<(), Error> {
        let counted = |part: Part| Some((part, self.given(part)?.len()));
        let given: Vec<(Part, usize)> = Part::ALL.into_iter().filter_map(counted).collect();
        if given.is_empty() || given.iter().any(|&(part, _)| part == Part::Train) {
            return Ok(());
        }
        let found = given.iter().map(|(part, photos)| format!("{photos} {part}"));
        Err(Error::NoTrainPart {
            folder: self.root.clone(),
            found: found.collect::<Vec<_>>().join(" and "),
        })
    }
}
