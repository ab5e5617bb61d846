#![doc = include_str!("../README.md")]

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
    Comparison, ComparisonFiles, Cost, Explanation, Fact, FinishedRun, PhotoFiles, RunDetails, RunFiles,
    RunReport, Stage, TablePage, read_run, write_comparison, write_run,
};
pub use save::{save_chart, save_history, save_table};
pub use table::Table;
