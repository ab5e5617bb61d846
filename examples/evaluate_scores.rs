//! All metrics of the predictions of any program: probabilities and true labels in, the classification report, `metrics.json`
//! or a whole run folder with its page out. Such folders can be compared with those of marque's own runs.
//!
//! `cargo run --release --example evaluate_scores -- --scores probabilities.npy --labels labels.npy --json metrics.json`
//!
//! Probabilities are a table of N rows and K columns whose rows sum to 1, labels are N whole numbers below K: NumPy's
//! `.npy` of any width, or CSV. A first line of a CSV of probabilities that is not numbers names the classes.

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use marque::metrics::{History, Metrics, Predictions};
use marque::report::{Run, write_run};
use marque_fs::write_atomically;
use ndarray::{Array1, Array2};
use ndarray_npy::{ReadableElement, read_npy};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;

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
    #[arg(long, value_name = "FILE", required_unless_present = "out")]
    json: Option<PathBuf>,
    /// The names of the classes, one per line; their numbers if not given.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Where a run folder goes: the page, the charts, the tables.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The heading of the page.
    #[arg(long, default_value = "Predictions", requires = "out")]
    title: String,
    /// The paths of the photos, one per line; the numbers of the rows if not given.
    #[arg(long, value_name = "FILE", requires = "out")]
    paths: Option<PathBuf>,
    /// The folder that the paths start from, to show the worst mistakes.
    #[arg(long, value_name = "DIR", requires = "paths")]
    photos: Option<PathBuf>,
}

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    let (header, scores) = scores(&arguments.scores)?;
    let labels = labels(&arguments.labels)?;
    let names = match (&arguments.classes, header) {
        (Some(file), _) => lines(file)?,
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
    tell!("{}", metrics.classification_report());
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&metrics)?;
        write_atomically(file, |file| writeln!(file, "{json}"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let Some(out) = &arguments.out else {
        return Ok(());
    };
    let paths = match &arguments.paths {
        Some(file) => lines(file)?,
        None => (0..labels.len()).map(|row| row.to_string()).collect(),
    };
    let run = Run {
        title: arguments.title,
        class_names: names.clone(),
        history: History::default(),
        predictions: Predictions {
            class_names: names,
            paths,
            labels,
            probabilities: scores.mapv(|probability| probability as f32),
        },
        metrics,
        facts: Vec::new(),
        architecture_svg: None,
        command: Some(terminal::command()),
        skipped: Vec::new(),
        photo_root: arguments.photos,
        cost: None,
        stages: Vec::new(),
        explanations: Vec::new(),
    };
    let files = write_run(out, &run).with_context(|| format!("in {}", out.display()))?;
    tell!("{}", files.report_html.display());
    Ok(())
}

fn lines(path: &Path) -> Result<Vec<String>> {
    Ok(text(path)?.lines().map(str::to_owned).collect())
}

/// Probabilities, with the names of the classes where the file has them.
fn scores(path: &Path) -> Result<(Option<Vec<String>>, Array2<f64>)> {
    if is_csv(path) {
        return table(path);
    }
    must_open(path)?;
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
        must_open(path)?;
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
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An error of its own for a file that cannot be opened, before any for what is in it.
fn must_open(path: &Path) -> Result<()> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(())
}
