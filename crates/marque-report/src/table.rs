//! Tables of text.

use std::fmt;

/// Rows of text under named columns. Its `Display` form is a table in Markdown.
///
/// # Example
/// ```
/// let mut table = marque_report::Table::new(["network", "error"]);
/// table.push(["plain34", "0.2854"]);
/// assert_eq!(table.to_string(), "| network | error |\n| --- | --- |\n| plain34 | 0.2854 |\n");
/// assert_eq!(table.to_csv(), "network,error\nplain34,0.2854\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells that it lacks are empty; it has none beyond the columns.
    pub fn push<T: Into<String>>(&mut self, row: impl IntoIterator<Item = T>) {
        let mut row: Vec<String> = row.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// As comma-separated values (RFC 4180, with plain line ends): the columns' names, then the rows.
    pub fn to_csv(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
            cells.join(",") + "\n"
        };
        self.lines().map(line).collect()
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.columns).chain(&self.rows)
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cells) in self.lines().enumerate() {
            for cell in cells {
                write!(out, "| {} ", cell.replace('|', "\\|").replace(['\n', '\r'], " "))?;
            }
            writeln!(out, "|")?;
            if index == 0 {
                writeln!(out, "|{}", " --- |".repeat(cells.len()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_the_table() {
        let mut table = Table::new(["a,b", "c|d"]);
        table.push(["say \"x\"", "two\nlines", "one too many"]);
        table.push(["short"]);
        assert_eq!(
            table.to_csv(),
            "\"a,b\",c|d\n\"say \"\"x\"\"\",\"two\nlines\"\nshort,\n"
        );
        assert_eq!(
            table.to_string(),
            "| a,b | c\\|d |\n| --- | --- |\n| say \"x\" | two lines |\n| short |  |\n"
        );
    }
}
