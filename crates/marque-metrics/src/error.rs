use std::fmt;

/// What can be wrong with labels, probabilities and tables of results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no class, so there is nothing to tell apart.
    #[error("expected at least one class, found none")]
    NoClasses,

    /// More classes than a dense confusion matrix can hold.
    #[error("expected at most {limit} classes, found {found}")]
    TooManyClasses {
        /// The number of classes asked for.
        found: usize,
        /// [`MAX_CLASSES`](crate::MAX_CLASSES).
        limit: usize,
    },

    /// Two classes have the same name, so that a name does not say which one is meant.
    #[error("the class name {name:?} occurs more than once")]
    DuplicateClass {
        /// The name.
        name: String,
    },

    /// A class has no name, or one of spaces.
    #[error("class {class} has no name: every class needs one of its own")]
    EmptyClassName {
        /// The index of the class.
        class: usize,
    },

    /// There is no sample, and no metric is defined without one.
    #[error("expected at least one sample, found none")]
    NoSamples,

    /// More samples than `f64` can count one by one.
    #[error("a confusion matrix counts at most {limit} samples")]
    TooManySamples {
        /// [`MAX_SAMPLES`](crate::MAX_SAMPLES).
        limit: u64,
    },

    /// Two things that belong together have different lengths.
    #[error("expected {expected} {what}, found {found}")]
    LengthMismatch {
        /// What was counted, in the plural.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// A label is not the index of a class.
    #[error("{role} label {label}{place} is out of range: expected less than {num_classes}", place = place(*sample))]
    LabelOutOfRange {
        /// Which of the two labels of the sample.
        role: LabelRole,
        /// The label.
        label: usize,
        /// The number of classes.
        num_classes: usize,
        /// The index of the sample, where the label came in a list.
        sample: Option<usize>,
    },

    /// A probability is negative, infinite or not a number.
    #[error("the probability of class {class} of sample {sample} is {value}: expected a number from 0 to 1")]
    InvalidProbability {
        /// The index of the sample (row).
        sample: usize,
        /// The index of the class (column).
        class: usize,
        /// The value found.
        value: f64,
    },

    /// A score is infinite or not a number.
    #[error("the score of sample {sample} is {value}: expected a finite number")]
    InvalidScore {
        /// The index of the sample.
        sample: usize,
        /// The value found.
        value: f64,
    },

    /// A class was asked for that there is not.
    #[error("class {class} is out of range: expected less than {num_classes}")]
    NoSuchClass {
        /// The index asked for.
        class: usize,
        /// The number of classes.
        num_classes: usize,
    },

    /// The β of an F-beta score is negative or not a number.
    #[error("expected a beta of 0 or more, found {found}")]
    Beta {
        /// The value given.
        found: f64,
    },

    /// A number of bins that no table of bins can have.
    #[error("expected from 1 to {limit} bins, found {found}")]
    BinCount {
        /// The number asked for.
        found: usize,
        /// [`MAX_BINS`](crate::MAX_BINS).
        limit: usize,
    },

    /// The probabilities of one sample do not sum to 1; logits, perhaps?
    #[error("the probabilities of sample {sample} sum to {sum}: expected 1 within {tolerance}")]
    RowSum {
        /// The index of the sample (row).
        sample: usize,
        /// The sum found.
        sum: f64,
        /// [`ROW_SUM_TOLERANCE`](crate::ROW_SUM_TOLERANCE).
        tolerance: f64,
    },

    /// The first line of a table does not name the expected columns.
    #[error("line 1: expected the columns {expected}, found {found}")]
    Header {
        /// The names expected, joined by commas.
        expected: String,
        /// The names found, joined by commas (cut where they are very long).
        found: String,
    },

    /// A line of a table has another number of fields than its header.
    #[error("line {line}: expected {expected} fields, found {found}")]
    FieldCount {
        /// The line, counted from 1.
        line: u64,
        /// The number of columns.
        expected: u64,
        /// The number of fields on the line.
        found: u64,
    },

    /// A field of a table cannot be read as what its column holds.
    #[error("line {line}, column {column:?}: expected {expected}, found {found:?}")]
    Field {
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// What would have been right.
        expected: String,
        /// The text of the field (cut where it is very long).
        found: String,
    },

    /// A line of a table holds numbers that cannot be.
    #[error("line {line}: the numbers make no sense")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with them.
        source: Box<Error>,
    },

    /// A field of a table is not UTF-8 text.
    #[error("line {line}, field {field}: the text is not UTF-8")]
    Utf8 {
        /// The line, counted from 1.
        line: u64,
        /// The field on that line, counted from 1.
        field: usize,
    },

    /// A text is not UTF-8 as a whole.
    #[error("the text is {found}: expected UTF-8, save it as such")]
    Encoding {
        /// The encoding, as far as its beginning tells.
        found: &'static str,
    },

    /// A line is empty and others follow: something may be missing there.
    #[error("line {line} is empty, and others follow it: fill it in or remove it")]
    EmptyLine {
        /// The line, counted from 1.
        line: u64,
    },

    /// A field begins with a quotation mark that has no partner, so that all lines after it would belong to the field.
    #[error("line {line}: a quotation mark opens a field that never ends")]
    OpenQuote {
        /// The line of the mark, counted from 1.
        line: u64,
    },

    /// A line is too long to be one.
    #[error("line {line} is longer than {limit} bytes")]
    LongLine {
        /// The line, counted from 1.
        line: u64,
        /// [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES).
        limit: u64,
    },

    /// An array has no shape in which probabilities come.
    #[error("expected probabilities of the shape [N, K], or [N, 1] or [N] for two classes, found {found:?}")]
    ProbabilityShape {
        /// The shape.
        found: Vec<usize>,
    },

    /// One column of probabilities holds nothing but 0 and 1.
    #[error("the only column of probabilities holds nothing but 0 and 1: are these the labels?")]
    LabelsForProbabilities,

    /// Labels have no shape in which they come.
    #[error(
        "expected labels of the shape [N] or [N, 1], or [N, {num_classes}] with one 1 in each row, found {found:?}"
    )]
    LabelShape {
        /// The shape.
        found: Vec<usize>,
        /// The number of classes.
        num_classes: usize,
    },

    /// A label is no whole number from 0.
    #[error("the label of sample {sample} is {value}: expected a whole number from 0")]
    InvalidLabel {
        /// The index of the sample.
        sample: usize,
        /// The value found.
        value: f64,
    },

    /// A row that should mark one class marks none or several.
    #[error("the row of sample {sample} marks {found} classes: expected a single 1 among zeros")]
    NotOneHot {
        /// The index of the sample.
        sample: usize,
        /// How many 1 it has.
        found: usize,
    },

    /// Labels are names of classes and numbers of classes at once, and mean different classes.
    #[error(
        "the label {label:?} is the name of class {by_name} and the number of class {by_number}: give numbers in an array, or \
         rename the classes"
    )]
    AmbiguousLabel {
        /// The label.
        label: String,
        /// The class that has it as its name.
        by_name: usize,
        /// The class that has it as its number.
        by_number: usize,
    },

    /// Reading or writing the table failed.
    #[error("cannot read or write the table")]
    Io(#[from] std::io::Error),
}

/// Which of the two labels of a sample is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelRole {
    /// The class that the sample belongs to.
    True,
    /// The class that the model gave it.
    Predicted,
}

impl fmt::Display for LabelRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::True => "true",
            Self::Predicted => "predicted",
        })
    }
}

fn place(sample: Option<usize>) -> String {
    sample
        .map(|index| format!(" of sample {index}"))
        .unwrap_or_default()
}

/// `Ok` if there are as many of them as there should be.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::LengthMismatch {
            what,
            expected,
            found,
        })
    }
}
