//! Test accuracy over wall time.

use crate::Error;
use marque_report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use marque_train::{Event, Examples, Observer, evaluate};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The points so far, for a run that is gone on with.
const KEPT: &str = ".curve.json";

/// Measures the test photos after every epoch.
pub(crate) struct Curve {
    /// When a run that was never left would have begun.
    begun: Instant,
    before: f64,
    test: Examples,
    kept: PathBuf,
    points: Vec<Point>,
}

/// An epoch of the curve.
#[derive(Serialize, Deserialize)]
struct Point {
    epoch: u32,
    seconds: f64,
    validation_accuracy: Option<f64>,
    test_accuracy: f64,
}

impl Curve {
    /// A curve that goes on behind so many epochs of what the folder has of it.
    pub(crate) fn new(begun: Instant, test: Examples, folder: &Path, epochs: usize) -> Result<Self, Error> {
        let kept = folder.join(KEPT);
        let mut points: Vec<Point> = match std::fs::read(&kept) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| Error::Record {
                path: kept.clone(),
                reason: error.to_string(),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(Error::Log { path: kept, source }),
        };
        points.truncate(epochs);
        Ok(Self {
            begun,
            before: points.last().map_or(0.0, |point| point.seconds),
            test,
            kept,
            points,
        })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let mut table = Table::new(["epoch", "seconds", "validation_accuracy", "test_accuracy"]);
        for point in &self.points {
            table.push([
                point.epoch.to_string(),
                format!("{:.1}", point.seconds),
                point
                    .validation_accuracy
                    .map_or(String::new(), |accuracy| format!("{accuracy:.4}")),
                format!("{:.4}", point.test_accuracy),
            ]);
        }
        let points = self
            .points
            .iter()
            .map(|point| (point.seconds / 60.0, point.test_accuracy));
        let chart = LineChart {
            title: "Test accuracy over wall time".to_owned(),
            x: AxisOptions::linear("Minutes"),
            y: AxisOptions::linear("Test accuracy"),
            series: vec![Series::new("test", points)],
        };
        save_table(folder, "curve", &table)?;
        save_chart(folder, "curve", &chart.draw())?;
        // It has done what it was for.
        let _ = std::fs::remove_file(&self.kept);
        Ok(())
    }
}

impl Observer for Curve {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        let Event::EpochEnd { record, network, .. } = event else {
            return Ok(());
        };
        let seconds = self.before + self.begun.elapsed().as_secs_f64();
        let test = evaluate(network, &self.test)?;
        self.points.push(Point {
            epoch: record.epoch,
            seconds,
            validation_accuracy: record.validation_accuracy,
            test_accuracy: test.accuracy,
        });
        let written = marque_fs::write_atomically(&self.kept, |file| {
            serde_json::to_writer(file, &self.points).map_err(Into::into)
        });
        written.map_err(|source| {
            marque_train::Error::observer(Error::Log {
                path: self.kept.clone(),
                source,
            })
        })
    }
}
