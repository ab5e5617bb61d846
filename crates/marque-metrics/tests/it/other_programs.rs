//! Tables of other programs: however they are written, the numbers are the same, and none is lost.

use marque_metrics::{
    Error, History, Metrics, Predictions, ProbabilityTable, labels_from_array, read_labels,
};
use ndarray::{Array, Array2, ArrayD, array};

const CLASS_NAMES: [&str; 3] = ["Pickup Truck", "Audi", "Van"];
const SAMPLES: usize = 40;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Probabilities in sixty-fourths, whose decimal fractions are exact.
fn probabilities() -> Array2<f64> {
    Array2::from_shape_fn((SAMPLES, 3), |(sample, class)| {
        let (first, second) = (sample * 7 % 32, sample * 5 % 32);
        [first, second, 64 - first - second][class] as f64 / 64.0
    })
}

fn labels() -> Vec<usize> {
    (0..SAMPLES).map(|sample| sample * 11 % 7 % 3).collect()
}

/// How a program writes a table.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    mark: &'static str,
    separator: &'static str,
    decimal: char,
    line_end: &'static str,
    /// What follows the last row.
    end: &'static str,
    quote: &'static str,
}

impl Dialect {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for mark in ["", "\u{feff}"] {
            for (separator, decimal) in [
                (",", '.'),
                (";", '.'),
                (";", ','),
                ("\t", '.'),
                ("\t", ','),
                (" ", '.'),
            ] {
                for line_end in ["\n", "\r\n", "\r"] {
                    for end in ["", "E", "E  EE"] {
                        for quote in ["", "\""] {
                            all.push(Self {
                                mark,
                                separator,
                                decimal,
                                line_end,
                                end,
                                quote,
                            });
                        }
                    }
                }
            }
        }
        all
    }

    fn write(&self, rows: &[Vec<String>]) -> Vec<u8> {
        let quoted = |field: &String| format!("{0}{field}{0}", self.quote);
        let rows: Vec<String> = rows
            .iter()
            .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(self.separator))
            .collect();
        let end = self.end.replace('E', self.line_end);
        format!("{}{}{end}", self.mark, rows.join(self.line_end)).into_bytes()
    }

    fn number(&self, value: f64) -> String {
        format!("{value:?}").replace('.', &self.decimal.to_string())
    }
}

/// The rows with their numbers in front, as pandas writes them.
fn with_index(rows: Vec<Vec<String>>, name: &str) -> Vec<Vec<String>> {
    let index = |row: usize| match row {
        0 => name.to_owned(),
        row => (row - 1).to_string(),
    };
    let rows = rows.into_iter().enumerate();
    rows.map(|(row, fields)| [vec![index(row)], fields].concat())
        .collect()
}

#[test]
fn every_dialect_gives_the_same_probabilities() {
    let expected = probabilities();
    let counted = names(&["0", "1", "2"]);
    let mut read = 0;
    for dialect in Dialect::all() {
        let rows: Vec<Vec<String>> = expected
            .outer_iter()
            .map(|row| row.iter().map(|&value| dialect.number(value)).collect())
            .collect();
        let below = |header: &[String]| [vec![header.to_vec()], rows.clone()].concat();
        let named = names(&CLASS_NAMES);
        for (table, class_names) in [
            (rows.clone(), None),
            (below(&named), Some(&named)),
            (below(&counted), Some(&counted)),
            (with_index(below(&named), ""), Some(&named)),
            (with_index(below(&counted), ""), Some(&counted)),
            (with_index(below(&named), "Unnamed: 0"), Some(&named)),
        ] {
            // Spaces divide names as well as numbers.
            if dialect.separator == " " && table[0] != rows[0] && table[0] != counted {
                continue;
            }
            let text = dialect.write(&table);
            let found = ProbabilityTable::read_csv(&text[..])
                .unwrap_or_else(|error| panic!("{dialect:?} {:?}: {error:?}", table[0]));
            assert_eq!(found.probabilities, expected, "{dialect:?} {:?}", table[0]);
            assert_eq!(
                found.class_names.as_ref(),
                class_names,
                "{dialect:?} {:?}",
                table[0]
            );
            read += 1;
        }
    }
    assert_eq!(read, 2 * 3 * 3 * 2 * (5 * 6 + 2));
}

#[test]
fn every_dialect_gives_the_same_labels() {
    let expected = labels();
    let class_names = names(&CLASS_NAMES);
    let column = |text: &dyn Fn(usize) -> String| -> Vec<Vec<String>> {
        expected.iter().map(|&label| vec![text(label)]).collect()
    };
    let one_hot = |order: [usize; 3], yes: &str, no: &str| -> Vec<Vec<String>> {
        let row = |label: usize| {
            order
                .map(|class| if class == label { yes } else { no }.to_owned())
                .to_vec()
        };
        expected.iter().map(|&label| row(label)).collect()
    };
    let below = |header: &[&str], rows: Vec<Vec<String>>| [vec![names(header)], rows].concat();
    let turned = ["Van", "Pickup Truck", "Audi"];
    let tables = [
        column(&|label| label.to_string()),
        column(&|label| format!("{label}.0")),
        column(&|label| CLASS_NAMES[label].to_owned()),
        below(&["label"], column(&|label| label.to_string())),
        below(&["class"], column(&|label| CLASS_NAMES[label].to_owned())),
        with_index(below(&["0"], column(&|label| label.to_string())), ""),
        with_index(below(&["y"], column(&|label| CLASS_NAMES[label].to_owned())), ""),
        one_hot([0, 1, 2], "1", "0"),
        below(&CLASS_NAMES, one_hot([0, 1, 2], "1.0", "0.0")),
        below(&["0", "1", "2"], one_hot([0, 1, 2], "1", "0")),
        below(&turned, one_hot([2, 0, 1], "True", "False")),
        with_index(below(&turned, one_hot([2, 0, 1], "1", "0")), ""),
    ];
    let mut read = 0;
    for dialect in Dialect::all()
        .into_iter()
        .filter(|dialect| dialect.separator != " ")
    {
        for table in &tables {
            let text = dialect.write(table);
            let found = read_labels(&text[..], &class_names)
                .unwrap_or_else(|error| panic!("{dialect:?} {:?}: {error:?}", table[0]));
            assert_eq!(found, expected, "{dialect:?} {:?}", table[0]);
            read += 1;
        }
    }
    assert_eq!(read, 2 * 5 * 3 * 3 * 2 * 12);
}

#[test]
fn the_tables_of_a_run_are_read_after_a_spreadsheet_saved_them() {
    let predictions = Predictions {
        class_names: names(&CLASS_NAMES),
        paths: (0..SAMPLES)
            .map(|sample| format!("test/{sample} é.jpg"))
            .collect(),
        labels: labels(),
        probabilities: probabilities().mapv(|value| value as f32),
    };
    let history = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,images_per_second,\
                   seconds,waiting_for_data\n1,1.5,0.25,,,0.001,5.0,600.0,0.0\n";
    let expected_history = History::read_csv(history.as_bytes()).unwrap();
    let mut table = Vec::new();
    predictions.write_csv(&mut table).unwrap();
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines()
            .map(|line| names(&line.split(',').collect::<Vec<_>>()))
            .collect()
    };
    let table = rows(&String::from_utf8(table).unwrap());
    let mut read = 0;
    for dialect in Dialect::all()
        .into_iter()
        .filter(|dialect| dialect.separator != " ")
    {
        let localised = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
            let field = |field: &String| match field.parse::<f64>() {
                Ok(_) => field.replace('.', &dialect.decimal.to_string()),
                Err(_) => field.clone(),
            };
            rows.iter().map(|row| row.iter().map(field).collect()).collect()
        };
        let found = Predictions::read_csv(&dialect.write(&localised(&table))[..]);
        assert_eq!(found.unwrap(), predictions, "{dialect:?}");
        let found = History::read_csv(&dialect.write(&localised(&rows(history)))[..]);
        assert_eq!(found.unwrap(), expected_history, "{dialect:?}");
        read += 1;
    }
    assert_eq!(read, 2 * 5 * 3 * 3 * 2);
}

#[test]
fn a_first_line_of_whole_numbers_is_a_header_only_where_it_cannot_be_a_row() {
    let read = |text: &str| {
        let table = ProbabilityTable::read_csv(text.as_bytes()).unwrap();
        (table.class_names.is_some(), table.probabilities)
    };
    // A pandas table of two classes writes every number with a point.
    assert_eq!(
        read("0,1\n0.25,0.75\n1.0,0.0\n"),
        (true, array![[0.25, 0.75], [1.0, 0.0]])
    );
    // So does not a program that writes certain answers as 0 and 1.
    assert_eq!(read("0,1\n1,0\n"), (false, array![[0.0, 1.0], [1.0, 0.0]]));
    assert_eq!(read("0,1\n0.25,0.75\n1,0\n").1.nrows(), 3);
    assert_eq!(read("0,1\n"), (false, array![[0.0, 1.0]]));
    assert_eq!(read("1,0\n0.25,0.75\n").1.nrows(), 2);
    // Cars may be called 500.
    let fiats = ProbabilityTable::read_csv(&b"500,Panda\n0.5,0.5\n"[..]).unwrap();
    assert_eq!(fiats.class_names, Some(names(&["500", "Panda"])));
}

#[test]
fn one_column_is_the_second_of_two_classes() {
    let expected = array![[0.75, 0.25], [0.0, 1.0]];
    for text in [
        "0.25\n1\n",
        "score\n0.25\n1.0\n",
        "0\n0.25\n1.0\n",
        ",0\n0,0.25\n1,1.0\n",
    ] {
        let found = ProbabilityTable::read_csv(text.as_bytes()).unwrap();
        assert_eq!(
            (found.class_names, found.probabilities),
            (None, expected.clone()),
            "{text:?}"
        );
    }
    for shape in [&[2][..], &[2, 1]] {
        let array = ArrayD::from_shape_vec(shape, vec![0.25, 1.0]).unwrap();
        assert_eq!(
            ProbabilityTable::from_array(array).unwrap().probabilities,
            expected
        );
    }
    let outside = ProbabilityTable::from_array(array![0.5, -2.0].into_dyn()).unwrap_err();
    assert!(matches!(
        outside,
        Error::InvalidProbability {
            sample: 1,
            class: 1,
            value: -2.0
        }
    ));
    let outside = ProbabilityTable::read_csv(&b"0.5\n1.5\n"[..]).unwrap_err();
    assert!(matches!(outside, Error::Line { line: 2, .. }), "{outside}");
    let labels = ProbabilityTable::from_array(array![0.0, 1.0, 1.0].into_dyn()).unwrap_err();
    assert!(matches!(labels, Error::LabelsForProbabilities));
    let labels = ProbabilityTable::read_csv(&b"0\n1\n1\n"[..]).unwrap_err();
    assert!(matches!(labels, Error::LabelsForProbabilities));
}

#[test]
fn arrays_of_every_shape_are_taken_or_refused_with_their_shape() {
    let expected = labels();
    let column: Vec<f64> = expected.iter().map(|&label| label as f64).collect();
    let one_hot = Array::from_shape_fn([SAMPLES, 3], |(sample, class)| {
        f64::from(u8::from(expected[sample] == class))
    });
    let flat = Array::from_vec(column.clone()).into_dyn();
    let tall = flat
        .clone()
        .into_shape_with_order([SAMPLES, 1])
        .unwrap()
        .into_dyn();
    for array in [
        &flat,
        &tall,
        &one_hot.clone().into_dyn(),
        &one_hot.t().as_standard_layout().t().to_owned().into_dyn(),
    ] {
        assert_eq!(
            labels_from_array(array.view(), 3).unwrap(),
            expected,
            "{:?}",
            array.shape()
        );
    }
    let wide = flat
        .clone()
        .into_shape_with_order([1, SAMPLES])
        .unwrap()
        .into_dyn();
    for array in [wide, ArrayD::zeros(vec![]), ArrayD::zeros(vec![4, 2, 1])] {
        let message = labels_from_array(array.view(), 3).unwrap_err().to_string();
        assert!(
            message.contains(&format!("found {:?}", array.shape())),
            "{message}"
        );
        if array.ndim() != 2 {
            let message = ProbabilityTable::from_array(array.clone())
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(&format!("found {:?}", array.shape())),
                "{message}"
            );
        }
    }
    for (value, expected) in [
        (-1.0, "is -1"),
        (0.5, "is 0.5"),
        (f64::NAN, "is NaN"),
        (3.0, "less than 3"),
    ] {
        let message = labels_from_array(array![0.0, value].view().into_dyn(), 3)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("sample 1") && message.contains(expected),
            "{message}"
        );
    }
    let two = labels_from_array(array![[0.0, 1.0], [1.0, 1.0]].view().into_dyn(), 2).unwrap_err();
    assert!(matches!(two, Error::NotOneHot { sample: 1, found: 2 }));
    let nan = ProbabilityTable::from_array(array![[0.5, 0.5], [f64::NAN, 1.0]].into_dyn()).unwrap_err();
    assert!(matches!(
        nan,
        Error::InvalidProbability {
            sample: 1,
            class: 0,
            ..
        }
    ));
}

#[test]
fn no_row_of_probabilities_is_lost_without_a_word() {
    for (text, expected) in [
        ("0.5,0.5\n\n1,0\n", "line 2 is empty"),
        ("0.5,0.5\n1\n", "line 2: expected 2 fields, found 1"),
        ("0.5,0.5\n1,0,0\n", "line 2: expected 2 fields, found 3"),
        (
            "car,van\n0.5,0.5\n1,nan\n",
            "line 3, column \"van\": expected a finite number, found \"nan\"",
        ),
        (
            "car,van\n0.5,\n",
            "line 2, column \"van\": expected a finite number, found \"\"",
        ),
        (
            "0.5,o.5\n1,0\n",
            "line 1, column \"2\": expected a finite number, found \"o.5\"",
        ),
        ("\u{feff}\u{feff}x0.5,0.5\n1,0\n", "line 1, column \"1\""),
        ("0.5,0.5\n\"1,0\n1,0\n", "line 2: a quotation mark"),
        ("0.5,0.5\n0.5,0.75\n", "line 2: the numbers make no sense"),
        ("", "expected at least one sample"),
        ("car,van\n", "expected at least one sample"),
    ] {
        let error = ProbabilityTable::read_csv(text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    let utf16: Vec<u8> = "\u{feff}0.5,0.5\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = ProbabilityTable::read_csv(&utf16[..]).unwrap_err().to_string();
    assert!(error.contains("UTF-16"), "{error}");
}

#[test]
fn labels_that_are_none_are_said_with_their_line() {
    let class_names = names(&["car", "van"]);
    let error = |text: &str, class_names: &[String]| {
        let error = read_labels(text.as_bytes(), class_names).unwrap_err();
        match error {
            Error::Line { line, source } => format!("line {line}: {source}"),
            other => other.to_string(),
        }
    };
    for (text, expected) in [
        ("car\n\nvan\n", "line 2 is empty"),
        (
            "car\nvann\n",
            "line 2, column \"1\": expected the name of a class",
        ),
        (
            "label\ncar\n1\n",
            "line 3, column \"label\": expected the name of a class",
        ),
        ("0\n-1\n", "line 2: the label of sample 1 is -1"),
        ("0\n1.5\n", "line 2: the label of sample 1 is 1.5"),
        ("y\n0\n2\n", "line 3: true label 2 of sample 1 is out of range"),
        ("0\nnan\n", "line 2: the label of sample 1 is NaN"),
        ("1,0\n1,1\n", "line 2: the row of sample 1 marks 2 classes"),
        ("1,0\n0,0\n", "line 2: the row of sample 1 marks 0 classes"),
        ("0.5,0.5\n0,1\n", "line 1"),
        ("a,b\n0,1\n", "line 1: expected the columns car,van, found a,b"),
        ("1,0,0\n", "expected labels of the shape"),
    ] {
        let found = error(text, &class_names);
        assert!(found.starts_with(expected), "{text:?}: {found}");
    }
    // Names that are numbers are names, if they cannot be the numbers of other classes.
    let numbered = names(&["1", "2", "3"]);
    assert_eq!(read_labels(&b"3\n1\n"[..], &numbered).unwrap(), [2, 0]);
    assert_eq!(read_labels(&b"0\n1\n"[..], &numbered).unwrap(), [0, 1]);
    assert!(
        error("1\n2\n", &numbered)
            .starts_with("the label \"1\" is the name of class 0 and the number of class 1")
    );
    assert!(error("0\n", &names(&["a", "a"])).contains("more than once"));
    assert_eq!(read_labels(&b""[..], &class_names).unwrap(), [0; 0]);
}

#[test]
fn names_and_counts_are_checked_before_anything_is_computed() {
    let probabilities = array![[0.5, 0.5], [0.25, 0.75]];
    let metrics = |class_names: &[&str], labels: &[usize]| {
        Metrics::from_probabilities(&names(class_names), labels, probabilities.view())
    };
    metrics(&["a", "b"], &[0, 1]).unwrap();
    assert!(matches!(
        metrics(&["a", "a"], &[0, 1]),
        Err(Error::DuplicateClass { .. })
    ));
    assert!(matches!(
        metrics(&["a", ""], &[0, 1]),
        Err(Error::EmptyClassName { class: 1 })
    ));
    let error = metrics(&["a", "b"], &[0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "expected 1 rows of probabilities, one for each label, found 2"
    );
}
