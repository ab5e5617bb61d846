//! All metrics of the predictions of any program: probabilities and true labels in, `metrics.json` and the
//! classification report out.
//!
//! `cargo run --release --example evaluate_scores -- --scores probabilities.npy --labels labels.npy --json metrics.json`
//!
//! Probabilities are a table of N rows and K columns whose rows sum to 1, labels are N whole numbers below K: NumPy's
//! `.npy` of any width, or CSV. A first line of a CSV of probabilities that is not numbers names the classes.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use marque::metrics::Metrics;
use marque_fs::write_atomically;
use ndarray::{Array1, Array2};
use ndarray_npy::{ReadableElement, read_npy};
use std::io::Write;
use std::path::{Path, PathBuf};

/// All metrics of the predictions of any program.
#[derive(Parser, Debug)]
struct Arguments {
    /// Probabilities, N×K: .npy (float32 or float64) or .csv.
    #[arg(long, value_name = "FILE")]
    scores: PathBuf,
    /// True classes, N whole numbers from 0: .npy (any integer type) or .csv.
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Where the metrics go.
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
    /// The names of the classes, one per line; their numbers if not given.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (header, scores) = scores(&arguments.scores)?;
    let labels = labels(&arguments.labels)?;
    let names = match (&arguments.classes, header) {
        (Some(file), _) => text(file)?.lines().map(str::to_owned).collect(),
        (None, Some(header)) => header,
        (None, None) => (0..scores.ncols()).map(|class| class.to_string()).collect(),
    };
    let metrics = Metrics::from_probabilities(&names, &labels, scores.view()).with_context(|| {
        format!(
            "{} with {}",
            arguments.scores.display(),
            arguments.labels.display()
        )
    })?;
    println!("{}", metrics.classification_report());
    let json = serde_json::to_string_pretty(&metrics)?;
    write_atomically(&arguments.json, |file| writeln!(file, "{json}"))
        .with_context(|| format!("cannot write {}", arguments.json.display()))
}

/// Probabilities, with the names of the classes where the file has them.
fn scores(path: &Path) -> Result<(Option<Vec<String>>, Array2<f64>)> {
    if is_csv(path) {
        return table(path);
    }
    if let Ok(scores) = read_npy::<_, Array2<f32>>(path) {
        return Ok((None, scores.mapv(f64::from)));
    }
    let scores = read_npy(path)
        .with_context(|| format!("{}: expected N×K numbers of float32 or float64", path.display()))?;
    Ok((None, scores))
}

fn labels(path: &Path) -> Result<Vec<usize>> {
    let wide: Vec<i128> = if is_csv(path) {
        let (_, column) = table(path)?;
        ensure!(
            column.ncols() == 1,
            "{}: expected one column, found {}",
            path.display(),
            column.ncols()
        );
        ensure!(
            column.iter().all(|label| label.fract() == 0.0),
            "{}: a label is no whole number",
            path.display()
        );
        column.iter().map(|&label| label as i128).collect()
    } else {
        let kinds = [
            whole::<i64>,
            whole::<i32>,
            whole::<u8>,
            whole::<i16>,
            whole::<u16>,
            whole::<u32>,
            whole::<u64>,
            whole::<i8>,
        ];
        let found = kinds.iter().find_map(|read| read(path));
        found.with_context(|| format!("{}: expected one row of whole numbers", path.display()))?
    };
    let label =
        |&label: &i128| usize::try_from(label).with_context(|| format!("{}: label {label}", path.display()));
    wide.iter().map(label).collect()
}

fn whole<T: ReadableElement + Copy + Into<i128>>(path: &Path) -> Option<Vec<i128>> {
    let labels: Array1<T> = read_npy(path).ok()?;
    Some(labels.iter().map(|&label| label.into()).collect())
}

/// A table of numbers, with its first line where that is not one.
fn table(path: &Path) -> Result<(Option<Vec<String>>, Array2<f64>)> {
    let text = text(path)?;
    let (mut header, mut values, mut columns) = (None, Vec::new(), None);
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let row: Result<Vec<f64>, _> = fields.iter().map(|field| field.parse::<f64>()).collect();
        match row {
            Err(_) if header.is_none() && columns.is_none() => {
                header = Some(fields.into_iter().map(str::to_owned).collect())
            }
            Err(error) => bail!("{}, line {number}: {error}", path.display()),
            Ok(row) => {
                let expected = *columns.get_or_insert(row.len());
                ensure!(
                    row.len() == expected,
                    "{}, line {number}: {} fields, expected {expected}",
                    path.display(),
                    row.len()
                );
                values.extend(row);
            }
        }
    }
    let columns = columns.with_context(|| format!("{} holds no numbers", path.display()))?;
    Ok((
        header,
        Array2::from_shape_vec((values.len() / columns, columns), values)?,
    ))
}

fn is_csv(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
