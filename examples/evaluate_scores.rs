//! All metrics of the predictions of any program: probabilities and true labels in, the classification report, `metrics.json`
//! or a whole run folder with its page out. Such folders can be compared with those of marque's own runs.
//!
//! `cargo run --release --example evaluate_scores -- --scores probabilities.npy --labels labels.npy --json metrics.json`
//!
//! Probabilities are a table of N rows and K columns whose rows sum to 1, or one column for the second of two classes. Labels
//! are N whole numbers below K or, in text, names of classes, or K columns with a single 1 in each row. Both are NumPy's `.npy`,
//! an `.npz` of one array, or text such as CSV; a first line of names names the classes. The content tells, not the ending.

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, bail};
use clap::Parser;
use marque::metrics::{
    History, Metrics, Predictions, ProbabilityTable, labels_from_array, read_class_names, read_labels,
    read_lines,
};
use marque::report::{RunReport, write_run};
use marque::weights::{StateDict, Tensor};
use marque_fs::write_atomically;
use ndarray::ArrayD;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;

/// All metrics of the predictions of any program.
#[derive(Parser, Debug)]
struct Arguments {
    /// Probabilities, N×K, or N for two classes: .npy, .npz of one array, or .csv.
    #[arg(long, value_name = "FILE")]
    scores: PathBuf,
    /// True classes, N whole numbers from 0, or N×K with one 1 in each row: .npy, .npz of one array, or .csv; names in .csv, too.
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
    let run = measured(&arguments)?;
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&run.metrics)?;
        write_atomically(file, |file| writeln!(file, "{json}"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let files = arguments
        .out
        .as_ref()
        .map(|out| write_run(out, &run).with_context(|| format!("in {}", out.display())));
    let files = files.transpose()?;
    // Everything is on the disk before anything is printed.
    tell!("{}", run.metrics.classification_report());
    if let Some(files) = files {
        tell!("{}", files.report_html.display());
    }
    Ok(())
}

/// Reads, checks and measures everything.
fn measured(arguments: &Arguments) -> Result<RunReport> {
    let (scores, labels) = (&arguments.scores, &arguments.labels);
    let table = read(scores, |content| {
        Ok(match array(scores, content)? {
            Some(array) => ProbabilityTable::from_array(array)?,
            None => ProbabilityTable::read_csv(content)?,
        })
    })?;
    let class_names = match (&arguments.classes, table.class_names) {
        (Some(file), _) => read(file, |content| Ok(read_class_names(content)?))?,
        (None, Some(header)) => header,
        (None, None) => (0..table.probabilities.ncols())
            .map(|class| class.to_string())
            .collect(),
    };
    let truth = read(labels, |content| {
        Ok(match array(labels, content)? {
            Some(array) => labels_from_array(array.view(), class_names.len())?,
            None => read_labels(content, &class_names)?,
        })
    })?;
    let paths = match &arguments.paths {
        Some(file) => read(file, |content| Ok(read_lines(content)?))?,
        None => (0..truth.len()).map(|row| row.to_string()).collect(),
    };
    let of_files = || format!("{} with {}", scores.display(), labels.display());
    let metrics = Metrics::from_probabilities(&class_names, &truth, table.probabilities.view())
        .with_context(of_files)?;
    let predictions = Predictions {
        class_names: class_names.clone(),
        paths,
        labels: truth,
        probabilities: table.probabilities.mapv(|probability| probability as f32),
    };
    predictions.validate().with_context(of_files)?;
    Ok(RunReport {
        title: arguments.title.clone(),
        class_names,
        history: History::default(),
        predictions,
        metrics,
        facts: Vec::new(),
        architecture_svg: None,
        command: Some(terminal::command()),
        skipped: Vec::new(),
        photos: arguments.photos.clone().map(Into::into),
        cost: None,
        stages: Vec::new(),
        explanations: Vec::new(),
    })
}

/// What `parse` makes of a file's content; errors name the file.
fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&content).with_context(|| format!("{} is not usable", path.display()))
}

/// The array that a file of NumPy's holds; `None` if it is none.
fn array(path: &Path, content: &[u8]) -> Result<Option<ArrayD<f64>>> {
    let tensor = if content.starts_with(b"\x93NUMPY") {
        Tensor::parse_npy(path, content)?
    } else if content.starts_with(b"PK") {
        let arrays = StateDict::parse(path, content.to_vec())?;
        let mut found = arrays.iter();
        match (found.next(), found.next()) {
            (Some((_, tensor)), None) => tensor.clone(),
            _ => bail!("expected one array in it, found {}", arrays.len()),
        }
    } else {
        return Ok(None);
    };
    Ok(Some(ArrayD::from_shape_vec(tensor.shape(), tensor.to_f64())?))
}
