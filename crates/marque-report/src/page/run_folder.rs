//! The folder of a run: writing and reading.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use marque_metrics::{History, Metrics, Predictions};

use super::run_page;
use crate::save::{save_chart, save_history, save_table, write};
use crate::{
    Error, RunDetails, RunReport, accuracy_chart, confusion_chart, loss_chart, precision_recall_chart,
    precision_recall_table, reliability_chart, reliability_table, roc_chart, roc_table,
};

/// A larger `run.json` is not read: it may come from a stranger.
const LARGEST_DETAILS_BYTES: u64 = 16 << 20;

/// The files that [`write_run`] wrote.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct RunFiles {
    /// One line per epoch.
    pub history_csv: PathBuf,
    /// All metrics.
    pub metrics_json: PathBuf,
    /// One line per test photo.
    pub predictions_csv: PathBuf,
    /// Title, command, settings, skipped photos, cost and times.
    pub run_json: PathBuf,
    /// The classification report as text.
    pub report_txt: PathBuf,
    /// The page.
    pub report_html: PathBuf,
    /// The charts: loss and accuracy where there are epochs, confusion matrix, ROC, precision against recall and
    /// reliability, each as SVG and as PNG.
    pub charts: Vec<PathBuf>,
    /// The points of the last three charts.
    pub tables: Vec<PathBuf>,
}

/// Writes the report of `run` into `folder`, which is made if it is not there.
///
/// `history.csv`, `metrics.json`, `predictions.csv`, `run.json`, `report.txt`, `report.html`, and `loss`, `accuracy`,
/// `confusion`, `roc`, `precision_recall` and `reliability`, each as `.svg` and `.png` (at two pixels per CSS pixel), the last
/// three also as `.csv` ([`roc_table`] says of which columns). A run without epochs, of predictions that were made elsewhere,
/// has no `loss` and no `accuracy`. Each file appears whole or not at all; other files in the
/// folder are left alone. The page is one file that loads nothing from anywhere. `run.json` is written last, so that a folder
/// that has it has them all.
///
/// # Errors
/// [`Error::Inconsistent`] if names, metrics and predictions are not about the same classes or the same photos,
/// [`Error::Metrics`] if the predictions are not valid, all of them before anything is written; [`Error::Write`] with the path at
/// fault.
pub fn write_run(folder: &Path, run: &RunReport) -> Result<RunFiles, Error> {
    run.check()?;
    let file = |name: &str| folder.join(name);
    let files = RunFiles {
        history_csv: save_history(folder, "history", &run.history)?,
        metrics_json: file("metrics.json"),
        predictions_csv: file("predictions.csv"),
        run_json: file("run.json"),
        report_txt: file("report.txt"),
        report_html: file("report.html"),
        charts: Vec::new(),
        tables: Vec::new(),
    };
    write(&files.metrics_json, &json(&run.metrics)?)?;
    let mut predictions = Vec::new();
    run.predictions.write_csv(&mut predictions)?;
    write(&files.predictions_csv, &predictions)?;
    write(
        &files.report_txt,
        run.metrics.classification_report().to_string().as_bytes(),
    )?;
    write(&files.report_html, run_page::html(run)?.as_bytes())?;
    let over_epochs = (!run.history.epochs.is_empty()).then(|| {
        [
            ("loss", loss_chart(&run.history)),
            ("accuracy", accuracy_chart(&run.history)),
        ]
    });
    let of_the_test = [
        (
            "confusion",
            confusion_chart(&run.metrics.confusion, &run.class_names)?,
        ),
        ("roc", roc_chart(&run.predictions)?),
        ("precision_recall", precision_recall_chart(&run.predictions)?),
        ("reliability", reliability_chart(&run.predictions)?),
    ];
    let written = over_epochs
        .into_iter()
        .flatten()
        .chain(of_the_test)
        .map(|(name, chart)| save_chart(folder, name, &chart))
        .collect::<Result<Vec<_>, _>>()?;
    let tables = [
        ("roc", roc_table(&run.predictions)?),
        ("precision_recall", precision_recall_table(&run.predictions)?),
        ("reliability", reliability_table(&run.predictions)?),
    ];
    let tables = tables.iter().map(|(name, table)| save_table(folder, name, table));
    let tables = tables.collect::<Result<_, _>>()?;
    // The last file: where it is, all others are.
    write(&files.run_json, &json(&run.details())?)?;
    Ok(RunFiles {
        charts: written.concat(),
        tables,
        ..files
    })
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// A run as its folder has it.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// Title, settings, cost and stages.
    pub details: RunDetails,
    /// The epochs; may be empty.
    pub history: History,
    /// The probabilities for the photos of the test part.
    pub predictions: Predictions,
    /// The metrics of `predictions`.
    pub metrics: Metrics,
}

/// Reads a folder that [`write_run`] wrote: `history.csv`, `predictions.csv` and `run.json`. Metrics
/// are computed from the predictions. A folder without `run.json`, as older versions wrote it, has the folder's name
/// as its title, and no details beside it.
///
/// # Errors
/// [`Error::Read`] for a file that is missing or cannot be read, [`Error::Table`] for a table that is not one of
/// predictions or epochs, [`Error::Details`] for a `run.json` that does not say what a run was; all with the path.
///
/// ```no_run
/// let run = marque_report::read_run("runs/resnet34".as_ref())?;
/// println!("{}: {:.3} after {} epochs", run.details.title, run.metrics.accuracy, run.history.epochs.len());
/// # Ok::<(), marque_report::Error>(())
/// ```
pub fn read_run(folder: &Path) -> Result<FinishedRun, Error> {
    let path = folder.join("predictions.csv");
    let table = |source| Error::Table {
        path: path.clone(),
        source,
    };
    let predictions = Predictions::read_csv(open(&path)?).map_err(table)?;
    let metrics = predictions.metrics().map_err(table)?;
    let path = folder.join("history.csv");
    let history = History::read_csv(open(&path)?).map_err(|source| Error::Table {
        path: path.clone(),
        source,
    })?;
    Ok(FinishedRun {
        details: read_details(folder)?,
        history,
        predictions,
        metrics,
    })
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    let at_fault = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    // Asked before opening: to open a named pipe would wait for a writer for ever.
    match std::fs::metadata(path).map_err(at_fault)?.is_file() {
        true => File::open(path).map(BufReader::new).map_err(at_fault),
        false => Err(at_fault(std::io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a file",
        ))),
    }
}

fn read_details(folder: &Path) -> Result<RunDetails, Error> {
    let path = folder.join("run.json");
    let file = match open(&path) {
        Ok(file) => file,
        Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(RunDetails {
                title: name_of(folder),
                ..RunDetails::default()
            });
        }
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(LARGEST_DETAILS_BYTES)
        .read_to_end(&mut content)
        .map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
    // Editors put a byte-order mark there.
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
    serde_json::from_slice(text).map_err(|source| Error::Details { path, source })
}

/// The last part of a path; that of the real path for `.` and the like.
fn name_of(folder: &Path) -> String {
    let real: PathBuf = match folder.file_name() {
        Some(_) => folder.to_owned(),
        None => folder.canonicalize().unwrap_or_else(|_| folder.to_owned()),
    };
    let name = real.file_name().unwrap_or(real.as_os_str());
    name.to_string_lossy().into_owned()
}
