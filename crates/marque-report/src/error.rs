use std::io;
use std::path::PathBuf;

/// What can go wrong while a chart or a report is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the report could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A file of a run could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A table of a run is not one.
    #[error("{} is not usable", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: marque_metrics::Error,
    },
    /// A `run.json` does not say what a run was.
    #[error("{} does not describe a run", path.display())]
    Details {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: serde_json::Error,
    },
    /// Too few runs to compare.
    #[error("a comparison needs at least two runs, found {found}")]
    TooFewRuns {
        /// The runs there are.
        found: usize,
    },
    /// Runs over different classes cannot be compared.
    #[error(
        "the run {run:?} has other classes than {first:?}: class {index} is {}, expected {}",
        name(found),
        name(expected)
    )]
    OtherClasses {
        /// The title of the first run.
        first: String,
        /// The title of the run at fault.
        run: String,
        /// The first class that differs, from zero.
        index: usize,
        /// Its name in the first run; `None` if that has fewer classes.
        expected: Option<String>,
        /// Its name in the run at fault; `None` if that has fewer classes.
        found: Option<String>,
    },
    /// Two parts of a run do not belong together.
    #[error("the run does not fit together: {what}: expected {expected}, found {found}")]
    Inconsistent {
        /// What was compared.
        what: &'static str,
        /// The number there should be.
        expected: usize,
        /// The number there is.
        found: usize,
    },
    /// The predictions or the history cannot be written or read as numbers.
    #[error("the numbers of the run are not usable")]
    Metrics(#[from] marque_metrics::Error),
    /// The metrics cannot be written as JSON.
    #[error("cannot write the metrics as JSON")]
    Json(#[from] serde_json::Error),
    /// A chart would be too large, or have no size at all, as a picture of pixels.
    #[error("a picture of {width} × {height} pixels cannot be made: each side must be between 1 and {limit}")]
    PictureSize {
        /// The width that was asked for, in pixels.
        width: f32,
        /// The height that was asked for, in pixels.
        height: f32,
        /// The longest side that is made.
        limit: u32,
    },
    /// A grid has too few values to be drawn, or too many.
    #[cfg(feature = "landscape")]
    #[error("the grid has {found} {what}: expected from 2 to {limit}")]
    GridSize {
        /// Which side of the grid: `rows` or `columns`.
        what: &'static str,
        /// The most values of a side.
        limit: usize,
        /// The values there are.
        found: usize,
    },
    /// The coordinates of a grid do not belong to its values.
    #[cfg(feature = "landscape")]
    #[error("the grid does not fit together: expected {expected} {axis} coordinates, found {found}")]
    GridShape {
        /// Which coordinates: `x`, one per column, or `y`, one per row.
        axis: &'static str,
        /// The number there should be.
        expected: usize,
        /// The number there is.
        found: usize,
    },
    /// The coordinates of a grid do not ascend.
    #[cfg(feature = "landscape")]
    #[error("{axis} coordinate {index} must be above {above:e} and below 1e100, found {found:e}")]
    Coordinate {
        /// Which coordinates: `x` or `y`.
        axis: &'static str,
        /// The position among them, from zero.
        index: usize,
        /// The coordinate before it, or the least that is drawn.
        above: f64,
        /// The coordinate at fault.
        found: f64,
    },
    /// A setting of a chart is out of its range.
    #[cfg(feature = "landscape")]
    #[error("{what} must be {expected}, found {found}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// A chart could not be drawn as pixels.
    #[error("cannot draw the chart \"{title}\"")]
    Draw {
        /// The title of the chart.
        title: String,
        /// What the renderer said.
        source: resvg::usvg::Error,
    },
    /// A picture could not be encoded.
    #[error("cannot encode a picture")]
    Encode(#[from] image::ImageError),
    /// The page could not be put together.
    #[error("cannot put the page together")]
    Page(#[from] askama::Error),
}

/// A class as a message names it.
fn name(class: &Option<String>) -> String {
    class
        .as_ref()
        .map_or_else(|| "absent".to_owned(), |name| format!("{name:?}"))
}
