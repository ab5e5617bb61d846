//! Counters and histograms in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of times, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];
/// Upper bounds of numbers of photos.
const PHOTOS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What is counted while the server runs.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Counter<(&'static str, u16)>,
    photos: Counter<&'static str>,
    exchanges: Counter<&'static str>,
    pub(crate) classify_seconds: Histogram,
    pub(crate) decode_seconds: Histogram,
    pub(crate) compute_seconds: Histogram,
    pub(crate) batch_photos: Histogram,
    pub(crate) connections: AtomicUsize,
}

/// What is looked at when the metrics are asked for.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) queued_photos: usize,
    pub(crate) body_bytes: usize,
    pub(crate) decoders: usize,
    pub(crate) model: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Counter::default(),
            photos: Counter::default(),
            exchanges: Counter::default(),
            classify_seconds: Histogram::new(&SECONDS),
            decode_seconds: Histogram::new(&SECONDS),
            compute_seconds: Histogram::new(&SECONDS),
            batch_photos: Histogram::new(&PHOTOS),
            connections: AtomicUsize::new(0),
        }
    }
}

impl Metrics {
    /// A request that was answered.
    pub(crate) fn request(&self, route: &'static str, status: u16) {
        self.requests.add((route, status));
    }

    /// A photo that was answered, or the kind of its problem.
    pub(crate) fn photo(&self, outcome: &'static str) {
        self.photos.add(outcome);
    }

    /// A model that was read, or one that could not be.
    pub(crate) fn exchange(&self, outcome: &'static str) {
        self.exchanges.add(outcome);
    }

    /// All of it as text.
    pub(crate) fn text(&self, now: &Now) -> String {
        let mut page = Page::default();
        page.head("marque_requests_total", "counter", "Requests that were answered.");
        for ((route, status), count) in self.requests.all() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            page.line("marque_requests_total", &labels, count);
        }
        page.head("marque_photos_total", "counter", "Photos by what became of them.");
        for (outcome, count) in self.photos.all() {
            page.line("marque_photos_total", &format!("outcome=\"{outcome}\""), count);
        }
        page.head("marque_model_reads_total", "counter", "Exchanges of the model.");
        for (outcome, count) in self.exchanges.all() {
            page.line(
                "marque_model_reads_total",
                &format!("outcome=\"{outcome}\""),
                count,
            );
        }
        page.histogram(
            "marque_classify_seconds",
            "From the head of a request to its answer.",
            &self.classify_seconds,
        );
        page.histogram(
            "marque_decode_seconds",
            "Decoding and resizing a photo.",
            &self.decode_seconds,
        );
        page.histogram(
            "marque_compute_seconds",
            "Computing a batch.",
            &self.compute_seconds,
        );
        page.histogram("marque_batch_photos", "Photos in a batch.", &self.batch_photos);
        page.gauge(
            "marque_connections",
            "Open connections.",
            self.connections.load(Ordering::Relaxed),
        );
        page.gauge(
            "marque_queued_photos",
            "Photos that wait or are worked on.",
            now.queued_photos,
        );
        page.gauge("marque_body_bytes", "Memory that bodies take.", now.body_bytes);
        page.gauge("marque_decoding_threads", "Threads that decode.", now.decoders);
        if let Some(bytes) = resident_bytes() {
            page.gauge(
                "process_resident_memory_bytes",
                "Memory that the process takes.",
                bytes,
            );
        }
        page.head("marque_model_info", "gauge", "The model that answers.");
        page.line("marque_model_info", &format!("model=\"{}\"", now.model), 1);
        page.text
    }
}

/// Counts by label.
#[derive(Debug)]
struct Counter<Label>(Mutex<BTreeMap<Label, u64>>);

impl<Label> Default for Counter<Label> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<Label: Ord + Copy> Counter<Label> {
    fn add(&self, label: Label) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(label).or_default() += 1;
    }

    fn all(&self) -> Vec<(Label, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(&label, &count)| (label, count)).collect()
    }
}

/// How many values lie below each bound.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    /// Values up to each bound and above the one before it; those above all bounds last.
    counts: Vec<AtomicU64>,
    /// In millionths.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, time: Duration) {
        let millionths = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.add(time.as_secs_f64(), millionths);
    }

    pub(crate) fn observe_value(&self, value: u64) {
        self.add(value as f64, value.saturating_mul(1_000_000));
    }

    fn add(&self, value: f64, millionths: u64) {
        let place = self.bounds.partition_point(|&bound| bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(millionths, Ordering::Relaxed);
    }
}

/// The text as it grows. Writing to a string cannot fail.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.text, "{name}{{{labels}}} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut count = 0;
        let bounds = histogram.bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, own) in bounds.zip(&histogram.counts) {
            count += own.load(Ordering::Relaxed);
            let labels = format!("le=\"{}\"", Bound(bound));
            self.line(&format!("{name}_bucket"), &labels, count);
        }
        let sum = histogram.sum.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(self.text, "{name}_sum {sum}\n{name}_count {count}");
    }
}

/// A bound as Prometheus writes it.
struct Bound(f64);

impl Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_infinite() {
            formatter.write_str("+Inf")
        } else {
            write!(formatter, "{}", self.0)
        }
    }
}

/// Memory that the process takes, where Linux says it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_all_that_lies_below_their_bound() {
        let metrics = Metrics::default();
        for photos in [1, 2, 2, 500] {
            metrics.batch_photos.observe_value(photos);
        }
        metrics.request("/classify", 200);
        metrics.request("/classify", 200);
        let text = metrics.text(&Now {
            queued_photos: 3,
            body_bytes: 4,
            decoders: 2,
            model: "0123".to_owned(),
        });
        for line in [
            "marque_requests_total{route=\"/classify\",status=\"200\"} 2",
            "marque_batch_photos_bucket{le=\"1\"} 1",
            "marque_batch_photos_bucket{le=\"2\"} 3",
            "marque_batch_photos_bucket{le=\"256\"} 3",
            "marque_batch_photos_bucket{le=\"+Inf\"} 4",
            "marque_batch_photos_sum 505",
            "marque_batch_photos_count 4",
            "marque_queued_photos 3",
            "marque_model_info{model=\"0123\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
