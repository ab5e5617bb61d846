//! Text files as other programs write them: byte-order marks, ends of lines, empty lines.

use std::io::{self, Chain, Cursor, Read};

use crate::error::Error;

/// The longest header or line of a table that is read: 16 MiB, room for more classes than a model has.
///
/// A file without line breaks is refused once this much of it has been read, before it fills the memory.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;

/// How much of a file is looked at before it is read: enough for two lines of many thousand classes.
const START_BYTES: u64 = 1 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 14;

/// A source whose beginning has been looked at.
pub(crate) struct Start<R> {
    /// The first bytes, without the byte-order mark.
    pub(crate) bytes: Vec<u8>,
    rest: R,
}

impl<R: Read> Start<R> {
    /// Takes the mark of UTF-8 away, and refuses other encodings by their name.
    pub(crate) fn of(mut rest: R) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        rest.by_ref().take(START_BYTES).read_to_end(&mut bytes)?;
        if let Some(found) = foreign_encoding(&bytes) {
            return Err(Error::Encoding { found });
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Self { bytes, rest })
    }

    /// The text as `csv` is to see it: every line ends with `\n`, except within quotation marks if fields are divided by a
    /// `separator`.
    pub(crate) fn into_text(self, separator: Option<u8>) -> PlainText<R> {
        PlainText {
            source: Cursor::new(self.bytes).chain(self.rest),
            input: vec![0; CHUNK_BYTES],
            output: Cursor::default(),
            lines: Lines::new(separator, MAX_RECORD_BYTES),
            end: None,
        }
    }
}

fn foreign_encoding(start: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 4] = [
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    let marked = marks.into_iter().find(|(mark, _)| start.starts_with(mark));
    match marked {
        Some((_, name)) => Some(name),
        None => start
            .iter()
            .take(4)
            .any(|&byte| byte == 0)
            .then_some("UTF-16 without a mark, or no text"),
    }
}

/// A text with one kind of line end and without empty lines at its end. An empty line before another line is an error, since a
/// row may be missing there, and so is a quotation mark without its partner, which would swallow rows.
pub(crate) struct PlainText<R> {
    source: Chain<Cursor<Vec<u8>>, R>,
    input: Vec<u8>,
    /// What has been read and not yet handed on.
    output: Cursor<Vec<u8>>,
    lines: Lines,
    /// How the text ended.
    end: Option<Result<(), Error>>,
}

impl<R: Read> PlainText<R> {
    fn fill(&mut self) -> io::Result<()> {
        let read = self.source.read(&mut self.input)?;
        let mut output = std::mem::take(&mut self.output).into_inner();
        output.clear();
        let result = match read {
            0 => self.lines.finish(),
            _ => self.input[..read]
                .iter()
                .try_for_each(|&byte| self.lines.push(byte, &mut output)),
        };
        self.output = Cursor::new(output);
        if read == 0 || result.is_err() {
            self.end = Some(result);
        }
        Ok(())
    }
}

impl<R: Read> Read for PlainText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.output.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(end) = self.end.take() {
                self.end = Some(Ok(()));
                return end
                    .map(|()| 0)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            }
            self.fill()?;
        }
    }
}

/// Where in a line, and in which line, the next byte is.
struct Lines {
    separator: Option<u8>,
    limit: u64,
    /// From 1.
    line: u64,
    /// Bytes of the line so far; spaces at its beginning are held back until something follows them.
    length: u64,
    spaces: usize,
    is_empty: bool,
    after_carriage_return: bool,
    /// The first of the empty lines before this one.
    empty_line: Option<u64>,
    field: Field,
    /// The line on which the last quotation began.
    quoted_since: u64,
}

/// As RFC 4180 has it: a mark opens a quotation at the beginning of a field only, two of them are one within it.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Start,
    Plain,
    Quoted,
    QuoteInQuoted,
}

impl Lines {
    fn new(separator: Option<u8>, limit: u64) -> Self {
        Self {
            separator,
            limit,
            line: 1,
            length: 0,
            spaces: 0,
            is_empty: true,
            after_carriage_return: false,
            empty_line: None,
            field: Field::Start,
            quoted_since: 0,
        }
    }

    fn push(&mut self, byte: u8, output: &mut Vec<u8>) -> Result<(), Error> {
        self.length += 1;
        if self.length > self.limit {
            return Err(Error::LongLine {
                line: self.line,
                limit: self.limit,
            });
        }
        if self.field == Field::Quoted {
            self.line += u64::from(byte == b'\n');
            if byte == b'"' {
                self.field = Field::QuoteInQuoted;
            }
            output.push(byte);
            return Ok(());
        }
        let ends_pair = byte == b'\n' && self.after_carriage_return;
        self.after_carriage_return = byte == b'\r';
        match byte {
            b'\n' if ends_pair => {}
            b'\n' | b'\r' => self.end_line(output),
            b' ' if self.is_empty => self.spaces += 1,
            _ => return self.push_content(byte, output),
        }
        Ok(())
    }

    fn push_content(&mut self, byte: u8, output: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(line) = self.empty_line {
            return Err(Error::EmptyLine { line });
        }
        if self.spaces > 0 {
            output.resize(output.len() + self.spaces, b' ');
            self.spaces = 0;
            self.field = Field::Plain;
        }
        self.is_empty = false;
        output.push(byte);
        self.field = match (self.field, byte) {
            (_, byte) if Some(byte) == self.separator => Field::Start,
            (Field::Start, b'"') if self.separator.is_some() => {
                self.quoted_since = self.line;
                Field::Quoted
            }
            (Field::QuoteInQuoted, b'"') => Field::Quoted,
            _ => Field::Plain,
        };
        Ok(())
    }

    fn end_line(&mut self, output: &mut Vec<u8>) {
        if self.is_empty {
            self.empty_line.get_or_insert(self.line);
        } else {
            output.push(b'\n');
        }
        self.line += 1;
        (self.length, self.spaces, self.is_empty) = (0, 0, true);
        self.field = Field::Start;
    }

    fn finish(&self) -> Result<(), Error> {
        match self.field {
            Field::Quoted => Err(Error::OpenQuote {
                line: self.quoted_since,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &[u8]) -> Result<String, Error> {
        let mut found = String::new();
        let read = Start::of(text)?.into_text(Some(b',')).read_to_string(&mut found);
        match read {
            Ok(_) => Ok(found),
            Err(error) => Err(error.downcast::<Error>().unwrap()),
        }
    }

    #[test]
    fn every_end_of_line_is_one_and_quotations_keep_theirs() {
        for text in [
            "a,b\nc,d\n",
            "a,b\r\nc,d\r\n",
            "a,b\rc,d\r",
            "\u{feff}a,b\nc,d\n\n \r\n",
        ] {
            assert_eq!(plain(text.as_bytes()).unwrap(), "a,b\nc,d\n", "{text:?}");
        }
        assert_eq!(plain(b"a,b").unwrap(), "a,b");
        let quoted = "\"a\r\n\r\n\"\"b\",\"\"\n c\"d\n";
        assert_eq!(plain(quoted.as_bytes()).unwrap(), quoted);
        assert_eq!(plain(b"").unwrap(), "");
    }

    #[test]
    fn what_could_lose_rows_is_an_error_with_its_line() {
        let error = |text: &[u8]| plain(text).unwrap_err();
        for text in ["a\n\nb", "a\r\n \r\n\r\nb", "a\r\rb"] {
            assert!(
                matches!(error(text.as_bytes()), Error::EmptyLine { line: 2 }),
                "{text:?}"
            );
        }
        assert!(matches!(error(b"\na"), Error::EmptyLine { line: 1 }));
        assert!(matches!(error(b"a\nb,\"c\nd\n"), Error::OpenQuote { line: 2 }));
    }

    #[test]
    fn other_encodings_are_refused_by_name() {
        for (text, name) in [
            (&b"\xff\xfe1\0"[..], "UTF-16"),
            (b"\xfe\xff\x001", "UTF-16"),
            (b"\xff\xfe\0\0", "UTF-32"),
            (b"\0\0\xfe\xff", "UTF-32"),
            (b"1\0,\0", "UTF-16 without"),
        ] {
            let message = plain(text).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("UTF-8"), "{message}");
        }
    }

    #[test]
    fn a_line_has_a_limit_and_a_text_has_none() {
        let mut lines = Lines::new(Some(b','), 16);
        let mut output = Vec::new();
        let mut push = |text: &[u8]| text.iter().try_for_each(|&byte| lines.push(byte, &mut output));
        push(&b"0123456789abcde\n".repeat(1000)).unwrap();
        assert!(matches!(
            push(b"0123456789abcdefg"),
            Err(Error::LongLine {
                line: 1001,
                limit: 16
            })
        ));
        assert_eq!(output.len(), 16_016);
    }
}
