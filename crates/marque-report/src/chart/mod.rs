//! Everything that draws one picture.

pub(crate) mod axis;
pub(crate) mod cells;
mod colour_map;
mod confusion;
pub(crate) mod curves;
pub(crate) mod font;
#[cfg(feature = "landscape")]
mod landscape;
mod legend;
mod line_chart;
mod lines;
mod log_axis;
pub(crate) mod names;
mod overlay;
pub(crate) mod plot;
mod png;
mod ranking_charts;
pub(crate) mod reliability;
mod scale;
pub(crate) mod svg;
pub(crate) mod theme;
mod write;

pub use confusion::confusion_chart;
#[cfg(feature = "landscape")]
pub use landscape::{ContourOptions, Grid, SurfaceOptions, contour_chart, surface_chart};
pub use line_chart::{AxisOptions, LineChart, Series};
pub use lines::{accuracy_chart, learning_rate_chart, loss_chart};
pub use overlay::heat_overlay;
pub use ranking_charts::{precision_recall_chart, roc_chart};
pub use reliability::reliability_chart;
pub use scale::Scale;
pub use svg::Svg;
