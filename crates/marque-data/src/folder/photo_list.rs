//! Photos that a table lists: CSV, TSV, or one JSON object a line.

use std::path::Path;

use serde_json::{Map, Value};

use super::rows::{Row, Rows, wrong};
use crate::archive::Archives;
use crate::facts::{Facts, GROUP, LABEL, PART, WEIGHT, entry};
use crate::{Error, Sample, Source};

/// What the column of paths may be called, in any case of letters.
const PATH: &[&str] = &[
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "image",
    "image_path",
];

/// Reads a list: see [`ImageFolder::scan`](crate::ImageFolder::scan).
pub(super) fn read(file: &Path) -> Result<Rows, Error> {
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
    let mut rows = if is_called(file, &["jsonl", "ndjson", "json"]) {
        list.json_rows(text)?
    } else {
        list.table_rows(text)?
    };
    list.look_into_archives(&mut rows)?;
    Ok(Rows {
        of: file.to_owned(),
        root: list.root().to_owned(),
        rows,
        ignored: Vec::new(),
    })
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
        wrong(self.file, Some(line), problem)
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
        let others = [PART, GROUP, WEIGHT].map(column);
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |place: usize| record.get(place).filter(|cell| !cell.is_empty());
            let cell = |place: usize| cell(place).map(str::to_owned);
            let [part, group, weight] = others.map(|place| place.and_then(cell));
            let facts = Facts {
                label: cell(label),
                part,
                group,
                weight,
            };
            rows.push(self.row(line, cell(path), facts)?);
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
            let at_fault = |problem| self.wrong(line, problem);
            let path = entry(&object, PATH).map_err(at_fault)?;
            let facts = Facts::of_json(&object).map_err(at_fault)?;
            rows.push(self.row(line, path, facts)?);
        }
        Ok(rows)
    }

    fn row(&self, line: u64, path: Option<String>, facts: Facts) -> Result<Row, Error> {
        let Some(path) = path else {
            return Err(self.wrong(line, "there is no path"));
        };
        Ok(Row {
            line: Some(line),
            path: self.root().join(path),
            source: Source::files(),
            facts,
        })
    }

    /// Photos whose paths lead into an archive are read from there: so is the split of a run on archives that was kept as a list.
    fn look_into_archives(&self, rows: &mut [Row]) -> Result<(), Error> {
        let mut archives = Archives::default();
        for row in rows {
            let Some(source) = archives.holding(&row.path)? else {
                continue;
            };
            row.source = source;
            let photo = Sample::new(row.path.clone(), 0).from_source(row.source.clone());
            if photo.state().is_none() {
                let problem = format!("there is no {}", row.path.display());
                return Err(self.wrong(row.line.unwrap_or_default(), problem));
            }
        }
        Ok(())
    }

    /// Where paths of the list begin.
    fn root(&self) -> &Path {
        folder_of(self.file)
    }
}

/// The folder that a file lies in.
pub(super) fn folder_of(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_lies_in_the_current_one() {
        assert_eq!(folder_of(Path::new("cars.csv")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/cars.csv")), Path::new("a"));
    }
}
