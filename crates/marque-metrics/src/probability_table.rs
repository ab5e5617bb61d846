//! Probabilities as other programs write them.

use std::io::Read;

use ndarray::{Array2, ArrayD, Ix2};

use crate::error::Error;
use crate::rows;
use crate::table::{Row, Rows, Separator, Start};

/// Probabilities of another program, with the names of the classes where it wrote them.
///
/// # Example
/// ```
/// use marque_metrics::ProbabilityTable;
///
/// let table = ProbabilityTable::read_csv("car;van\r\n0,75;0,25\r\n".as_bytes())?;
/// assert_eq!(table.class_names.as_deref(), Some(&["car".to_owned(), "van".to_owned()][..]));
/// assert_eq!(table.probabilities, ndarray::array![[0.75, 0.25]]);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityTable {
    /// The names of the K classes, if the table has them.
    pub class_names: Option<Vec<String>>,
    /// The probability of each class for each of N samples, `[N, K]`, from 0 to 1; each row sums to 1.
    pub probabilities: Array2<f64>,
}

impl ProbabilityTable {
    /// Reads a table of text with a column per class.
    ///
    /// Commas, semicolons, tabs or single spaces stand between the fields; where it is no comma, numbers may have decimal commas.
    /// Fields may be quoted, lines end in any way, and a byte-order mark is no part of the first field.
    /// The first line names the classes unless it holds a number: of 0, 1, 2 … alone it does so if it cannot be a row. A
    /// column without a name (pandas's index) is left out. A single column is the probability of the second of two classes, such
    /// as the output of a sigmoid.
    ///
    /// # Errors
    /// [`Error::FieldCount`], [`Error::Field`], [`Error::Line`] (what is no probability distribution), [`Error::EmptyLine`],
    /// [`Error::OpenQuote`], [`Error::LongLine`] and [`Error::Utf8`] name the line at fault; [`Error::Encoding`],
    /// [`Error::LabelsForProbabilities`], [`Error::NoSamples`] and [`Error::Io`].
    pub fn read_csv(source: impl Read) -> Result<Self, Error> {
        let start = Start::of(source)?;
        let separator = Separator::of_table(&start.bytes);
        let mut lines = Rows::new(start, separator);
        let first = lines.next_row()?.ok_or(Error::NoSamples)?;
        let mut values = Values::new(&first, separator);
        let mut header = FirstLine::of(&first, values.skipped, separator);
        if header == FirstLine::Row {
            values.add(&first)?;
        }
        let mut rest = Vec::new();
        while let Some(row) = lines.next_row()? {
            if header == FirstLine::CountsUp && values.num_columns() < 3 {
                // Kept until it is known how the numbers are written.
                rest.push(row);
            } else {
                values.add(&row)?;
            }
        }
        if header == FirstLine::CountsUp && values.num_columns() < 3 {
            let is_whole = |row: &Row| (0..first.fields.len()).any(|column| is_whole(row.trimmed(column)));
            if rest.is_empty() || rest.iter().any(is_whole) {
                header = FirstLine::Row;
                values.add(&first)?;
            }
            rest.iter().try_for_each(|row| values.add(row))?;
        }
        let names = (values.skipped..first.fields.len()).map(|column| first.trimmed(column).to_owned());
        let class_names = (header != FirstLine::Row && values.num_columns() > 1).then(|| names.collect());
        Ok(Self {
            class_names,
            probabilities: values.into_probabilities()?,
        })
    }

    /// Takes an array of the shape `[N, K]`, or of `[N, 1]` or `[N]`: the probability of the second of two classes.
    ///
    /// # Errors
    /// [`Error::ProbabilityShape`], [`Error::NoSamples`] and [`Error::LabelsForProbabilities`]; [`Error::InvalidProbability`] and
    /// [`Error::RowSum`] name the sample.
    pub fn from_array(array: ArrayD<f64>) -> Result<Self, Error> {
        let found = array.shape().to_vec();
        let probabilities = match found[..] {
            [rows] | [rows, 1] => of_two_classes(array.into_iter().collect(), rows)?,
            _ => array
                .into_dimensionality::<Ix2>()
                .map_err(|_| Error::ProbabilityShape { found })?,
        };
        if probabilities.is_empty() {
            return Err(Error::NoSamples);
        }
        rows::try_for_each(probabilities.view(), |sample, row| {
            rows::predict(sample, row).map(drop)
        })?;
        Ok(Self {
            class_names: None,
            probabilities,
        })
    }
}

/// What the first line of a table of numbers is.
#[derive(Clone, Copy, PartialEq)]
enum FirstLine {
    Names,
    Row,
    /// 0, 1, 2 …: names that pandas gives, or a row.
    CountsUp,
}

impl FirstLine {
    fn of(row: &Row, skipped: usize, separator: Separator) -> Self {
        let mut fields = (skipped..row.fields.len()).map(|column| row.trimmed(column));
        let is_number = |field: &str| separator.number::<f64>(field).is_some();
        if skipped > 0 {
            Self::Names
        } else if fields.clone().all(is_whole) {
            match fields
                .enumerate()
                .all(|(index, field)| *field == index.to_string())
            {
                true => Self::CountsUp,
                false => Self::Row,
            }
        } else if fields.any(|field| is_number(field) && !is_whole(field)) {
            Self::Row
        } else {
            Self::Names
        }
    }
}

/// Whether the text is a number without a sign, a fraction and an exponent. Of a row with such a field and a word the number is a
/// name, too: there are cars called 500.
pub(crate) fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How many columns before those of the classes are an index: pandas leaves its name empty, and calls it so when it reads it
/// back.
pub(crate) fn index_columns(first: &Row) -> usize {
    let name = first.trimmed(0);
    usize::from(first.fields.len() > 1 && (name.is_empty() || name == "Unnamed: 0"))
}

/// The numbers of a table, row by row.
struct Values {
    separator: Separator,
    skipped: usize,
    /// The names of the columns for messages: those of the first line, or their numbers from 1.
    columns: Vec<String>,
    values: Vec<f64>,
    rows: usize,
}

impl Values {
    fn new(first: &Row, separator: Separator) -> Self {
        let skipped = index_columns(first);
        let columns = match FirstLine::of(first, skipped, separator) {
            FirstLine::Names => first.fields.iter().map(|name| name.trim().to_owned()).collect(),
            _ => (1..=first.fields.len())
                .map(|column| column.to_string())
                .collect(),
        };
        Self {
            separator,
            skipped,
            columns,
            values: Vec::new(),
            rows: 0,
        }
    }

    /// The number of columns that hold probabilities.
    fn num_columns(&self) -> usize {
        self.columns.len() - self.skipped
    }

    fn add(&mut self, row: &Row) -> Result<(), Error> {
        let start = self.values.len();
        for column in self.skipped..self.columns.len() {
            let number: Option<f64> = self.separator.number(row.trimmed(column));
            let number = number
                .filter(|number| number.is_finite())
                .ok_or_else(|| row.field_error(column, self.columns[column].clone(), "a finite number"))?;
            self.values.push(number);
        }
        match self.values[start..] {
            [probability] => check_probability(self.rows, probability),
            ref several => rows::predict(self.rows, several).map(drop),
        }
        .map_err(|source| row.error(source))?;
        self.rows += 1;
        Ok(())
    }

    fn into_probabilities(self) -> Result<Array2<f64>, Error> {
        let shape = (self.rows, self.num_columns());
        match shape {
            (0, _) => Err(Error::NoSamples),
            (rows, 1) => of_two_classes(self.values, rows),
            _ => Array2::from_shape_vec(shape, self.values).map_err(|_| Error::ProbabilityShape {
                found: vec![shape.0, shape.1],
            }),
        }
    }
}

fn check_probability(sample: usize, value: f64) -> Result<(), Error> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(Error::InvalidProbability {
            sample,
            class: 1,
            value,
        }),
    }
}

/// The probabilities of both classes from those of the second.
fn of_two_classes(second: Vec<f64>, rows: usize) -> Result<Array2<f64>, Error> {
    let mut samples = second.iter().enumerate();
    samples.try_for_each(|(sample, &value)| check_probability(sample, value))?;
    if rows > 0 && second.iter().all(|&value| value == 0.0 || value == 1.0) {
        return Err(Error::LabelsForProbabilities);
    }
    Ok(Array2::from_shape_fn((rows, 2), |(sample, class)| match class {
        0 => 1.0 - second[sample],
        _ => second[sample],
    }))
}
