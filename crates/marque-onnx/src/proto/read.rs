//! Reading: the fields of a message, one after the other, none of them copied.

/// The fields of one message.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    offset: usize,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// An integer, a truth value or a member of an enumeration.
    Varint(u64),
    /// A `double`.
    Bits64([u8; 8]),
    /// A text, bytes, a message or several packed numbers, and where they begin in the file.
    Bytes(&'a [u8], usize),
    /// A `float`.
    Bits32([u8; 4]),
}

/// What is wrong with the bytes of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the file ends within a field at byte {offset}")]
    Cut { offset: usize },
    #[error("a number at byte {offset} has more than 64 bits")]
    LongNumber { offset: usize },
    #[error("a field at byte {offset} has the number 0 or one beyond 2²⁹")]
    FieldNumber { offset: usize },
    #[error("a field at byte {offset} has the wire type {found}, expected 0, 1, 2 or 5")]
    WireType { offset: usize, found: u64 },
    #[error(
        "field {field} of a message that ends at byte {offset} holds another kind of value than it should"
    )]
    Kind { field: u32, offset: usize },
    #[error("a text at byte {offset} is not UTF-8")]
    NotText { offset: usize },
}

impl<'a> Fields<'a> {
    /// Of the message that `bytes` are, which begin at `offset` in the file.
    pub(crate) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    /// The next field's number and value.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let key = self.varint()?;
        let field = u32::try_from(key >> 3).ok();
        let field = field.filter(|field| (1..1 << 29).contains(field));
        let field = field.ok_or(WireError::FieldNumber { offset })?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Bits64(self.array()?),
            2 => {
                let length = self.varint()?;
                let start = self.offset;
                let length = usize::try_from(length).map_err(|_| WireError::Cut { offset: start })?;
                Value::Bytes(self.take(length)?, start)
            }
            5 => Value::Bits32(self.array()?),
            found => return Err(WireError::WireType { offset, found }),
        };
        Ok(Some((field, value)))
    }

    /// One number of those that are packed into a field.
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let offset = self.offset;
        let mut number = 0_u64;
        for (position, &byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for the last bit alone.
            if position == 9 && bits > 1 {
                return Err(WireError::LongNumber { offset });
            }
            number |= bits << (7 * position);
            if byte & 0x80 == 0 {
                self.take(position + 1)?;
                return Ok(number);
            }
        }
        match self.rest.len() < 10 {
            true => Err(WireError::Cut { offset }),
            false => Err(WireError::LongNumber { offset }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], WireError> {
        let offset = self.offset;
        let bytes = self.take(SIZE)?;
        bytes.try_into().map_err(|_| WireError::Cut { offset })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let offset = self.offset;
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WireError::Cut { offset })?;
        self.rest = rest;
        self.offset += length;
        Ok(bytes)
    }

    /// The error for a field that holds another kind of value than it should.
    pub(crate) fn wrong_kind(&self, field: u32) -> WireError {
        WireError::Kind {
            field,
            offset: self.offset,
        }
    }

    /// The message that a field holds.
    pub(crate) fn message(&self, field: u32, value: Value<'a>) -> Result<Fields<'a>, WireError> {
        let (bytes, offset) = self.bytes(field, value)?;
        Ok(Fields::new(bytes, offset))
    }

    /// The bytes that a field holds, and where they begin.
    pub(crate) fn bytes(&self, field: u32, value: Value<'a>) -> Result<(&'a [u8], usize), WireError> {
        match value {
            Value::Bytes(bytes, offset) => Ok((bytes, offset)),
            _ => Err(self.wrong_kind(field)),
        }
    }

    /// The text that a field holds.
    pub(crate) fn text(&self, field: u32, value: Value<'a>) -> Result<&'a str, WireError> {
        let (bytes, offset) = self.bytes(field, value)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::NotText { offset })
    }

    /// The integer that a field holds.
    pub(crate) fn integer(&self, field: u32, value: Value<'a>) -> Result<u64, WireError> {
        match value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.wrong_kind(field)),
        }
    }

    /// Adds the integers of a repeated field, packed or single, to `numbers`.
    pub(crate) fn integers(
        &self,
        field: u32,
        value: Value<'a>,
        numbers: &mut Vec<u64>,
    ) -> Result<(), WireError> {
        match value {
            Value::Varint(number) => numbers.push(number),
            _ => {
                let mut packed = self.message(field, value)?;
                while !packed.is_empty() {
                    numbers.push(packed.varint()?);
                }
            }
        }
        Ok(())
    }

    /// Adds the little-endian bytes of a repeated field of floats, packed or single, to `numbers`.
    pub(crate) fn floats(
        &self,
        field: u32,
        value: Value<'a>,
        numbers: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        match value {
            Value::Bits32(bytes) => numbers.extend(bytes),
            Value::Bits64(bytes) => numbers.extend(bytes),
            _ => numbers.extend(self.bytes(field, value)?.0),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, u64)>, WireError> {
        let mut fields = Fields::new(bytes, 0);
        let mut found = Vec::new();
        while let Some((field, value)) = fields.next()? {
            found.push(match value {
                Value::Varint(number) => (field, number),
                Value::Bytes(bytes, offset) => (field, (bytes.len() * 1000 + offset) as u64),
                Value::Bits32(bits) => (field, u32::from_le_bytes(bits).into()),
                Value::Bits64(bits) => (field, u64::from_le_bytes(bits)),
            });
        }
        Ok(found)
    }

    #[test]
    fn fields_of_every_wire_type_are_read() {
        assert_eq!(all(&[0x08, 0x96, 0x01]), Ok(vec![(1, 150)]));
        assert_eq!(all(b"\x12\x07testing"), Ok(vec![(2, 7002)]));
        assert_eq!(all(&[0x0d, 1, 0, 0, 0]), Ok(vec![(1, 1)]));
        assert_eq!(all(&[0x09, 1, 0, 0, 0, 0, 0, 0, 0]), Ok(vec![(1, 1)]));
        let largest = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(all(&largest), Ok(vec![(1, u64::MAX)]));
    }

    #[test]
    fn what_is_cut_short_or_no_message_is_an_error_with_its_place() {
        for bytes in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x12\x07test",
            b"\x0d\x01",
            b"\x09\x01",
        ] {
            assert!(matches!(all(bytes), Err(WireError::Cut { .. })), "{bytes:?}");
        }
        let long = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(all(&long), Err(WireError::LongNumber { offset: 1 }));
        let longer = [
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(all(&longer), Err(WireError::LongNumber { offset: 1 }));
        assert_eq!(all(&[0x00]), Err(WireError::FieldNumber { offset: 0 }));
        assert_eq!(
            all(&[0x08, 1, 0x0b]),
            Err(WireError::WireType { offset: 2, found: 3 })
        );
        let length = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(matches!(all(&length), Err(WireError::Cut { .. })));
    }

    #[test]
    fn repeated_integers_are_read_packed_and_single() {
        let mut fields = Fields::new(&[0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05, 0x30, 0x07], 0);
        let mut numbers = Vec::new();
        while let Some((field, value)) = fields.next().unwrap() {
            fields.integers(field, value, &mut numbers).unwrap();
        }
        assert_eq!(numbers, [3, 270, 86942, 7]);
    }
}
