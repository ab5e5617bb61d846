//! Curves, heat maps and one-file HTML pages for classifiers.
mod axis;
mod confusion;
mod error;
mod font;
mod lines;
mod page;
mod png;
mod run;
mod svg;
mod theme;

pub use confusion::confusion_chart;
pub use error::Error;
pub use lines::{accuracy_chart, learning_rate_chart, loss_chart};
pub use run::{Fact, Run, RunFiles, write_run};
pub use svg::Svg;
