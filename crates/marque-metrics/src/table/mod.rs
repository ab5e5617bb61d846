//! Reading tables of text that may come from anyone.

mod separator;
mod text;

use std::io::{self, Read};
use std::str::FromStr;

use csv::{ErrorKind, StringRecord};

use crate::error::Error;
pub(crate) use separator::Separator;
pub use text::MAX_RECORD_BYTES;
use text::PlainText;
pub(crate) use text::Start;

/// The lines of a table, each with as many fields as the first.
pub(crate) struct Rows<R> {
    reader: csv::Reader<PlainText<R>>,
}

/// One line of a table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) fields: StringRecord,
    /// Where it starts, counted from 1.
    pub(crate) line: u64,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(start: Start<R>, separator: Separator) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(separator.byte())
            .from_reader(start.into_text(Some(separator.byte())));
        Self { reader }
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let mut fields = StringRecord::new();
        if !self.reader.read_record(&mut fields).map_err(table_error)? {
            return Ok(None);
        }
        let line = fields.position().map_or(0, csv::Position::line);
        Ok(Some(Row { fields, line }))
    }
}

impl Row {
    /// The text of a column without the spaces around it.
    pub(crate) fn trimmed(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or_default().trim()
    }

    /// The error for a field of the column with this name that is not what it should be.
    pub(crate) fn field_error(&self, column: usize, name: String, expected: &str) -> Error {
        Error::Field {
            line: self.line,
            column: name,
            expected: expected.to_owned(),
            found: shortened(self.fields.get(column).unwrap_or_default()),
        }
    }

    /// The error for numbers that cannot be.
    pub(crate) fn error(&self, source: Error) -> Error {
        Error::Line {
            line: self.line,
            source: Box::new(source),
        }
    }
}

/// The records of a table after its header.
pub(crate) struct TableReader<R> {
    rows: Rows<R>,
    separator: Separator,
    header: StringRecord,
}

impl<R: Read> TableReader<R> {
    /// Reads the header, whose first column is to have the name `first`. An empty file has a header without columns.
    pub(crate) fn new(source: R, first: &str) -> Result<Self, Error> {
        let start = Start::of(source)?;
        let separator = Separator::after(first, &start.bytes);
        let mut rows = Rows::new(start, separator);
        let header = rows.next_row()?.map(|row| row.fields).unwrap_or_default();
        Ok(Self {
            rows,
            separator,
            header,
        })
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &StringRecord {
        &self.header
    }

    /// The next record, which has as many fields as there are columns.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        let row = self.rows.next_row()?;
        Ok(row.map(|row| Record {
            row,
            separator: self.separator,
            header: &self.header,
        }))
    }

    /// The error for a header that is not the expected one.
    pub(crate) fn header_error(&self, expected: &str) -> Error {
        header_error(&self.header, expected)
    }
}

/// The error for a header that is not the expected one.
pub(crate) fn header_error(header: &StringRecord, expected: &str) -> Error {
    let found: Vec<&str> = header.iter().collect();
    Error::Header {
        expected: expected.to_owned(),
        found: shortened(&found.join(",")),
    }
}

/// One line of a table with a header.
pub(crate) struct Record<'a> {
    row: Row,
    separator: Separator,
    header: &'a StringRecord,
}

impl Record<'_> {
    /// The text of a column.
    pub(crate) fn text(&self, column: usize) -> &str {
        self.row.fields.get(column).unwrap_or_default()
    }

    /// The value of a column; `expected` says what it should have been.
    pub(crate) fn value<T: FromStr>(&self, column: usize, expected: &str) -> Result<T, Error> {
        self.separator
            .number(self.text(column))
            .ok_or_else(|| self.field_error(column, expected))
    }

    /// The value of a column that may be empty.
    pub(crate) fn optional<T: FromStr>(&self, column: usize, expected: &str) -> Result<Option<T>, Error> {
        if self.text(column).is_empty() {
            Ok(None)
        } else {
            self.value(column, expected).map(Some)
        }
    }

    /// The error for a field that is not what its column holds.
    pub(crate) fn field_error(&self, column: usize, expected: &str) -> Error {
        let name = self.header.get(column).unwrap_or_default().to_owned();
        self.row.field_error(column, name, expected)
    }

    /// The error for numbers that cannot be.
    pub(crate) fn line_error(&self, source: Error) -> Error {
        self.row.error(source)
    }
}

/// Text for a message, at most 80 characters of it.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn table_error(error: csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => Error::FieldCount {
            line,
            expected: *expected_len,
            found: *len,
        },
        ErrorKind::Utf8 { err, .. } => Error::Utf8 {
            line,
            field: err.field() + 1,
        },
        _ => text_error(io_error(error)),
    }
}

/// The error that [`PlainText`] handed through the reader, or that of the file system.
pub(crate) fn text_error(error: io::Error) -> Error {
    error.downcast().unwrap_or_else(Error::Io)
}

/// The error of the reader or writer itself where there is one; `csv`'s own conversion loses its kind.
pub(crate) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_refused() {
        let endless = b"a,b\n".chain(io::repeat(b'x'));
        let mut table = TableReader::new(endless, "a").unwrap();
        assert!(matches!(
            table.next_record(),
            Err(Error::LongLine { line: 2, .. })
        ));
        let quoted = TableReader::new(io::repeat(b'"'), "a");
        assert!(matches!(quoted, Err(Error::LongLine { line: 1, .. })));
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        for ends in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,\"x\ny\"", "1,2", "1"].join(ends);
            let mut table = TableReader::new(text.as_bytes(), "a").unwrap();
            let lines = [(); 2].map(|()| table.next_record().unwrap().unwrap().row.line);
            assert_eq!(lines, [2, 4], "{ends:?}");
            let error = table.next_record().err().unwrap();
            assert_eq!(
                error.to_string(),
                "line 5: expected 2 fields, found 1",
                "{ends:?}"
            );
        }
    }
}
