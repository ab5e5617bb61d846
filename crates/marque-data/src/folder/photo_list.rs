//! Photos that a table lists: CSV, TSV, or one JSON object a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::classes::key;
use super::{ImageFolder, Layout, Part, Sample};
use crate::Error;

/// What a column may be called, in any case of letters.
const PATH: &[&str] = &[
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "image",
    "image_path",
];
const LABEL: &[&str] = &["label", "class", "class_name", "category", "target"];
const PART: &[&str] = &["split", "part", "subset", "set"];
const GROUP: &[&str] = &["group", "group_id"];

/// A photo as it is listed.
struct Row {
    line: u64,
    path: PathBuf,
    label: String,
    part: Option<Part>,
    group: Option<String>,
}

/// Reads a list: see [`ImageFolder::scan`].
pub(super) fn read(file: &Path) -> Result<ImageFolder, Error> {
    let list = List { file };
    let bytes = std::fs::read(file).map_err(|source| Error::Read {
        path: file.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        list.wrong(line as u64, "the text is not UTF-8")
    })?;
    // Editors put a byte-order mark there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let rows = if is_called(file, &["jsonl", "ndjson", "json"]) {
        list.json_rows(text)?
    } else {
        list.table_rows(text)?
    };
    list.images(rows)
}

fn is_called(file: &Path, endings: &[&str]) -> bool {
    let ending = file
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// The sign between columns: the one that splits the header into most.
fn delimiter(file: &Path, text: &str) -> u8 {
    if is_called(file, &["tsv", "tab"]) {
        return b'\t';
    }
    let header = text.lines().next().unwrap_or_default();
    let count = |sign: &u8| header.bytes().filter(|byte| byte == sign).count();
    // The first of several with as many is the last of this order.
    *[b'\t', b';', b',']
        .iter()
        .max_by_key(|sign| count(sign))
        .unwrap_or(&b',')
}

struct List<'a> {
    file: &'a Path,
}

impl List<'_> {
    fn wrong(&self, line: u64, problem: impl Into<String>) -> Error {
        Error::List {
            path: self.file.to_owned(),
            line: Some(line),
            problem: problem.into(),
        }
    }

    fn wrong_as_a_whole(&self, problem: impl Into<String>) -> Error {
        Error::List {
            path: self.file.to_owned(),
            line: None,
            problem: problem.into(),
        }
    }

    fn table_rows(&self, text: &str) -> Result<Vec<Row>, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter(self.file, text))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let unreadable = |error: &csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            self.wrong(line, error.to_string())
        };
        let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
        let column = |names: &[&str]| {
            let is_called = |cell: &str| names.contains(&cell.to_lowercase().as_str());
            header.iter().position(is_called)
        };
        let needed = |names: &[&str]| {
            column(names).ok_or_else(|| {
                let found: Vec<&str> = header.iter().collect();
                let problem = format!(
                    "there is no column called {}; the columns are {}",
                    names.join(" or "),
                    found.join(", ")
                );
                self.wrong(1, problem)
            })
        };
        let (path, label) = (needed(PATH)?, needed(LABEL)?);
        let (part, group) = (column(PART), column(GROUP));
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |place: usize| record.get(place).unwrap_or_default();
            let optional = |place: Option<usize>| place.map(cell).filter(|cell| !cell.is_empty());
            rows.push(self.row(line, [cell(path), cell(label)], optional(part), optional(group))?);
        }
        Ok(rows)
    }

    fn json_rows(&self, text: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for (line, text) in (1..)
            .zip(text.lines())
            .filter(|(_, text)| !text.trim().is_empty())
        {
            let object: Map<String, Value> =
                serde_json::from_str(text).map_err(|error| self.wrong(line, error.to_string()))?;
            let entry = |names: &[&str]| {
                let found = object
                    .iter()
                    .find(|(name, _)| names.contains(&name.to_lowercase().as_str()));
                match found {
                    None | Some((_, Value::Null)) => Ok(None),
                    Some((_, Value::String(text))) => Ok(Some(text.trim().to_owned())),
                    Some((_, Value::Number(number))) => Ok(Some(number.to_string())),
                    Some((name, other)) => {
                        let problem = format!("{name} is {other}, neither a text nor a number");
                        Err(self.wrong(line, problem))
                    }
                }
            };
            let path = entry(PATH)?.unwrap_or_default();
            let label = entry(LABEL)?.unwrap_or_default();
            let (part, group) = (entry(PART)?, entry(GROUP)?);
            let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
            rows.push(self.row(
                line,
                [&path, &label],
                filled(&part).as_deref(),
                filled(&group).as_deref(),
            )?);
        }
        Ok(rows)
    }

    fn row(
        &self,
        line: u64,
        [path, label]: [&str; 2],
        part: Option<&str>,
        group: Option<&str>,
    ) -> Result<Row, Error> {
        for (what, text) in [("path", path), ("label", label)] {
            if text.is_empty() {
                return Err(self.wrong(line, format!("there is no {what}")));
            }
        }
        let called = |name: &str| {
            Part::called(name).ok_or_else(|| {
                let problem =
                    format!("{name:?} is no part of the data; known are train, validation and test");
                self.wrong(line, problem)
            })
        };
        Ok(Row {
            line,
            path: self.root().join(path),
            label: label.nfc().collect(),
            part: part.map(called).transpose()?,
            group: group.map(str::to_owned),
        })
    }

    /// Where paths of the list begin.
    fn root(&self) -> &Path {
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new("."))
    }

    fn images(&self, rows: Vec<Row>) -> Result<ImageFolder, Error> {
        if rows.is_empty() {
            return Err(self.wrong_as_a_whole("it lists no photos"));
        }
        let mut lines: BTreeMap<&Path, u64> = BTreeMap::new();
        for row in &rows {
            if let Some(first) = lines.insert(&row.path, row.line) {
                let problem = format!("{} stands in line {first} already", row.path.display());
                return Err(self.wrong(row.line, problem));
            }
        }
        let class_names = self.class_names(&rows)?;
        let places: BTreeMap<&str, usize> = class_names
            .iter()
            .enumerate()
            .map(|(label, name)| (name.as_str(), label))
            .collect();
        let has_parts = rows.iter().any(|row| row.part.is_some());
        let mut parts: BTreeMap<Option<Part>, Vec<Sample>> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for row in &rows {
            if has_parts && row.part.is_none() {
                let problem = "there is no part, though other lines have one: say it in all or in none";
                return Err(self.wrong(row.line, problem));
            }
            if let Some(group) = &row.group {
                groups.insert(row.path.clone(), group.clone());
            }
            let label = places.get(row.label.as_str()).copied().unwrap_or(0);
            let path = row.path.clone();
            parts.entry(row.part).or_default().push(Sample { path, label });
        }
        for samples in parts.values_mut() {
            // As those of a folder stand.
            samples.sort_by(|first, second| (first.label, &first.path).cmp(&(second.label, &second.path)));
        }
        let layout = match parts.remove(&None) {
            Some(samples) => Layout::Flat(samples),
            None => Layout::Parts {
                train: parts
                    .remove(&Some(Part::Train))
                    .ok_or_else(|| self.wrong_as_a_whole("no photo is of the train part"))?,
                validation: parts.remove(&Some(Part::Validation)),
                test: parts.remove(&Some(Part::Test)),
            },
        };
        Ok(ImageFolder {
            root: self.root().to_owned(),
            class_names,
            layout,
            ignored: Vec::new(),
            groups,
        })
    }

    /// The labels, sorted as the names of class folders are; numbers by their size.
    fn class_names(&self, rows: &[Row]) -> Result<Vec<String>, Error> {
        let names: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in &names {
            alike.entry(key(name)).or_default().push(name);
        }
        if let Some(names) = alike.values().find(|names| names.len() > 1) {
            let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            let problem = format!(
                "labels that differ only in case, spaces, signs between words or Unicode form: {}; write one of them",
                quoted.join(", ")
            );
            return Err(self.wrong_as_a_whole(problem));
        }
        if names.len() < 2 {
            let only = names.first().copied().unwrap_or_default();
            let problem = format!("{only:?} is the only label; a classifier needs at least two");
            return Err(self.wrong_as_a_whole(problem));
        }
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
        if numbers.is_some() {
            names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
        }
        Ok(names)
    }
}
