//! Reading tables of comma-separated values that may come from anyone.

use std::io::{self, Read};

use csv::{ErrorKind, StringRecord};

use crate::error::Error;

/// The longest header or line of a table that is read: 16 MiB, room for more classes than a model has.
///
/// A file without line breaks is refused once this much of it has been read, before it fills the memory.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;

/// The records of a table after its header.
pub(crate) struct TableReader<R> {
    reader: csv::Reader<RecordLimit<R>>,
    header: StringRecord,
}

impl<R: Read> TableReader<R> {
    /// Reads the header. An empty file has a header without columns.
    pub(crate) fn new(source: R) -> Result<Self, Error> {
        let source = RecordLimit {
            source,
            left: MAX_RECORD_BYTES,
        };
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(source);
        let header = reader.headers().map_err(table_error)?.clone();
        Ok(Self { reader, header })
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &StringRecord {
        &self.header
    }

    /// The next record, which has as many fields as there are columns.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.reader.get_mut().left = MAX_RECORD_BYTES;
        let mut fields = StringRecord::new();
        if !self.reader.read_record(&mut fields).map_err(table_error)? {
            return Ok(None);
        }
        let line = fields.position().map_or(0, csv::Position::line);
        Ok(Some(Record {
            fields,
            line,
            header: &self.header,
        }))
    }

    /// The error for a header that is not the expected one.
    pub(crate) fn header_error(&self, expected: &str) -> Error {
        let found: Vec<&str> = self.header.iter().collect();
        Error::Header {
            expected: expected.to_owned(),
            found: shortened(&found.join(",")),
        }
    }
}

/// One line of a table.
pub(crate) struct Record<'a> {
    fields: StringRecord,
    header: &'a StringRecord,
    /// Where the record starts, counted from 1.
    pub(crate) line: u64,
}

impl Record<'_> {
    /// The text of a column.
    pub(crate) fn text(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or_default()
    }

    /// The value of a column; `expected` says what it should have been.
    pub(crate) fn value<T: std::str::FromStr>(&self, column: usize, expected: &str) -> Result<T, Error> {
        self.text(column)
            .parse()
            .map_err(|_| self.field_error(column, expected))
    }

    /// The value of a column that may be empty.
    pub(crate) fn optional<T: std::str::FromStr>(
        &self,
        column: usize,
        expected: &str,
    ) -> Result<Option<T>, Error> {
        if self.text(column).is_empty() {
            Ok(None)
        } else {
            self.value(column, expected).map(Some)
        }
    }

    /// The error for a field that is not what its column holds.
    pub(crate) fn field_error(&self, column: usize, expected: &str) -> Error {
        Error::Field {
            line: self.line,
            column: self.header.get(column).unwrap_or_default().to_owned(),
            expected: expected.to_owned(),
            found: shortened(self.text(column)),
        }
    }

    /// The error for numbers that cannot be.
    pub(crate) fn line_error(&self, source: Error) -> Error {
        Error::Line {
            line: self.line,
            source: Box::new(source),
        }
    }
}

/// Text for a message, at most 80 characters of it.
fn shortened(text: &str) -> String {
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
        _ => io_error(error).into(),
    }
}

/// The error of the reader or writer itself where there is one; `csv`'s own conversion loses its kind.
pub(crate) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Fails once a single record has taken more than its share of the source.
struct RecordLimit<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for RecordLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let message = format!("a single line is longer than {MAX_RECORD_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let read = self.source.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_refused() {
        let endless = b"a,b\n".chain(io::repeat(b'x'));
        let mut table = TableReader::new(endless).unwrap();
        assert!(
            matches!(table.next_record(), Err(Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData)
        );
        assert!(matches!(TableReader::new(io::repeat(b'"')), Err(Error::Io(_))));
    }

    #[test]
    fn many_short_lines_are_not_one_long_line() {
        let lines = b"0123456789abcde\n".repeat(1 << 17);
        let many = io::Cursor::new(&lines)
            .chain(io::Cursor::new(&lines[..]))
            .take(u64::MAX);
        let mut table = TableReader {
            reader: csv::Reader::from_reader(RecordLimit {
                source: many,
                left: 1 << 16,
            }),
            header: StringRecord::new(),
        };
        let mut records = 0;
        while table.next_record().unwrap().is_some() {
            records += 1;
        }
        assert_eq!(records, (1 << 18) - 1);
    }
}
