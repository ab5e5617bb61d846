//! What a run was, beside its numbers: the file `run.json`.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use marque_metrics::{History, Metrics, Predictions};
use serde::{Deserialize, Serialize};

use crate::{Error, Fact};

/// A larger `run.json` is not read: it may come from a stranger.
const LARGEST_DETAILS_BYTES: u64 = 16 << 20;

/// What a network costs to hold and to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The number of trained values.
    pub parameters: u64,
    /// Multiplications followed by an addition, for one photo.
    pub multiply_adds: u64,
    /// The time from one photo to its probabilities, in seconds, if it was measured.
    #[serde(default)]
    pub latency_seconds: Option<f64>,
}

/// A part of a run, such as one epoch or the test, with the time it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What was done.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What a run was, beside its history and its predictions.
///
/// # Example
/// ```
/// use marque_report::RunDetails;
///
/// let details: RunDetails = serde_json::from_str(r#"{"title": "ResNet-18"}"#)?;
/// assert_eq!(details.title, "ResNet-18");
/// assert!(details.cost.is_none() && details.stages.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunDetails {
    /// The heading, such as `ResNet-34 from scratch`.
    pub title: String,
    /// The command that made the run.
    pub command: Option<String>,
    /// Configuration, machine and versions, in the order in which they are shown.
    pub facts: Vec<Fact>,
    /// Photos that were left out: path and reason.
    pub skipped: Vec<(String, String)>,
    /// What the network costs to hold and to run.
    pub cost: Option<Cost>,
    /// The parts of the run, in order.
    pub stages: Vec<Stage>,
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

/// Reads a folder that [`write_run`](crate::write_run) wrote: `history.csv`, `predictions.csv` and `run.json`. Metrics
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
