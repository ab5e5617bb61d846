//! The page of a run: one HTML file that loads nothing.

use askama::Template;
use marque_metrics::{ClassMetrics, EpochRecord, Interval, Metrics};

use super::assets::{SCRIPT, data_address, style};
use super::explained::{Explained, explained};
use super::mistakes::{self, Thumbnail};
use super::wording::{duration, optional};
use crate::chart::cells::{cells, most_frequent_confusions, share_text};
use crate::number::{Unit, grouped, value_text};
use crate::{
    Error, Fact, RunReport, accuracy_chart, confusion_chart, learning_rate_chart, loss_chart,
    precision_recall_chart, reliability_chart, roc_chart,
};

/// How many photos a gallery shows, and how many confusions are listed.
const MOST_PHOTOS: usize = 12;
const MOST_CONFUSIONS: usize = 8;
/// How many skipped photos are listed: a folder of a hundred thousand broken files must not make a page of them.
const MOST_SKIPPED: usize = 500;
/// From this side on the drawing of the matrix is no longer put into the page, but named as a file beside it.
const MOST_CLASSES_INLINE: usize = 120;
/// Up to this side the matrix is a table, too, for those who cannot point at its cells.
const MOST_CLASSES_AS_TABLE: usize = 40;

/// The page of `run`.
pub(crate) fn html(run: &RunReport) -> Result<String, Error> {
    Ok(Page::new(run)?.render()?)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    run: &'a RunReport,
    style: String,
    script: &'static str,
    version: &'static str,
    lead: String,
    headline: Vec<Headline>,
    more: Vec<Fact>,
    loss: String,
    accuracy: String,
    learning_rate: LearningRate,
    epochs: Vec<[String; 9]>,
    ranking: [String; 3],
    explained: Vec<Explained<'a>>,
    /// Captions and lines of small tables.
    tables: Vec<(&'static str, Vec<Fact>)>,
    confusion: Option<String>,
    confusions: Vec<Confusion<'a>>,
    /// Name, then count and share of the row for each cell.
    matrix: Vec<(&'a str, Vec<(String, String)>)>,
    classes: Vec<Row<'a>>,
    averages: Vec<Row<'a>>,
    mistakes: Gallery<'a>,
    uncertain: Gallery<'a>,
    wrong: u64,
    architecture: Option<String>,
    skipped: &'a [(String, String)],
    report: String,
}

/// A learning rate that ends every epoch alike is a sentence, not a chart. What it was within them is not known.
enum LearningRate {
    Unknown,
    Sentence(String),
    Chart(String),
}

/// A number that is seen first, with its interval where it has one.
struct Headline {
    fact: Fact,
    interval: Option<String>,
}

impl From<Fact> for Headline {
    fn from(fact: Fact) -> Self {
        Self { fact, interval: None }
    }
}

/// One line of the table of confusions.
struct Confusion<'a> {
    truth: &'a str,
    predicted: &'a str,
    count: String,
    share: String,
}

/// One line of the table of classes.
struct Row<'a> {
    name: &'a str,
    cells: Vec<Cell>,
}

/// A number as it is shown, and as it is sorted by; `None` where it is not defined.
struct Cell {
    text: String,
    value: Option<f64>,
}

/// Photos that are shown, and those that cannot be, with the reason.
#[derive(Default)]
struct Gallery<'a> {
    photos: Vec<Shown<'a>>,
    unshown: Vec<(&'a str, String)>,
}

/// A photo with its picture and the class it was given.
struct Shown<'a> {
    path: &'a str,
    truth: &'a str,
    predicted: &'a str,
    is_right: bool,
    confidence: String,
    true_probability: String,
    picture: Thumbnail,
}

impl<'a> Page<'a> {
    fn new(run: &'a RunReport) -> Result<Self, Error> {
        let metrics = &run.metrics;
        let mistakes = mistakes::worst(&run.predictions, MOST_PHOTOS)?;
        let uncertain = mistakes::least_certain(&run.predictions, MOST_PHOTOS)?;
        let inline = run.class_names.len() <= MOST_CLASSES_INLINE;
        let chart = || confusion_chart(&metrics.confusion, &run.class_names);
        let confusion = inline
            .then(chart)
            .transpose()?
            .map(|chart| chart.inline("confusion"));
        Ok(Self {
            run,
            style: style(),
            script: SCRIPT,
            version: env!("CARGO_PKG_VERSION"),
            lead: lead(run),
            headline: headline(run)?,
            more: more_numbers(metrics),
            loss: loss_chart(&run.history).inline("loss"),
            accuracy: accuracy_chart(&run.history).inline("accuracy"),
            learning_rate: LearningRate::of(run),
            epochs: run.history.epochs.iter().map(epoch_cells).collect(),
            ranking: [
                roc_chart(&run.predictions)?.inline("roc"),
                precision_recall_chart(&run.predictions)?.inline("precision-recall"),
                reliability_chart(&run.predictions)?.inline("reliability"),
            ],
            explained: explained(run)?,
            tables: vec![
                ("What the network costs", costs(run)),
                ("Time of each stage", stages(run)),
            ],
            confusion,
            confusions: confusions(run),
            classes: metrics.per_class.iter().map(class_row).collect(),
            averages: averages(metrics),
            mistakes: gallery(run, mistakes),
            uncertain: gallery(run, uncertain),
            matrix: matrix(run),
            wrong: photos(metrics).saturating_sub(right(metrics)),
            architecture: run
                .architecture_svg
                .as_deref()
                .map(|svg| data_address("image/svg+xml", svg.as_bytes())),
            skipped: &run.skipped[..run.skipped.len().min(MOST_SKIPPED)],
            report: metrics.classification_report().to_string(),
        })
    }
}

impl LearningRate {
    fn of(run: &RunReport) -> Self {
        let mut rates = run.history.epochs.iter().map(|epoch| epoch.learning_rate);
        match rates.next() {
            None => LearningRate::Unknown,
            Some(first) if rates.all(|rate| rate == first) => {
                let which = match run.history.epochs.len() {
                    1 => "the epoch",
                    _ => "every epoch",
                };
                let rate = value_text(first, Unit::Plain);
                LearningRate::Sentence(format!("The learning rate was {rate} at the end of {which}."))
            }
            Some(_) => LearningRate::Chart(learning_rate_chart(&run.history).inline("learning-rate")),
        }
    }
}

fn photos(metrics: &Metrics) -> u64 {
    cells(&metrics.confusion)
        .map(|cell| cell.count)
        .fold(0, u64::saturating_add)
}

fn right(metrics: &Metrics) -> u64 {
    let diagonal = cells(&metrics.confusion).filter(|cell| cell.is_correct());
    diagonal.map(|cell| cell.count).fold(0, u64::saturating_add)
}

fn lead(run: &RunReport) -> String {
    let (right, all) = (right(&run.metrics), photos(&run.metrics));
    let mut text = match (right, all) {
        (0, 1) => "The only test photo was given a wrong class.".to_owned(),
        (_, 1) => "The only test photo was given the right class.".to_owned(),
        _ => format!(
            "{} of {} test photos were given the right class.",
            grouped(right),
            grouped(all)
        ),
    };
    let epochs = &run.history.epochs;
    if let (Some(last), Some(best)) = (epochs.last(), run.history.best_epoch()) {
        let loss = value_text(best.validation_loss.unwrap_or(f64::NAN), Unit::Plain);
        text += &match epochs.len() {
            1 => format!(" The only epoch ended with a validation loss of {loss}."),
            _ => format!(
                " Epoch {} of {} was the best, with a validation loss of {loss}.",
                best.epoch, last.epoch
            ),
        };
    }
    text
}

/// Resamples, level and seed of the intervals of the headline.
const RESAMPLES: usize = 2000;
const LEVEL: f64 = 0.95;
const SEED: u64 = 0;

fn headline(run: &RunReport) -> Result<Vec<Headline>, Error> {
    let metrics = &run.metrics;
    let predictions = &run.predictions;
    let accuracy = predictions.accuracy_interval(RESAMPLES, LEVEL, SEED)?;
    let f1 = predictions.macro_f1_interval(RESAMPLES, LEVEL, SEED)?;
    let log_loss = predictions.log_loss_interval(RESAMPLES, LEVEL, SEED)?;
    let percent = |value| value_text(value, Unit::Percent);
    let three = |value| format!("{value:.3}");
    let mut headline = vec![
        with_interval("Test accuracy", metrics.accuracy, accuracy, percent),
        with_interval("Macro F1", metrics.macro_average.f1, f1, three),
        with_interval("Log loss", metrics.log_loss, log_loss, three),
        Fact::new("AUC, macro", optional(metrics.auc.macro_ovr)).into(),
        Fact::new("Test photos", grouped(photos(metrics))).into(),
        Fact::new("Classes", run.class_names.len()).into(),
    ];
    let epochs = &run.history.epochs;
    // Of one epoch none is the best, nor of several without a validation part.
    let best = run.history.best_epoch().filter(|_| epochs.len() > 1);
    headline.extend(best.map(|epoch| Fact::new("Best epoch", epoch.epoch).into()));
    if !epochs.is_empty() {
        let seconds = epochs.iter().map(|epoch| epoch.seconds).sum();
        headline.push(Fact::new("Training time", duration(seconds)).into());
    }
    Ok(headline)
}

fn with_interval(
    name: &str,
    value: f64,
    interval: Option<Interval>,
    text: impl Fn(f64) -> String,
) -> Headline {
    Headline {
        fact: Fact::new(name, text(value)),
        interval: interval.map(|interval| format!("{} to {}", text(interval.lower), text(interval.upper))),
    }
}

fn costs(run: &RunReport) -> Vec<Fact> {
    let Some(cost) = run.cost else {
        return Vec::new();
    };
    let mut facts = vec![
        Fact::new("Parameters", grouped(cost.parameters)),
        Fact::new("Multiply-adds per photo", grouped(cost.multiply_adds)),
    ];
    let latency = cost.latency_seconds.filter(|seconds| seconds.is_finite());
    facts.extend(latency.map(|seconds| Fact::new("Time for one photo", format!("{:.1} ms", seconds * 1e3))));
    facts
}

fn stages(run: &RunReport) -> Vec<Fact> {
    let stages = run.stages.iter();
    stages
        .map(|stage| Fact::new(&stage.name, duration(stage.seconds)))
        .collect()
}

fn more_numbers(metrics: &Metrics) -> Vec<Fact> {
    let percent = |name, value| Fact::new(name, value_text(value, Unit::Percent));
    let mut facts = vec![percent("Balanced accuracy", metrics.balanced_accuracy)];
    // Of five classes the true one is always among the five most probable.
    if metrics.per_class.len() > 5 {
        facts.push(percent("Top-5 accuracy", metrics.top5_accuracy));
    }
    facts.extend([
        Fact::new("AUC, weighted by support", optional(metrics.auc.weighted_ovr)),
        Fact::new("AUC, micro", optional(metrics.auc.micro)),
        Fact::new("Matthews' correlation", optional(metrics.mcc)),
        Fact::new("Cohen's kappa", optional(metrics.cohen_kappa)),
        Fact::new("Expected calibration error", format!("{:.3}", metrics.ece)),
        Fact::new("Maximum calibration error", optional(metrics.mce)),
        Fact::new("Brier score", optional(metrics.brier_score)),
    ]);
    facts
}

fn epoch_cells(epoch: &EpochRecord) -> [String; 9] {
    let text =
        |value: Option<f64>, unit| value.map_or_else(|| "–".to_owned(), |value| value_text(value, unit));
    [
        epoch.epoch.to_string(),
        value_text(epoch.train_loss, Unit::Plain),
        text(epoch.validation_loss, Unit::Plain),
        value_text(epoch.train_accuracy, Unit::Percent),
        text(epoch.validation_accuracy, Unit::Percent),
        value_text(epoch.learning_rate, Unit::Plain),
        value_text(epoch.images_per_second, Unit::Plain),
        duration(epoch.seconds),
        value_text(epoch.waiting_for_data, Unit::Percent),
    ]
}

fn confusions(run: &RunReport) -> Vec<Confusion<'_>> {
    most_frequent_confusions(&run.metrics.confusion, MOST_CONFUSIONS)
        .into_iter()
        .map(|cell| Confusion {
            truth: &run.class_names[cell.truth],
            predicted: &run.class_names[cell.predicted],
            count: grouped(cell.count),
            share: share_text(cell.share()),
        })
        .collect()
}

/// The confusion matrix as numbers; empty where it is too large for a table.
fn matrix(run: &RunReport) -> Vec<(&str, Vec<(String, String)>)> {
    if run.class_names.len() > MOST_CLASSES_AS_TABLE {
        return Vec::new();
    }
    let mut rows: Vec<(&str, Vec<_>)> = run
        .class_names
        .iter()
        .map(|name| (name.as_str(), Vec::new()))
        .collect();
    for cell in cells(&run.metrics.confusion) {
        rows[cell.truth]
            .1
            .push((grouped(cell.count), share_text(cell.share())));
    }
    rows
}

fn class_row(class: &ClassMetrics) -> Row<'_> {
    let mut cells: Vec<Cell> = [class.precision, class.recall, class.f1]
        .map(|value| Cell::of(Some(value)))
        .into();
    cells.push(Cell {
        text: grouped(class.support),
        value: Some(class.support as f64),
    });
    cells.extend([class.auc, class.average_precision].map(Cell::of));
    Row {
        name: &class.name,
        cells,
    }
}

fn averages(metrics: &Metrics) -> Vec<Row<'static>> {
    let (auc, precision) = (metrics.auc, metrics.average_precision);
    let rows = [
        (
            "Macro average",
            metrics.macro_average,
            [auc.macro_ovr, precision.macro_average],
        ),
        (
            "Weighted average",
            metrics.weighted,
            [auc.weighted_ovr, precision.weighted],
        ),
    ];
    let support = || Cell {
        text: grouped(photos(metrics)),
        value: None,
    };
    rows.map(|(name, average, areas)| {
        let mut cells: Vec<Cell> = [average.precision, average.recall, average.f1]
            .map(|value| Cell::of(Some(value)))
            .into();
        cells.push(support());
        cells.extend(areas.map(Cell::of));
        Row { name, cells }
    })
    .into()
}

impl Cell {
    fn of(value: Option<f64>) -> Self {
        Self {
            text: optional(value),
            value,
        }
    }

    fn sort_value(&self) -> String {
        self.value.map(|value| value.to_string()).unwrap_or_default()
    }
}

fn gallery<'a>(run: &'a RunReport, given: Vec<mistakes::Given<'a>>) -> Gallery<'a> {
    let mut gallery = Gallery::default();
    let Some(files) = &run.photos else {
        return gallery;
    };
    for photo in given {
        match mistakes::thumbnail(files, photo.path) {
            Ok(picture) => gallery.photos.push(Shown {
                path: photo.path,
                truth: &run.class_names[photo.truth],
                predicted: &run.class_names[photo.predicted],
                is_right: photo.truth == photo.predicted,
                confidence: share_text(f64::from(photo.confidence)),
                true_probability: share_text(f64::from(photo.true_probability)),
                picture,
            }),
            Err(reason) => gallery.unshown.push((photo.path, reason.to_string())),
        }
    }
    gallery
}
