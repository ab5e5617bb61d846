//! Charts and tables as files.

use std::io::Write;
use std::path::{Path, PathBuf};

use marque_metrics::History;

use crate::{Error, Svg, Table};

/// Pixels of a PNG per CSS pixel: sharp on screens of today and in print.
const PNG_SCALE: f32 = 2.0;

/// Writes a chart into `folder`, which is made if it is not there, as `NAME.svg` and as `NAME.png` at two pixels per
/// CSS pixel; gives their paths in this order. Each file appears whole or not at all.
///
/// # Errors
/// [`Error::PictureSize`] for a chart too large for a PNG, [`Error::Write`] with the path at fault.
///
/// # Example
/// ```
/// use marque_report::{LineChart, Series, save_chart};
///
/// let squares = Series::new("n²", (0..5).map(|n| (f64::from(n), f64::from(n * n))));
/// let chart = LineChart { series: vec![squares], ..LineChart::default() };
/// let folder = tempfile::tempdir()?;
/// let [svg, png] = save_chart(folder.path(), "squares", &chart.draw())?;
/// assert!(std::fs::read_to_string(svg)?.starts_with("<svg"));
/// assert!(png.ends_with("squares.png"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_chart(folder: &Path, name: &str, chart: &Svg) -> Result<[PathBuf; 2], Error> {
    let files = ["svg", "png"].map(|ending| folder.join(format!("{name}.{ending}")));
    write(&files[0], chart.to_string().as_bytes())?;
    write(&files[1], &chart.to_png(PNG_SCALE)?)?;
    Ok(files)
}

/// Writes a table into `folder`, which is made if it is not there, as `NAME.csv`; gives its path.
///
/// # Errors
/// [`Error::Write`] with the path at fault.
pub fn save_table(folder: &Path, name: &str, table: &Table) -> Result<PathBuf, Error> {
    let file = folder.join(format!("{name}.csv"));
    write(&file, table.to_csv().as_bytes())?;
    Ok(file)
}

/// Writes a history into `folder`, which is made if it is not there, as `NAME.csv`; gives its path.
///
/// # Errors
/// [`Error::Metrics`] if it cannot be put into lines, [`Error::Write`] with the path at fault.
pub fn save_history(folder: &Path, name: &str, history: &History) -> Result<PathBuf, Error> {
    let file = folder.join(format!("{name}.csv"));
    let mut lines = Vec::new();
    history.write_csv(&mut lines)?;
    write(&file, &lines)?;
    Ok(file)
}

pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    marque_fs::write_atomically(path, |file| file.write_all(content)).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LineChart;

    #[test]
    fn charts_and_tables_lie_side_by_side_and_a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("run/figures");
        let [svg, png] = save_chart(&inner, "empty", &LineChart::default().draw()).unwrap();
        let csv = save_table(&inner, "empty", &Table::new(["a", "b"])).unwrap();
        assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
        assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
        assert_eq!(std::fs::read_to_string(&csv).unwrap(), "a,b\n");
        let history = save_history(&inner, "history", &History::default()).unwrap();
        assert!(
            std::fs::read_to_string(history)
                .unwrap()
                .starts_with("epoch,train_loss")
        );
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 4);

        let error = save_table(&csv, "below", &Table::new(["a"])).unwrap_err();
        assert!(error.to_string().contains("below.csv"), "{error}");
    }
}
