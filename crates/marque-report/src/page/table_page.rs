//! A table as a page of its own, which its reader can sort.

use std::path::{Path, PathBuf};

use askama::Template;

use super::assets::{SCRIPT, style};
use crate::{Error, Table};

/// A table with a heading and some lines of text.
///
/// ```
/// use marque_report::{Table, TablePage};
///
/// let mut table = Table::new(["trial", "accuracy"]);
/// table.push(["1", "0.91"]);
/// let page = TablePage {
///     kind: "Search".to_owned(),
///     title: "Learning rates".to_owned(),
///     lead: "The best first.".to_owned(),
///     caption: "Trials".to_owned(),
///     table,
///     notes: vec!["One seed each.".to_owned()],
/// };
/// let folder = tempfile::tempdir()?;
/// let file = page.write(folder.path(), "search")?;
/// assert!(std::fs::read_to_string(file)?.contains("0.91"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TablePage {
    /// What kind of page it is, above the title.
    pub kind: String,
    /// The heading.
    pub title: String,
    /// A sentence or two below it.
    pub lead: String,
    /// What the table shows.
    pub caption: String,
    /// The table. Cells that are numbers are sorted as such.
    pub table: Table,
    /// Paragraphs below it.
    pub notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "table.html")]
struct View<'a> {
    style: String,
    script: &'static str,
    version: &'static str,
    page: &'a TablePage,
    columns: Vec<Column<'a>>,
    rows: Vec<Vec<Cell<'a>>>,
}

struct Column<'a> {
    name: &'a str,
    is_number: bool,
}

struct Cell<'a> {
    text: &'a str,
    /// What the cell is sorted by, where it is a number.
    value: Option<f64>,
}

impl TablePage {
    /// Writes the page into `folder`, which is made if it is not there, as `NAME.html`; gives its path.
    ///
    /// # Errors
    /// [`Error::Write`] with the path at fault.
    pub fn write(&self, folder: &Path, name: &str) -> Result<PathBuf, Error> {
        let rows: Vec<Vec<Cell<'_>>> = self.table.rows().iter().map(|row| cells(row)).collect();
        let is_number = |column: usize| {
            let mut cells = rows.iter().filter_map(|row| row.get(column));
            cells.all(|cell| cell.value.is_some() || cell.text.is_empty())
        };
        let columns = self
            .table
            .columns()
            .iter()
            .enumerate()
            .map(|(place, name)| Column {
                name,
                is_number: is_number(place),
            });
        let columns = columns.collect();
        let view = View {
            style: style(),
            script: SCRIPT,
            version: env!("CARGO_PKG_VERSION"),
            page: self,
            columns,
            rows,
        };
        let file = folder.join(format!("{name}.html"));
        crate::save::write(&file, view.render()?.as_bytes())?;
        Ok(file)
    }
}

fn cells(row: &[String]) -> Vec<Cell<'_>> {
    let number = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
    let cells = row.iter().map(|text| Cell {
        text,
        value: number(text),
    });
    cells.collect()
}
