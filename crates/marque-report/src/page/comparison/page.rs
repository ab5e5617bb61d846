//! The page of a comparison.

use askama::Template;

use super::pairs::{Disagreement, Pair, Photos};
use super::{Entry, LEVEL, Measured, RESAMPLES};
use crate::chart::cells::share_text;
use crate::number::{Unit, grouped, value_text};
use crate::page::assets::{SCRIPT, style};
use crate::page::mistakes::{self, Thumbnail};
use crate::page::wording::{duration, optional};
use crate::{Error, PhotoFiles, Svg};

/// Photos of one list of a pair that are shown.
const MOST_PHOTOS: usize = 6;
/// In a comparison of many runs the photos of further pairs would make the page too large.
const MOST_PAIRS_WITH_PHOTOS: usize = 10;
/// With more classes than this a matrix is in the files beside the page only.
const MOST_CLASSES_INLINE: usize = 60;

/// The page, with the charts of `drawn`; photos are read from `photos`.
pub(super) fn html(
    measured: &Measured<'_>,
    photos: Option<&PhotoFiles>,
    drawn: &[(String, Svg)],
) -> Result<String, Error> {
    let chart = |(name, chart): &(String, Svg)| chart.inline(name);
    let is_matrix = |(name, _): &&(String, Svg)| name.starts_with(super::CONFUSION);
    let (matrices, charts): (Vec<_>, Vec<_>) = drawn.iter().partition(is_matrix);
    let is_small = measured
        .entries
        .iter()
        .all(|entry| entry.run.predictions.class_names.len() <= MOST_CLASSES_INLINE);
    let page = Page {
        style: style(),
        script: SCRIPT,
        version: env!("CARGO_PKG_VERSION"),
        title: format!("{} runs compared", measured.entries.len()),
        lead: lead(measured),
        level: value_text(LEVEL, Unit::Percent).replace(".0", ""),
        resamples: grouped(RESAMPLES as u64),
        rows: measured.entries.iter().map(row).collect(),
        costs: measured.entries.iter().map(cost_row).collect(),
        charts: charts.into_iter().map(chart).collect(),
        matrices: match is_small {
            true => matrices.into_iter().map(chart).collect(),
            false => Vec::new(),
        },
        pairs: pairs(measured, photos),
        has_photos: photos.is_some(),
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page<'a> {
    style: String,
    script: &'static str,
    version: &'static str,
    title: String,
    lead: String,
    level: String,
    resamples: String,
    rows: Vec<Row<'a>>,
    costs: Vec<Row<'a>>,
    charts: Vec<String>,
    matrices: Vec<String>,
    pairs: Vec<PairView<'a>>,
    has_photos: bool,
}

/// A run in a table.
struct Row<'a> {
    name: &'a str,
    cells: Vec<Cell>,
}

/// A number as it is shown, and as it is sorted by; empty where it is not known.
struct Cell {
    text: String,
    value: String,
}

impl Cell {
    fn new(text: impl Into<String>, value: Option<f64>) -> Self {
        Self {
            text: text.into(),
            value: value.map(|value| value.to_string()).unwrap_or_default(),
        }
    }

    fn or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> Self {
        Self::new(value.map_or_else(|| "–".to_owned(), text), value)
    }
}

struct PairView<'a> {
    first: &'a str,
    second: &'a str,
    /// Counts and the p-value; `None` where the photos differ.
    counts: Option<[String; 3]>,
    lists: Vec<List<'a>>,
}

/// Photos that one run gets right and the other does not.
struct List<'a> {
    right: &'a str,
    wrong: &'a str,
    count: usize,
    shown: Vec<Shown<'a>>,
    /// Photos that cannot be shown, with the reason.
    unshown: Vec<(&'a str, String)>,
}

struct Shown<'a> {
    photo: &'a Disagreement,
    truth: &'a str,
    mistaken_for: &'a str,
    confidence: String,
    picture: Thumbnail,
}

fn lead(measured: &Measured<'_>) -> String {
    let accuracy = |entry: &&Entry<'_>| entry.run.metrics.accuracy;
    let best = measured
        .entries
        .iter()
        .max_by(|a, b| accuracy(a).total_cmp(&accuracy(b)));
    let share = best.map_or_else(String::new, |best| {
        let best_accuracy = accuracy(&best);
        let equal = measured
            .entries
            .iter()
            .filter(|entry| accuracy(entry) == best_accuracy);
        let text = value_text(best_accuracy, Unit::Percent);
        match equal.count() {
            1 => format!("{} has the highest test accuracy, {text}.", best.name),
            several => format!("{several} runs have the highest test accuracy, {text}."),
        }
    });
    let same = measured.pairs.iter().all(|pair| pair.photos.is_some());
    let photos = measured
        .entries
        .first()
        .map_or(0, |entry| entry.run.predictions.labels.len());
    match same {
        true if photos == 1 => format!("{share} All runs were tested on the same photo."),
        true => format!(
            "{share} All runs were tested on the same {} photos.",
            grouped(photos as u64)
        ),
        false => format!(
            "{share} Not all runs were tested on the same photos, so that differences may come from the photos too."
        ),
    }
}

fn row<'a>(entry: &'a Entry<'_>) -> Row<'a> {
    let metrics = &entry.run.metrics;
    let average = metrics.macro_average;
    let percent = |value| value_text(value, Unit::Percent);
    let interval = entry.accuracy.map_or_else(
        || "–".to_owned(),
        |interval| format!("{:.1} – {}", interval.lower * 100.0, percent(interval.upper)),
    );
    let photos = entry.run.predictions.labels.len();
    let fraction = |value: f64| Cell::new(format!("{value:.3}"), Some(value));
    Row {
        name: &entry.name,
        cells: vec![
            Cell::new(percent(metrics.accuracy), Some(metrics.accuracy)),
            Cell::new(interval, entry.accuracy.map(|interval| interval.lower)),
            Cell::new(
                percent(metrics.balanced_accuracy),
                Some(metrics.balanced_accuracy),
            ),
            fraction(average.precision),
            fraction(average.recall),
            fraction(average.f1),
            Cell::new(optional(metrics.auc.macro_ovr), metrics.auc.macro_ovr),
            fraction(metrics.log_loss),
            Cell::new(grouped(photos as u64), Some(photos as f64)),
        ],
    }
}

fn cost_row<'a>(entry: &'a Entry<'_>) -> Row<'a> {
    let cost = entry.run.details.cost;
    let count = |value: Option<u64>| {
        Cell::new(
            value.map_or_else(|| "–".to_owned(), grouped),
            value.map(|value| value as f64),
        )
    };
    let epochs = Some(entry.run.history.epochs.len() as u64).filter(|&epochs| epochs > 0);
    Row {
        name: &entry.name,
        cells: vec![
            count(cost.map(|cost| cost.parameters)),
            count(cost.map(|cost| cost.multiply_adds)),
            Cell::or_dash(cost.and_then(|cost| cost.latency_seconds), latency),
            Cell::or_dash(entry.training_seconds, duration),
            count(epochs),
        ],
    }
}

/// The time of one photo: thousandths of a second are what people compare.
fn latency(seconds: f64) -> String {
    format!("{} ms", value_text(seconds * 1e3, Unit::Plain))
}

fn pairs<'a>(measured: &'a Measured<'_>, photos: Option<&PhotoFiles>) -> Vec<PairView<'a>> {
    let same = measured.pairs.iter().filter(|pair| pair.photos.is_some()).count();
    let files = photos.filter(|_| same <= MOST_PAIRS_WITH_PHOTOS);
    measured
        .pairs
        .iter()
        .map(|pair| pair_view(measured, pair, files))
        .collect()
}

fn pair_view<'a>(measured: &'a Measured<'_>, pair: &'a Pair, files: Option<&PhotoFiles>) -> PairView<'a> {
    let (first, second) = (&measured.entries[pair.first], &measured.entries[pair.second]);
    let counts = |photos: &Photos| {
        [
            grouped(photos.test.only_first_right),
            grouped(photos.test.only_second_right),
            p_value(photos.test.p_value),
        ]
    };
    let lists = pair.photos.iter().flat_map(|photos| {
        [
            (first, second, &photos.only_first),
            (second, first, &photos.only_second),
        ]
    });
    PairView {
        first: &first.name,
        second: &second.name,
        counts: pair.photos.as_ref().map(counts),
        lists: lists
            .filter(|(_, _, photos)| !photos.is_empty())
            .map(|(right, wrong, photos)| {
                let mut list = List {
                    right: &right.name,
                    wrong: &wrong.name,
                    count: photos.len(),
                    shown: Vec::new(),
                    unshown: Vec::new(),
                };
                list.fill(photos, &right.run.predictions.class_names, files);
                list
            })
            .collect(),
    }
}

impl<'a> List<'a> {
    fn fill(&mut self, photos: &'a [Disagreement], class_names: &'a [String], files: Option<&PhotoFiles>) {
        let Some(files) = files else {
            return;
        };
        for photo in photos.iter().take(MOST_PHOTOS) {
            match mistakes::thumbnail(files, &files.found(&photo.path)) {
                Ok(picture) => self.shown.push(Shown {
                    photo,
                    truth: &class_names[photo.truth],
                    mistaken_for: &class_names[photo.mistaken_for],
                    confidence: share_text(f64::from(photo.confidence)),
                    picture,
                }),
                Err(reason) => self.unshown.push((&photo.path, reason.to_string())),
            }
        }
    }
}

/// As a reader needs it: very small chances are all alike.
fn p_value(value: f64) -> String {
    match value {
        ..0.0001 => "< 0.0001".to_owned(),
        _ => value_text(value, Unit::Plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_short() {
        let texts = [0.0, 5e-300, 0.0002, 0.0412, 1.0].map(p_value);
        assert_eq!(texts, ["< 0.0001", "< 0.0001", "2×10⁻⁴", "0.0412", "1.00"]);
    }
}
