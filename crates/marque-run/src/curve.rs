//! Test accuracy over wall time.

use crate::Error;
use marque_report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use marque_train::{Event, Examples, Observer, evaluate};
use std::path::Path;
use std::time::Instant;

/// Measures the test photos after every epoch.
pub(crate) struct Curve {
    begun: Instant,
    test: Examples,
    table: Table,
    points: Vec<(f64, f64)>,
}

impl Curve {
    pub(crate) fn new(begun: Instant, test: Examples) -> Self {
        Self {
            begun,
            test,
            table: Table::new(["epoch", "seconds", "validation_accuracy", "test_accuracy"]),
            points: Vec::new(),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let chart = LineChart {
            title: "Test accuracy over wall time".to_owned(),
            x: AxisOptions::linear("Minutes"),
            y: AxisOptions::linear("Test accuracy"),
            series: vec![Series::new("test", self.points.iter().copied())],
        };
        save_table(folder, "curve", &self.table)?;
        save_chart(folder, "curve", &chart.draw())?;
        Ok(())
    }
}

impl Observer for Curve {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        let Event::EpochEnd { record, network, .. } = event else {
            return Ok(());
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        let test = evaluate(network, &self.test)?;
        let validation = record.validation_accuracy;
        self.points.push((seconds / 60.0, test.accuracy));
        self.table.push([
            record.epoch.to_string(),
            format!("{seconds:.1}"),
            validation.map_or(String::new(), |accuracy| format!("{accuracy:.4}")),
            format!("{:.4}", test.accuracy),
        ]);
        Ok(())
    }
}
