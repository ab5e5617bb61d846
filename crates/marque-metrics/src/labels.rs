//! True classes as other programs write them.

use std::collections::HashMap;
use std::io::Read;

use ndarray::{ArrayViewD, Ix1, Ix2};

use crate::error::{Error, LabelRole};
use crate::names::class_indices;
use crate::probability_table::{index_columns, is_whole};
use crate::table::{Row, Rows, Separator, Start, header_error, shortened};

/// Reads true classes from a table of text: one column of names or of numbers from 0, or one column per class with a single 1
/// (or `True`) in each row. The result are indices into `class_names`.
///
/// The text may be written as that of [`ProbabilityTable::read_csv`](crate::ProbabilityTable::read_csv). The first line is a
/// header if it is no label; columns per class that have names are in any order.
///
/// # Errors
/// Those of [`check_class_names`](crate::check_class_names); [`Error::FieldCount`], [`Error::Field`], [`Error::Line`],
/// [`Error::EmptyLine`], [`Error::OpenQuote`], [`Error::LongLine`] and [`Error::Utf8`] name the line at fault;
/// [`Error::LabelShape`], [`Error::Header`] (columns that are no classes), [`Error::AmbiguousLabel`], [`Error::Encoding`] and
/// [`Error::Io`].
///
/// # Example
/// ```
/// let names = ["car".to_owned(), "van".to_owned()];
/// assert_eq!(marque_metrics::read_labels("label\nvan\ncar\n".as_bytes(), &names)?, [1, 0]);
/// assert_eq!(marque_metrics::read_labels("van,car\n0,1\n1,0\n".as_bytes(), &names)?, [0, 1]);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
pub fn read_labels(source: impl Read, class_names: &[String]) -> Result<Vec<usize>, Error> {
    let indices = class_indices(class_names)?;
    let start = Start::of(source)?;
    let separator = Separator::of_table(&start.bytes);
    let mut lines = Rows::new(start, separator);
    let mut rows = Vec::new();
    while let Some(row) = lines.next_row()? {
        rows.push(row);
    }
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let index = index_columns(first);
    match first.fields.len() - index {
        1 => column(&rows, index, &indices),
        width if width == class_names.len() => one_hot(&rows, index, class_names),
        width => Err(Error::LabelShape {
            found: vec![rows.len(), width],
            num_classes: class_names.len(),
        }),
    }
}

/// Takes true classes from an array of the shape `[N]` or `[N, 1]`, of whole numbers from 0, or `[N, K]` with a single 1 in each
/// row.
///
/// # Errors
/// [`Error::LabelShape`]; [`Error::InvalidLabel`], [`Error::LabelOutOfRange`] and [`Error::NotOneHot`] name the sample.
pub fn labels_from_array(array: ArrayViewD<'_, f64>, num_classes: usize) -> Result<Vec<usize>, Error> {
    let shape_error = || Error::LabelShape {
        found: array.shape().to_vec(),
        num_classes,
    };
    match *array.shape() {
        [_] | [_, 1] => {
            let column = array.to_shape(array.len()).map_err(|_| shape_error())?;
            let column = column
                .view()
                .into_dimensionality::<Ix1>()
                .map_err(|_| shape_error())?;
            let labels = column.iter().enumerate();
            labels
                .map(|(sample, &value)| label(sample, value, num_classes))
                .collect()
        }
        [_, columns] if columns == num_classes => {
            let rows = array
                .view()
                .into_dimensionality::<Ix2>()
                .map_err(|_| shape_error())?;
            let rows = rows.outer_iter().enumerate();
            rows.map(|(sample, row)| marked(sample, row.iter().map(|&value| Some(value))))
                .collect()
        }
        _ => Err(shape_error()),
    }
}

fn column(rows: &[Row], column: usize, indices: &HashMap<&str, usize>) -> Result<Vec<usize>, Error> {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let first = rows[0].trimmed(column);
    let is_label = is_number(first) || indices.contains_key(first) || first.is_empty();
    let has_header = column > 0 || !is_label;
    let name = match has_header {
        true => first.to_owned(),
        false => (column + 1).to_string(),
    };
    let rows = &rows[usize::from(has_header)..];
    let error = |row: &Row, expected: &str| row.field_error(column, name.clone(), expected);
    if rows.iter().all(|row| is_number(row.trimmed(column))) {
        let by_name = rows.iter().map(|row| indices.get(row.trimmed(column)).copied());
        if let Some(by_name) = by_name.collect::<Option<Vec<usize>>>() {
            return unambiguous(rows, column, by_name, indices.len());
        }
        let labels = rows.iter().enumerate().map(|(sample, row)| {
            let value = row.trimmed(column).parse().unwrap_or(f64::NAN);
            label(sample, value, indices.len()).map_err(|source| row.error(source))
        });
        return labels.collect();
    }
    let labels = rows
        .iter()
        .map(|row| indices.get(row.trimmed(column)).copied().ok_or(row));
    labels
        .map(|label| {
            label.map_err(|row| error(row, "the name of a class, as all labels are names or all numbers"))
        })
        .collect()
}

/// Labels that are names which are numbers: refused if they could be the numbers of other classes.
fn unambiguous(
    rows: &[Row],
    column: usize,
    by_name: Vec<usize>,
    num_classes: usize,
) -> Result<Vec<usize>, Error> {
    let numbers = rows.iter().map(|row| row.trimmed(column).parse::<usize>().ok());
    let Some(numbers) = numbers
        .map(|number| number.filter(|&number| number < num_classes))
        .collect::<Option<Vec<usize>>>()
    else {
        return Ok(by_name);
    };
    match (0..rows.len()).find(|&row| numbers[row] != by_name[row]) {
        None => Ok(by_name),
        Some(row) => Err(Error::AmbiguousLabel {
            label: rows[row].trimmed(column).to_owned(),
            by_name: by_name[row],
            by_number: numbers[row],
        }),
    }
}

fn one_hot(rows: &[Row], index: usize, class_names: &[String]) -> Result<Vec<usize>, Error> {
    let indices = class_indices(class_names)?;
    let num_classes = indices.len();
    let columns = index..index + num_classes;
    let first: Vec<&str> = columns.clone().map(|column| rows[0].trimmed(column)).collect();
    let counts_up = first
        .iter()
        .enumerate()
        .all(|(class, name)| *name == class.to_string());
    // Of 0 and 1 alone a line is a row: it marks the second class.
    let has_header =
        index > 0 || !first.iter().all(|field| mark(field).is_some()) && (num_classes > 2 || !counts_up);
    let named: Option<Vec<usize>> = first.iter().map(|name| indices.get(name).copied()).collect();
    let classes = match named {
        _ if !has_header || counts_up => (0..num_classes).collect(),
        Some(classes) => classes,
        None if first.iter().all(|name| is_whole(name)) => {
            return Err(not_one_hot(&rows[0], index, &first));
        }
        None => {
            return Err(header_error(&rows[0].fields, &shortened(&class_names.join(","))));
        }
    };
    let rows = rows[usize::from(has_header)..].iter().enumerate();
    rows.map(|(sample, row)| {
        let fields = columns.clone().map(|column| mark(row.trimmed(column)));
        let class = marked(sample, fields).map_err(|source| row.error(source))?;
        Ok(classes[class])
    })
    .collect()
}

fn not_one_hot(row: &Row, index: usize, fields: &[&str]) -> Error {
    let column = fields.iter().position(|field| mark(field).is_none()).unwrap_or(0);
    row.field_error(index + column, (index + column + 1).to_string(), "0 or 1")
}

/// Whether a field marks its class; `None` if it is neither yes nor no.
fn mark(text: &str) -> Option<f64> {
    match text {
        "True" | "true" | "TRUE" => Some(1.0),
        "False" | "false" | "FALSE" => Some(0.0),
        _ => text.parse().ok().filter(|&value| value == 0.0 || value == 1.0),
    }
}

/// The only class that is marked.
fn marked(sample: usize, marks: impl Iterator<Item = Option<f64>>) -> Result<usize, Error> {
    let (mut class, mut found) = (0, 0);
    for (index, mark) in marks.enumerate() {
        match mark {
            Some(0.0) => {}
            Some(1.0) => (class, found) = (index, found + 1),
            other => {
                let value = other.unwrap_or(f64::NAN);
                return Err(Error::InvalidLabel { sample, value });
            }
        }
    }
    match found {
        1 => Ok(class),
        _ => Err(Error::NotOneHot { sample, found }),
    }
}

fn label(sample: usize, value: f64, num_classes: usize) -> Result<usize, Error> {
    if value.fract() != 0.0 || value < 0.0 || !value.is_finite() {
        return Err(Error::InvalidLabel { sample, value });
    }
    let label = value as usize;
    match label < num_classes {
        true => Ok(label),
        false => Err(Error::LabelOutOfRange {
            role: LabelRole::True,
            label,
            num_classes,
            sample: Some(sample),
        }),
    }
}
