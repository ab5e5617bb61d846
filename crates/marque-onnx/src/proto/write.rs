//! Writing: the bytes of a message, field by field.

/// The encoding of a message; fields are added one by one and may repeat.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message(Vec<u8>);

/// How a field's value is encoded.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Bytes = 2,
    Bits32 = 5,
}

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A field of an integer type or of an enumeration. Negative numbers become their two's complement of 64 bits.
    pub(crate) fn integer(mut self, field: u32, value: i64) -> Self {
        self.key(field, Wire::Varint);
        self.varint(value as u64);
        self
    }

    pub(crate) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, Wire::Bits32);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// A repeated field of integers, packed.
    pub(crate) fn integers(self, field: u32, values: impl IntoIterator<Item = i64>) -> Self {
        let mut packed = Self::new();
        for value in values {
            packed.varint(value as u64);
        }
        self.message(field, &packed)
    }

    pub(crate) fn bytes(self, field: u32, value: &[u8]) -> Self {
        let mut message = self.opened(field, value.len() as u64);
        message.0.extend(value);
        message
    }

    /// The key and the length of a field whose `length` bytes are written elsewhere.
    pub(crate) fn opened(mut self, field: u32, length: u64) -> Self {
        self.key(field, Wire::Bytes);
        self.varint(length);
        self
    }

    fn key(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_protobufs_documentation_says() {
        assert_eq!(Message::new().integer(1, 150).as_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").as_bytes(), b"\x12\x07testing");
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::new().integer(1, -2).as_bytes(), minus_two);
        let packed = [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05];
        assert_eq!(Message::new().integers(6, [3, 270, 86942]).as_bytes(), packed);
        let inner = Message::new().integer(1, 150);
        assert_eq!(
            Message::new().message(3, &inner).as_bytes(),
            [0x1a, 0x03, 0x08, 0x96, 0x01]
        );
        assert_eq!(Message::new().float(2, 1.0).as_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::new().integer(14, 0).as_bytes(), [0x70, 0]);
        assert_eq!(
            Message::new().opened(20, 300).as_bytes(),
            [0xa2, 0x01, 0xac, 0x02]
        );
    }
}
