//! Photos as a list, an archive or a table has them, and what becomes of them: the same classes, labels and order as of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::{AlikeClasses, ImageFolder, Layout, Part, alike};
use crate::facts::Facts;
use crate::{Error, Sample, Source, sample};

/// A photo as it is listed.
#[derive(Debug)]
pub(super) struct Row {
    /// Its line in a list, from 1; in what has no lines, `None`.
    pub(super) line: Option<u64>,
    pub(super) path: PathBuf,
    pub(super) source: Source,
    pub(super) facts: Facts,
}

/// What a folder is made of whose photos something else lists.
pub(super) struct Rows {
    /// What lists them, for messages.
    pub(super) of: PathBuf,
    /// Where the paths that people read begin.
    pub(super) root: PathBuf,
    pub(super) rows: Vec<Row>,
    /// What is no photo of a class.
    pub(super) ignored: Vec<PathBuf>,
}

impl Rows {
    fn wrong(&self, row: &Row, problem: impl AsRef<str>) -> Error {
        let problem = match row.line {
            Some(_) => problem.as_ref().to_owned(),
            None => format!("{}: {}", self.named(&row.path), problem.as_ref()),
        };
        wrong(&self.of, row.line, problem)
    }

    /// The name of a photo, from the archive or the folder of archives on.
    fn named(&self, path: &Path) -> String {
        let inside = path
            .strip_prefix(&self.of)
            .or_else(|_| path.strip_prefix(&self.root));
        inside.unwrap_or(path).display().to_string()
    }

    /// The photos with their classes.
    ///
    /// # Errors
    /// [`Error::List`].
    pub(super) fn images(self, alike: AlikeClasses) -> Result<ImageFolder, Error> {
        if self.rows.is_empty() {
            return Err(wrong(&self.of, None, "it lists no photos"));
        }
        self.refuse_repeated()?;
        let mut labels: Vec<String> = self
            .rows
            .iter()
            .map(|row| self.label(row))
            .collect::<Result<_, _>>()?;
        if alike == AlikeClasses::Merge {
            alike::merge(&mut labels);
        }
        let class_names = class_names(&self.of, &labels)?;
        let places: BTreeMap<&str, usize> = class_names
            .iter()
            .enumerate()
            .map(|(label, name)| (name.as_str(), label))
            .collect();
        let has_parts = self.rows.iter().any(|row| row.facts.part.is_some());
        let mut parts: BTreeMap<Option<Part>, Vec<Sample>> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for (row, label) in self.rows.iter().zip(&labels) {
            let part = self.part(row)?;
            if has_parts && part.is_none() {
                let problem = "there is no part, though others have one: say it of all or of none";
                return Err(self.wrong(row, problem));
            }
            if let Some(group) = &row.facts.group {
                groups.insert(row.path.clone(), group.clone());
            }
            let label = places.get(label.as_str()).copied().unwrap_or(0);
            let sample = Sample::new(row.path.clone(), label)
                .with_weight(self.weight(row)?)
                .from_source(row.source.clone());
            parts.entry(part).or_default().push(sample);
        }
        // As those of a folder stand.
        parts.values_mut().for_each(|samples| sample::sort(samples));
        let layout = match parts.remove(&None) {
            Some(samples) => Layout::Flat(samples),
            None => Layout::Parts {
                train: parts.remove(&Some(Part::Train)).unwrap_or_default(),
                validation: parts.remove(&Some(Part::Validation)),
                test: parts.remove(&Some(Part::Test)),
            },
        };
        Ok(ImageFolder {
            root: self.root,
            class_names,
            layout,
            ignored: self.ignored,
            groups,
        })
    }

    fn refuse_repeated(&self) -> Result<(), Error> {
        let mut seen: BTreeMap<&Path, &Row> = BTreeMap::new();
        for row in &self.rows {
            if let Some(first) = seen.insert(&row.path, row) {
                let problem = match first.line {
                    Some(line) => format!("{} stands in line {line} already", row.path.display()),
                    None => "there are two photos of this name".to_owned(),
                };
                return Err(self.wrong(row, problem));
            }
        }
        Ok(())
    }

    fn label(&self, row: &Row) -> Result<String, Error> {
        match &row.facts.label {
            Some(label) => Ok(label.nfc().collect()),
            None => Err(self.wrong(row, "there is no label")),
        }
    }

    fn part(&self, row: &Row) -> Result<Option<Part>, Error> {
        let called = |name: &String| {
            Part::called(name).ok_or_else(|| {
                let problem =
                    format!("{name:?} is no part of the data; known are train, validation and test");
                self.wrong(row, problem)
            })
        };
        row.facts.part.as_ref().map(called).transpose()
    }

    fn weight(&self, row: &Row) -> Result<f64, Error> {
        let Some(text) = &row.facts.weight else {
            return Ok(1.0);
        };
        let weight = text
            .parse()
            .ok()
            .filter(|weight: &f64| weight.is_finite() && *weight >= 0.0);
        weight.ok_or_else(|| {
            let problem = format!("a weight is a number of at least 0, and this is {text:?}");
            self.wrong(row, problem)
        })
    }
}

/// An error of a list at `of`.
pub(super) fn wrong(of: &Path, line: Option<u64>, problem: impl Into<String>) -> Error {
    Error::List {
        path: of.to_owned(),
        line,
        problem: problem.into(),
    }
}

/// The labels, sorted as the names of class folders are; numbers by their size.
fn class_names(of: &Path, labels: &[String]) -> Result<Vec<String>, Error> {
    let names: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    if let Some(alike) = alike::find(names.iter().copied()) {
        let problem = format!(
            "labels that differ only in case, spaces, signs between words or Unicode form: {}; write one of them",
            alike::quoted(&alike)
        );
        return Err(wrong(of, None, problem));
    }
    if names.len() < 2 {
        let only = names.first().copied().unwrap_or_default();
        let problem = format!("{only:?} is the only label; a classifier needs at least two");
        return Err(wrong(of, None, problem));
    }
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    }
    Ok(names)
}
