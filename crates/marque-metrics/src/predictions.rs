use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use ndarray::Array2;

use crate::error::{Error, LabelRole, check_length};
use crate::metrics::Metrics;
use crate::names::{check_class_names, class_indices};
use crate::rows;
use crate::table::{Record, TableReader, io_error};

/// What a model answered for each sample of a data set, with the truth and the sample's path beside it.
///
/// # Example
/// ```
/// use marque_metrics::Predictions;
/// use ndarray::array;
///
/// let predictions = Predictions {
///     class_names: vec!["Sedan".to_owned(), "SUV".to_owned()],
///     paths: vec!["test/SUV/1.jpg".to_owned()],
///     labels: vec![1],
///     probabilities: array![[0.25, 0.75]],
/// };
/// let mut table = Vec::new();
/// predictions.write_csv(&mut table)?;
/// assert_eq!(table, b"path,true,predicted,confidence,Sedan,SUV\ntest/SUV/1.jpg,SUV,SUV,0.75,0.25,0.75\n");
/// assert_eq!(Predictions::read_csv(&table[..])?, predictions);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The names of the K classes, all different.
    pub class_names: Vec<String>,
    /// Where each of the N samples comes from.
    pub paths: Vec<String>,
    /// The true class of each sample, an index into `class_names`.
    pub labels: Vec<usize>,
    /// The probability of each class for each sample, `[N, K]`, from 0 to 1; each row sums to 1.
    pub probabilities: Array2<f32>,
}

/// The columns before those of the classes.
const COLUMNS: [&str; 4] = ["path", "true", "predicted", "confidence"];

impl Predictions {
    /// Checks that everything fits together. No sample at all is fine.
    ///
    /// # Errors
    /// Those of [`check_class_names`](crate::check_class_names), [`Error::LengthMismatch`], [`Error::LabelOutOfRange`],
    /// [`Error::InvalidProbability`] and [`Error::RowSum`].
    pub fn validate(&self) -> Result<(), Error> {
        self.predicted().map(drop)
    }

    /// The same with paths from `root` on, so that runs over one folder name its samples alike, wherever it lay. A path that
    /// does not begin with `root` stays as it is.
    ///
    /// # Example
    /// ```
    /// use marque_metrics::Predictions;
    /// use ndarray::array;
    ///
    /// let predictions = Predictions {
    ///     class_names: vec!["Sedan".to_owned(), "SUV".to_owned()],
    ///     paths: ["/photos/cars/test/SUV/1.jpg", "/photos/cars2/2.jpg"].map(str::to_owned).to_vec(),
    ///     labels: vec![1, 1],
    ///     probabilities: array![[0.25, 0.75], [0.5, 0.5]],
    /// };
    /// let predictions = predictions.relative_to("/photos/cars".as_ref());
    /// assert_eq!(predictions.paths, ["test/SUV/1.jpg", "/photos/cars2/2.jpg"]);
    /// ```
    #[must_use]
    pub fn relative_to(mut self, root: &Path) -> Self {
        for path in &mut self.paths {
            if let Ok(rest) = Path::new(path.as_str()).strip_prefix(root) {
                *path = rest.to_string_lossy().into_owned();
            }
        }
        self
    }

    pub(crate) fn validate_labels(&self) -> Result<(), Error> {
        let num_classes = self.class_names.len();
        check_class_names(&self.class_names)?;
        check_length("paths, one for each label", self.labels.len(), self.paths.len())?;
        check_length(
            "rows of probabilities, one for each label",
            self.labels.len(),
            self.probabilities.nrows(),
        )?;
        check_length(
            "columns of probabilities, one for each class",
            num_classes,
            self.probabilities.ncols(),
        )?;
        match self.labels.iter().position(|&label| label >= num_classes) {
            None => Ok(()),
            Some(sample) => {
                let label = self.labels[sample];
                let sample = Some(sample);
                Err(Error::LabelOutOfRange {
                    role: LabelRole::True,
                    label,
                    num_classes,
                    sample,
                })
            }
        }
    }

    /// The class with the highest probability of each sample, the first of several.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn predicted(&self) -> Result<Vec<usize>, Error> {
        self.validate_labels()?;
        let mut predicted = Vec::with_capacity(self.labels.len());
        rows::try_for_each(self.probabilities.view(), |sample, row| {
            predicted.push(rows::predict(sample, row)?.class);
            Ok(())
        })?;
        Ok(predicted)
    }

    /// All metrics of these predictions.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), and [`Error::NoSamples`].
    pub fn metrics(&self) -> Result<Metrics, Error> {
        self.validate_labels()?;
        Metrics::from_probabilities(&self.class_names, &self.labels, self.probabilities.view())
    }

    /// The fraction of samples whose true class is among the `k` most probable, or `None` without any sample. Of classes
    /// with the same probability the last one counts as the more probable, as in scikit-learn's
    /// `top_k_accuracy_score` for more than two classes.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn top_k_accuracy(&self, k: usize) -> Result<Option<f64>, Error> {
        self.validate_labels()?;
        rows::top_k_accuracy(&self.labels, self.probabilities.view(), k)
    }

    /// Writes one line per sample: its path, the names of its true and predicted class, the probability of the
    /// predicted class, and the probability of each class under the name of the class.
    ///
    /// Numbers have as many digits as it takes to read back the same bits.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), before anything is written, and [`Error::Io`].
    pub fn write_csv(&self, target: impl Write) -> Result<(), Error> {
        let predicted = self.predicted()?;
        let mut writer = csv::Writer::from_writer(target);
        let header = COLUMNS
            .into_iter()
            .chain(self.class_names.iter().map(String::as_str));
        writer.write_record(header).map_err(io_error)?;
        let samples = self
            .paths
            .iter()
            .zip(&self.labels)
            .zip(&predicted)
            .zip(self.probabilities.rows());
        let mut record = csv::StringRecord::new();
        for (((path, &label), &class), row) in samples {
            record.clear();
            record.push_field(path);
            record.push_field(&self.class_names[label]);
            record.push_field(&self.class_names[class]);
            record.push_field(&text(row[class]));
            for &probability in row {
                record.push_field(&text(probability));
            }
            writer.write_record(&record).map_err(io_error)?;
        }
        Ok(writer.flush()?)
    }

    /// Reads what [`write_csv`](Self::write_csv) wrote, also after a spreadsheet has saved it: with a byte-order mark, other
    /// ends of lines, semicolons or tabs between the fields and then decimal commas.
    ///
    /// # Errors
    /// [`Error::Header`] if the first line does not name the columns, and those of
    /// [`check_class_names`](crate::check_class_names); [`Error::FieldCount`], [`Error::Field`] (a name that is no class, a
    /// predicted class that is not the most probable one), [`Error::Line`] (what is no probability distribution),
    /// [`Error::EmptyLine`], [`Error::OpenQuote`], [`Error::LongLine`] and [`Error::Utf8`] name the line at fault;
    /// [`Error::Encoding`]; [`Error::Io`].
    pub fn read_csv(source: impl Read) -> Result<Self, Error> {
        let mut table = TableReader::new(source, COLUMNS[0])?;
        let has_columns = table.header().iter().take(COLUMNS.len()).eq(COLUMNS);
        if !has_columns || table.header().len() == COLUMNS.len() {
            return Err(table.header_error(&format!("{}, and one per class", COLUMNS.join(","))));
        }
        let class_names: Vec<String> = table
            .header()
            .iter()
            .skip(COLUMNS.len())
            .map(str::to_owned)
            .collect();
        let indices = class_indices(&class_names)?;
        let (mut paths, mut labels, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(record) = table.next_record()? {
            labels.push(read_sample(&record, &indices, paths.len(), &mut probabilities)?);
            paths.push(record.text(0).to_owned());
        }
        let shape = (paths.len(), class_names.len());
        let found = probabilities.len();
        let probabilities =
            Array2::from_shape_vec(shape, probabilities).map_err(|_| Error::LengthMismatch {
                what: "probabilities",
                expected: shape.0 * shape.1,
                found,
            })?;
        Ok(Self {
            class_names,
            paths,
            labels,
            probabilities,
        })
    }
}

/// Adds the probabilities on one line to those before it; the label is returned.
fn read_sample(
    record: &Record<'_>,
    indices: &HashMap<&str, usize>,
    sample: usize,
    probabilities: &mut Vec<f32>,
) -> Result<usize, Error> {
    let class = |column| {
        indices
            .get(record.text(column))
            .copied()
            .ok_or_else(|| record.field_error(column, "the name of a class"))
    };
    let start = probabilities.len();
    for column in 0..indices.len() {
        probabilities.push(record.value(COLUMNS.len() + column, "a probability")?);
    }
    let row = &probabilities[start..];
    let best = rows::predict(sample, row).map_err(|source| record.line_error(source))?;
    if class(2)? != best.class {
        return Err(record.field_error(2, "the most probable class"));
    }
    if record.value::<f32>(3, "a probability")? != best.confidence {
        return Err(record.field_error(3, "the probability of the predicted class"));
    }
    class(1)
}

/// The shortest text that reads back as the same number.
fn text(value: f32) -> String {
    format!("{value:?}")
}
