//! The folder of a run.

use std::path::{Path, PathBuf};

use image::RgbImage;
use marque_metrics::{History, Metrics, Predictions};

use crate::save::{save_chart, save_history, save_table, write};
use crate::{
    Cost, Error, RunDetails, Stage, accuracy_chart, confusion_chart, loss_chart, page,
    precision_recall_chart, precision_recall_table, reliability_chart, reliability_table, roc_chart,
    roc_table,
};

/// A named value of the run: a setting, the machine, a version.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fact {
    /// What it is, such as `Learning rate`.
    pub name: String,
    /// Its value, as text.
    pub value: String,
}

impl Fact {
    /// A fact.
    ///
    /// # Example
    /// ```
    /// let fact = marque_report::Fact::new("Batch size", 32);
    /// assert_eq!((fact.name.as_str(), fact.value.as_str()), ("Batch size", "32"));
    /// ```
    pub fn new(name: impl Into<String>, value: impl ToString) -> Self {
        Self {
            name: name.into(),
            value: value.to_string(),
        }
    }
}

/// Everything there is to report about one training run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The heading, such as `ResNet-34 from scratch`.
    pub title: String,
    /// The names of the K classes, in class order.
    pub class_names: Vec<String>,
    /// The epochs; may be empty.
    pub history: History,
    /// The probabilities for the photos of the test part.
    pub predictions: Predictions,
    /// The metrics of `predictions`.
    pub metrics: Metrics,
    /// Configuration, machine and versions, in the order in which they are shown.
    pub facts: Vec<Fact>,
    /// A drawing of the architecture as an SVG document.
    pub architecture_svg: Option<String>,
    /// The command that made the run.
    pub command: Option<String>,
    /// Photos that were left out: path and reason.
    pub skipped: Vec<(String, String)>,
    /// The folder that the paths of `predictions` start from, to read thumbnails of the worst mistakes; without it
    /// the page has none.
    pub photo_root: Option<PathBuf>,
    /// What the network costs to hold and to run.
    pub cost: Option<Cost>,
    /// The parts of the run with their times, in order.
    pub stages: Vec<Stage>,
    /// What in some photos speaks for the predicted class.
    pub explanations: Vec<Explanation>,
}

/// A photo with what in it speaks for the predicted class.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The photo's path, as in the predictions.
    pub path: String,
    /// The class that the photo belongs to.
    pub truth: usize,
    /// The class that is explained.
    pub predicted: usize,
    /// Its probability, from 0 to 1.
    pub probability: f64,
    /// The photo as the network sees it.
    pub photo: RgbImage,
    /// The same with the explanation over it, as [`heat_overlay`](crate::heat_overlay) makes it.
    pub overlay: RgbImage,
}

/// The files that [`write_run`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub fn write_run(folder: &Path, run: &Run) -> Result<RunFiles, Error> {
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
    write(&files.report_html, page::html(run)?.as_bytes())?;
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

impl Run {
    fn details(&self) -> RunDetails {
        RunDetails {
            title: self.title.clone(),
            command: self.command.clone(),
            facts: self.facts.clone(),
            skipped: self.skipped.clone(),
            cost: self.cost,
            stages: self.stages.clone(),
        }
    }

    /// Parts of a run may come from files that were written at different times.
    fn check(&self) -> Result<(), Error> {
        let classes = self.class_names.len();
        let same = |what, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(Error::Inconsistent {
                what,
                expected,
                found,
            }),
        };
        same(
            "classes of the predictions",
            classes,
            self.predictions.class_names.len(),
        )?;
        same("classes of the metrics", classes, self.metrics.per_class.len())?;
        same(
            "rows of the confusion matrix",
            classes,
            self.metrics.confusion.len(),
        )?;
        for row in &self.metrics.confusion {
            same("columns of the confusion matrix", classes, row.len())?;
        }
        let differs = |(name, other): &(&String, &String)| name != other;
        let other_names = self
            .class_names
            .iter()
            .zip(&self.predictions.class_names)
            .filter(differs)
            .count();
        same("class names in the predictions that differ", 0, other_names)?;
        let measured = self
            .metrics
            .per_class
            .iter()
            .map(|class| class.support)
            .fold(0, u64::saturating_add);
        same(
            "photos in the metrics",
            self.predictions.labels.len(),
            usize::try_from(measured).unwrap_or(usize::MAX),
        )?;
        for explanation in &self.explanations {
            let class = explanation.truth.max(explanation.predicted);
            if class >= classes {
                return same("class of an explained photo", classes.saturating_sub(1), class);
            }
        }
        Ok(self.predictions.validate()?)
    }
}
