//! What a split data folder gives to a training, and what of it is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::check::{BadFile, Fingerprint, Looked, look_alike, look_at_all};
use crate::folder::counted;
use crate::{Error, ImageFolder, Part, Sample, Split};

/// The share of a part, or of the train photos of a class, above which unreadable photos are worth a warning.
///
/// Photos seldom fail at random: a broken download loses one class or the end of the alphabet. Of a tenth that is lost
/// so, each point of accuracy may be off by more than the confidence interval of a few hundred test photos says.
pub const MOST_UNREADABLE: f64 = 0.1;

/// The most examples that a line of the text names.
const MOST_NAMED: usize = 3;
/// The most classes that the table shows.
const MOST_CLASSES: usize = 100;

/// A photo of a split folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// Its part.
    pub part: Part,
    /// Position of its class in [`Inventory::class_names`].
    pub label: usize,
    /// Where it is.
    pub path: PathBuf,
}

/// A photo that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPhoto {
    /// The file and the reason.
    pub file: BadFile,
    /// Its part.
    pub part: Part,
    /// Position of its class in [`Inventory::class_names`].
    pub label: usize,
}

/// The classes of a split data folder with their photos in each part, the photos that cannot be read, those that are
/// there twice, and what was passed over: what is to be known before a training begins.
///
/// Its text (`Display`) is the table of classes and then a line for each thing that is amiss, with counts and the first
/// few names. What should not be overlooked begins with `WARNING`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The data folder; paths in the text begin there.
    pub root: PathBuf,
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// Photos of each class that can be read, in the train, the validation and the test part.
    pub counts: Vec<[usize; 3]>,
    /// Photos that cannot be read, by part, class and path.
    pub bad: Vec<BadPhoto>,
    /// Groups of photos with the same bytes, each by part, class and path.
    pub duplicates: Vec<Vec<Placed>>,
    /// What lies beside the class folders.
    pub ignored: Vec<PathBuf>,
    /// Pairs of photos that look nearly the same without having the same bytes, each by part, class and path.
    pub alike: Vec<[Placed; 2]>,
    /// Groups of photos that should stay together and are in more than one part, by name.
    pub torn_groups: Vec<String>,
    /// Whether the photos were opened. If not, all of them count as readable, and none is known to be there twice.
    pub opened: bool,
}

impl Inventory {
    /// Of photos that are not opened: there may be so many that it would take longer than is to be waited. A loader finds those that
    /// cannot be read when their turn comes.
    pub fn unopened(folder: &ImageFolder, split: &Split) -> Inventory {
        Inventory {
            root: folder.root().to_owned(),
            class_names: folder.class_names().to_vec(),
            counts: split.class_counts(folder.class_names().len()),
            bad: Vec::new(),
            duplicates: Vec::new(),
            ignored: folder.ignored().to_vec(),
            alike: Vec::new(),
            torn_groups: torn_groups(folder, split),
            opened: false,
        }
    }

    /// Opens every photo of a split folder. Runs on the current rayon pool; holds one photo a thread in memory.
    pub fn take(folder: &ImageFolder, split: &Split) -> Inventory {
        let (placed, samples): (Vec<Placed>, Vec<&Sample>) = Part::ALL
            .into_iter()
            .flat_map(|part| split.part(part).iter().map(move |sample| (part, sample)))
            .map(|(part, sample)| {
                let path = sample.path.clone();
                let label = sample.label;
                (Placed { part, label, path }, sample)
            })
            .unzip();
        let looked = look_at_all(&samples);
        let mut alike: Vec<[Placed; 2]> = look_alike(&looked)
            .into_iter()
            .map(|(first, second)| {
                let mut pair = [placed[first].clone(), placed[second].clone()];
                pair.sort();
                pair
            })
            .collect();
        alike.sort();
        let mut counts = split.class_counts(folder.class_names().len());
        let mut bad = Vec::new();
        let mut same: BTreeMap<Fingerprint, Vec<Placed>> = BTreeMap::new();
        for (photo, result) in placed.into_iter().zip(looked) {
            match result {
                Ok(Looked { fingerprint, .. }) => same.entry(fingerprint).or_default().push(photo),
                Err(file) => {
                    let Placed { part, label, .. } = photo;
                    counts[label][part as usize] -= 1;
                    bad.push(BadPhoto { file, part, label });
                }
            }
        }
        let mut duplicates: Vec<Vec<Placed>> = same.into_values().filter(|photos| photos.len() > 1).collect();
        duplicates.iter_mut().for_each(|photos| photos.sort());
        duplicates.sort();
        Inventory {
            root: folder.root().to_owned(),
            class_names: folder.class_names().to_vec(),
            counts,
            bad,
            duplicates,
            ignored: folder.ignored().to_vec(),
            alike,
            torn_groups: torn_groups(folder, split),
            opened: true,
        }
    }

    /// Refuses a part, or the train photos of a class, of which not one photo can be read.
    ///
    /// # Errors
    /// [`Error::NothingReadable`].
    pub fn require_readable(&self) -> Result<(), Error> {
        match self.losses().into_iter().find(|loss| loss.bad.len() == loss.of) {
            None => Ok(()),
            Some(Loss { what, bad, of }) => {
                let BadFile { path, reason } = bad[0].file.clone();
                Err(Error::NothingReadable {
                    what,
                    count: of,
                    first: path,
                    reason,
                })
            }
        }
    }

    /// The split without the photos that cannot be read.
    pub fn readable(&self, mut split: Split) -> Split {
        let bad: BTreeSet<&Path> = self.bad.iter().map(|photo| photo.file.path.as_path()).collect();
        for part in [&mut split.train, &mut split.validation, &mut split.test] {
            part.retain(|sample| !bad.contains(sample.path.as_path()));
        }
        split
    }

    /// What makes the results of a training doubtful, a sentence each: a large share of photos that cannot be read
    /// (more than [`MOST_UNREADABLE`]), photos in more than one part, photos in more than one class.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .losses()
            .iter()
            .filter(|loss| loss.bad.len() as f64 > MOST_UNREADABLE * loss.of as f64)
            .map(|loss| {
                format!(
                    "{} of {} {} cannot be read and are left out",
                    loss.bad.len(),
                    loss.of,
                    loss.what
                )
            })
            .collect();
        let spread = |differs: fn(&Placed) -> usize| -> Vec<&Vec<Placed>> {
            let is_spread =
                |group: &&Vec<Placed>| group.iter().map(differs).collect::<BTreeSet<_>>().len() > 1;
            self.duplicates.iter().filter(is_spread).collect()
        };
        let parts = spread(|photo| photo.part as usize);
        if !parts.is_empty() {
            warnings.push(format!(
                "{} in more than one part, which flatters the results: {}",
                counted(parts.len(), "photo"),
                self.groups_named(&parts)
            ));
        }
        let parts: Vec<&[Placed; 2]> = self
            .alike
            .iter()
            .filter(|[one, other]| one.part != other.part)
            .collect();
        if !parts.is_empty() {
            warnings.push(format!(
                "{} of photos that look the same in two parts, which flatters the results: {}",
                counted(parts.len(), "pair"),
                self.pairs_named(&parts)
            ));
        }
        if !self.torn_groups.is_empty() {
            let names = self.torn_groups.iter().map(|name| one_line(name));
            warnings.push(format!(
                "{} with photos in more than one part, which flatters the results: {}",
                counted(self.torn_groups.len(), "group"),
                first_few(names)
            ));
        }
        let classes = spread(|photo| photo.label);
        if !classes.is_empty() {
            warnings.push(format!(
                "{} in more than one class, which cannot be learnt: {}",
                counted(classes.len(), "photo"),
                self.groups_named(&classes)
            ));
        }
        warnings
    }

    /// Each part, and the train photos of each class, that lost photos.
    fn losses(&self) -> Vec<Loss<'_>> {
        let mut losses = Vec::new();
        for part in Part::ALL {
            let bad: Vec<&BadPhoto> = self.bad.iter().filter(|photo| photo.part == part).collect();
            let left: usize = self.counts.iter().map(|counts| counts[part as usize]).sum();
            let of = bad.len() + left;
            let what = format!("{part} photos");
            losses.push(Loss { what, bad, of });
        }
        let mut of_class: BTreeMap<usize, Vec<&BadPhoto>> = BTreeMap::new();
        for photo in self.bad.iter().filter(|photo| photo.part == Part::Train) {
            of_class.entry(photo.label).or_default().push(photo);
        }
        for (label, bad) in of_class {
            let of = bad.len() + self.counts[label][0];
            let what = format!("train photos of class {:?}", self.class_names[label]);
            losses.push(Loss { what, bad, of });
        }
        losses.retain(|loss| !loss.bad.is_empty());
        losses
    }

    /// A path from the data folder on, in one line whatever is in it.
    fn named(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        one_line(&path.display().to_string())
    }

    fn groups_named(&self, groups: &[&Vec<Placed>]) -> String {
        let names = groups.iter().map(|group| {
            let paths: Vec<String> = group
                .iter()
                .take(MOST_NAMED)
                .map(|photo| self.named(&photo.path))
                .collect();
            paths.join(" = ")
        });
        first_few(names)
    }

    fn pairs_named(&self, pairs: &[&[Placed; 2]]) -> String {
        let names = pairs
            .iter()
            .map(|[one, other]| format!("{} ~ {}", self.named(&one.path), self.named(&other.path)));
        first_few(names)
    }

    /// What is worth a line and no warning: photos that cannot be read, that are there more than once or look nearly the same within a
    /// part, and what was passed over, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.opened {
            notes.push(
                "photos were not opened: those that cannot be read are found when their turn comes"
                    .to_owned(),
            );
        }
        if !self.bad.is_empty() {
            let names = self
                .bad
                .iter()
                .map(|photo| format!("{} ({})", self.named(&photo.file.path), photo.file.reason));
            let count = counted(self.bad.len(), "photo");
            notes.push(format!("{count} left out as unreadable: {}", first_few(names)));
        }
        if !self.duplicates.is_empty() {
            let groups: Vec<&Vec<Placed>> = self.duplicates.iter().collect();
            let count = counted(groups.len(), "photo");
            notes.push(format!(
                "{count} there more than once: {}",
                self.groups_named(&groups)
            ));
        }
        let pairs = self.alike.iter().filter(|[one, other]| one.part == other.part);
        let pairs: Vec<&[Placed; 2]> = pairs.collect();
        if !pairs.is_empty() {
            notes.push(format!(
                "{} of photos that look nearly the same: {}",
                counted(pairs.len(), "pair"),
                self.pairs_named(&pairs)
            ));
        }
        if !self.ignored.is_empty() {
            let names = self.ignored.iter().map(|path| self.named(path));
            notes.push(format!(
                "{} passed over beside the class folders: {}",
                self.ignored.len(),
                first_few(names)
            ));
        }
        notes
    }
}

/// Names of the groups whose photos are in more than one part.
fn torn_groups(folder: &ImageFolder, split: &Split) -> Vec<String> {
    let mut parts: BTreeMap<&str, BTreeSet<Part>> = BTreeMap::new();
    for part in Part::ALL {
        for sample in split.part(part) {
            if let Some(group) = folder.groups().get(&sample.path) {
                parts.entry(group).or_default().insert(part);
            }
        }
    }
    let torn = parts.into_iter().filter(|(_, parts)| parts.len() > 1);
    torn.map(|(group, _)| group.to_owned()).collect()
}

/// Photos that cannot be read among those that belong together.
struct Loss<'a> {
    what: String,
    bad: Vec<&'a BadPhoto>,
    of: usize,
}

/// A name with nothing in it that ends a line or moves a cursor.
fn one_line(name: &str) -> String {
    name.replace(char::is_control, "\u{FFFD}")
}

/// The first few names, and that there are more.
fn first_few(names: impl ExactSizeIterator<Item = String>) -> String {
    let rest = names.len().saturating_sub(MOST_NAMED);
    let mut shown: Vec<String> = names.take(MOST_NAMED).collect();
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    shown.join(", ")
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |part: usize| self.counts.iter().map(|counts| counts[part]).sum();
        let total = (
            format!("{} classes", self.class_names.len()),
            [sum(0), sum(1), sum(2)],
        );
        let named = self.class_names.iter().map(|name| one_line(name));
        let rows: Vec<(String, [usize; 3])> = named
            .zip(self.counts.iter().copied())
            .take(MOST_CLASSES)
            .collect();
        let names = rows.iter().chain([&total]).map(|(name, _)| name.chars().count());
        let width = names.max().unwrap_or_default();
        writeln!(
            f,
            "{:width$}  {:>7}  {:>10}  {:>7}",
            "class", "train", "validation", "test"
        )?;
        for (name, [train, validation, test]) in &rows {
            writeln!(f, "{name:width$}  {train:>7}  {validation:>10}  {test:>7}")?;
        }
        if self.class_names.len() > MOST_CLASSES {
            writeln!(f, "… and {} more classes", self.class_names.len() - MOST_CLASSES)?;
        }
        let (name, [train, validation, test]) = total;
        writeln!(f, "{name:width$}  {train:>7}  {validation:>10}  {test:>7}")?;
        for note in self.notes() {
            writeln!(f, "{note}")?;
        }
        for warning in self.warnings() {
            writeln!(f, "WARNING: {warning}")?;
        }
        Ok(())
    }
}
