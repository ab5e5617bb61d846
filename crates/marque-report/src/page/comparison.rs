//! Several runs side by side.

mod charts;
mod numbers;
mod page;
mod pairs;
mod scatter;

use std::path::{Path, PathBuf};

use marque_metrics::{Interval, RocCurve};

use crate::chart::plot::heading;
use crate::chart::svg::Node;
use crate::save::{save_chart, save_table, write};
use crate::{Error, FinishedRun, PhotoFiles, Svg, confusion_chart};
use pairs::Pair;

/// Resamples, level and seed of the intervals of the accuracy.
const RESAMPLES: usize = 2000;
const LEVEL: f64 = 0.95;
const SEED: u64 = 0;
/// How the names of the files of confusion matrices begin.
const CONFUSION: &str = "compare-confusion-";

/// Runs over the same classes, to be compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// At least two runs, in the order in which they are shown.
    pub runs: Vec<FinishedRun>,
    /// The folder of the photos, or one above it, to read thumbnails from; without it the page has none.
    pub photos: Option<PhotoFiles>,
}

/// The files that [`write_comparison`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComparisonFiles {
    /// The page.
    pub compare_html: PathBuf,
    /// One line per run.
    pub compare_csv: PathBuf,
    /// All metrics of all runs, and what holds of each pair.
    pub compare_json: PathBuf,
    /// The charts, each as SVG and as PNG.
    pub charts: Vec<PathBuf>,
}

/// Writes a comparison of runs into `folder`, which is made if it is not there: `compare.html`, `compare.csv`,
/// `compare.json` and the charts, each as `.svg` and `.png`.
///
/// Accuracies have a 95 % interval by the bootstrap over the photos, with 2000 resamples. Pairs of runs over the same
/// photos (the same paths with the same true classes, in any order) are also compared photo by photo, with McNemar's
/// exact test; other pairs are not. Each file appears whole or not at all; the page is one file that loads nothing.
///
/// # Errors
/// [`Error::TooFewRuns`] for fewer than two, [`Error::OtherClasses`] unless all runs have the same classes in the same
/// order, [`Error::Metrics`] for predictions that are not valid, [`Error::Write`] with the path at fault.
///
/// # Example
/// ```no_run
/// use std::path::Path;
/// use marque_report::{Comparison, read_run, write_comparison};
///
/// let runs = ["runs/resnet34", "runs/xception"].map(|folder| read_run(Path::new(folder)));
/// let comparison = Comparison { runs: runs.into_iter().collect::<Result<_, _>>()?, photos: None };
/// let files = write_comparison(Path::new("runs/compared"), &comparison)?;
/// println!("{}", files.compare_html.display());
/// # Ok::<(), marque_report::Error>(())
/// ```
pub fn write_comparison(folder: &Path, comparison: &Comparison) -> Result<ComparisonFiles, Error> {
    check(&comparison.runs)?;
    let measured = Measured::of(comparison)?;
    let drawn = measured.charts()?;
    let mut charts = Vec::new();
    for (name, chart) in &drawn {
        charts.extend(save_chart(folder, name, chart)?);
    }
    let compare_json = folder.join("compare.json");
    let mut json = serde_json::to_vec_pretty(&numbers::all(&measured))?;
    json.push(b'\n');
    write(&compare_json, &json)?;
    let compare_html = folder.join("compare.html");
    write(
        &compare_html,
        page::html(&measured, comparison.photos.as_ref(), &drawn)?.as_bytes(),
    )?;
    Ok(ComparisonFiles {
        compare_html,
        compare_csv: save_table(folder, "compare", &numbers::table(&measured))?,
        compare_json,
        charts,
    })
}

/// A run with what is measured for the comparison.
struct Entry<'a> {
    /// Its title, made different from those before it.
    name: String,
    run: &'a FinishedRun,
    accuracy: Option<Interval>,
    training_seconds: Option<f64>,
    roc: Option<RocCurve>,
}

/// Everything that a comparison shows.
struct Measured<'a> {
    entries: Vec<Entry<'a>>,
    pairs: Vec<Pair>,
    /// Whether the curves are means over the classes: they are where every run has one.
    macro_roc: bool,
}

impl<'a> Measured<'a> {
    fn of(comparison: &'a Comparison) -> Result<Self, Error> {
        let runs = &comparison.runs;
        let curves = runs.iter().map(|run| run.predictions.macro_roc_curve());
        let mut curves: Vec<Option<RocCurve>> = curves.collect::<Result<_, _>>()?;
        let macro_roc = curves.iter().all(Option::is_some);
        if !macro_roc {
            let micro = runs.iter().map(|run| run.predictions.micro_roc_curve());
            curves = micro.collect::<Result<_, _>>()?;
        }
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for (run, roc) in runs.iter().zip(curves) {
            entries.push(Entry {
                name: new_name(&run.details.title, &entries),
                run,
                accuracy: run.predictions.accuracy_interval(RESAMPLES, LEVEL, SEED)?,
                training_seconds: training_seconds(run),
                roc,
            });
        }
        Ok(Self {
            entries,
            pairs: pairs::all(runs)?,
            macro_roc,
        })
    }

    /// The charts with the names of their files.
    fn charts(&self) -> Result<Vec<(String, Svg)>, Error> {
        let mut charts = vec![
            (
                "compare-validation-loss".to_owned(),
                charts::validation_loss(&self.entries),
            ),
            (
                "compare-validation-accuracy".to_owned(),
                charts::validation_accuracy(&self.entries),
            ),
            (
                "compare-roc".to_owned(),
                charts::roc(&self.entries, self.macro_roc),
            ),
        ];
        let costs = [
            (
                "compare-multiply-adds",
                "multiply-adds",
                "Multiply-adds for one photo",
            ),
            ("compare-parameters", "parameters", "Trained parameters"),
        ];
        if self.entries.iter().any(|entry| entry.run.details.cost.is_some()) {
            for (file, what, axis) in costs {
                charts.push((file.to_owned(), scatter::draw(&self.entries, what, axis)));
            }
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let chart = confusion_chart(&entry.run.metrics.confusion, &entry.run.predictions.class_names)?;
            let chart = renamed(chart, format!("Confusions of {}", entry.name));
            charts.push((format!("{CONFUSION}{}", index + 1), chart));
        }
        Ok(charts)
    }
}

/// The chart under another title.
fn renamed(chart: Svg, title: String) -> Svg {
    let is_heading = |node: &Node| matches!(node, Node::Text(text) if text.content == chart.title);
    let mut nodes = chart.nodes.clone();
    for node in nodes.iter_mut().filter(|node| is_heading(node)) {
        *node = heading(&title, chart.width);
    }
    Svg {
        title,
        nodes,
        ..chart
    }
}

/// Two runs may have the same title.
fn new_name(title: &str, before: &[Entry<'_>]) -> String {
    let title = if title.trim().is_empty() { "Run" } else { title };
    let taken = |name: &str| before.iter().any(|entry| entry.name == name);
    let numbered = (2..).map(|number| format!("{title} ({number})"));
    let mut names = std::iter::once(title.to_owned()).chain(numbered);
    names
        .find(|name| !taken(name))
        .unwrap_or_else(|| title.to_owned())
}

/// The time of all epochs; `None` if there are none.
fn training_seconds(run: &FinishedRun) -> Option<f64> {
    let epochs = &run.history.epochs;
    (!epochs.is_empty()).then(|| epochs.iter().map(|epoch| epoch.seconds).sum())
}

fn check(runs: &[FinishedRun]) -> Result<(), Error> {
    let (first, others) = match runs {
        [first, others @ ..] if !others.is_empty() => (first, others),
        _ => return Err(Error::TooFewRuns { found: runs.len() }),
    };
    let expected = &first.predictions.class_names;
    for run in others {
        let found = &run.predictions.class_names;
        let differs = |index: &usize| expected.get(*index) != found.get(*index);
        if let Some(index) = (0..expected.len().max(found.len())).find(differs) {
            return Err(Error::OtherClasses {
                first: first.details.title.clone(),
                run: run.details.title.clone(),
                index,
                expected: expected.get(index).cloned(),
                found: found.get(index).cloned(),
            });
        }
    }
    Ok(())
}
