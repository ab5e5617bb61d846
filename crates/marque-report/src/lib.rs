//! Curves, heat maps and one-file HTML pages for classifiers.
//!
//! Numbers in (those of [`marque_metrics`], or any others), pictures and pages out; this crate knows neither networks
//! nor training.
//!
//! | from | to |
//! | --- | --- |
//! | a [`History`](marque_metrics::History) | [`loss_chart`], [`accuracy_chart`], [`learning_rate_chart`] |
//! | counts and class names | [`confusion_chart`] |
//! | [`Predictions`](marque_metrics::Predictions) | [`roc_chart`], [`precision_recall_chart`], [`reliability_chart`] |
//! | a photo and how much each place matters | [`heat_overlay`] |
//! | any points | [`LineChart`]: up to eight lines and more, linear or logarithmic |
//! | a `Grid` of values | `contour_chart` from above, `surface_chart` from the side (feature `landscape`) |
//! | a chart, a [`Table`], a history | [`save_chart`], [`save_table`], [`save_history`]: files in a folder |
//! | folders of runs | [`read_run`], and several side by side: [`write_comparison`] |
//! | a whole [`RunReport`] | [`write_run`]: tables, charts and the page in one folder; [`read_run`] reads it back |
//!
//! Every chart is an [`Svg`], which is also the one source of its PNG. The font is carried along, so a picture is the
//! same on any machine. The page loads nothing: style, font, script, drawings and thumbnails are in the one file, in
//! a light and a dark theme. Whatever comes from outside (class names, paths, settings) is escaped.
//!
//! # Example
//! ```
//! use marque_metrics::{History, Predictions};
//! use marque_report::{Fact, RunReport, write_run};
//! use ndarray::array;
//!
//! let class_names = vec!["Sedan".to_owned(), "Pickup Truck".to_owned()];
//! let predictions = Predictions {
//!     class_names: class_names.clone(),
//!     paths: vec!["sedan/1.jpg".to_owned(), "pickup/1.jpg".to_owned()],
//!     labels: vec![0, 1],
//!     probabilities: array![[0.9, 0.1], [0.6, 0.4]],
//! };
//! let run = RunReport {
//!     title: "Two photos".to_owned(),
//!     class_names,
//!     history: History::default(),
//!     metrics: predictions.metrics()?,
//!     predictions,
//!     facts: vec![Fact::new("Seed", 42)],
//!     architecture_svg: None,
//!     command: None,
//!     skipped: Vec::new(),
//!     photo_root: None,
//!     cost: None,
//!     stages: Vec::new(),
//!     explanations: Vec::new(),
//! };
//! let folder = tempfile::tempdir()?;
//! let files = write_run(folder.path(), &run)?;
//! assert!(std::fs::read_to_string(files.report_html)?.contains("1 of 2 test photos"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chart;
mod curve_tables;
mod error;
mod number;
mod page;
mod save;
mod table;

pub use chart::{
    AxisOptions, LineChart, Scale, Series, Svg, accuracy_chart, confusion_chart, heat_overlay,
    learning_rate_chart, loss_chart, precision_recall_chart, reliability_chart, roc_chart,
};
#[cfg(feature = "landscape")]
pub use chart::{ContourOptions, Grid, SurfaceOptions, contour_chart, surface_chart};
pub use curve_tables::{precision_recall_table, reliability_table, roc_table};
pub use error::Error;
pub use page::{
    Comparison, ComparisonFiles, Cost, Explanation, Fact, FinishedRun, RunDetails, RunFiles, RunReport,
    Stage, read_run, write_comparison, write_run,
};
pub use save::{save_chart, save_history, save_table};
pub use table::Table;
