//! As much of the protobuf encoding as events need.

/// The encoding of a message; fields are added one by one and may repeat.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

/// How a field's value is encoded.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Bits64 = 1,
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

    /// A field of the types `int64`, `int32`, `bool` or of an enumeration.
    pub(crate) fn integer(mut self, field: u8, value: i64) -> Self {
        self.key(field, Wire::Varint);
        // Negative numbers are encoded as their two's complement of 64 bits.
        self.varint(value as u64);
        self
    }

    pub(crate) fn double(mut self, field: u8, value: f64) -> Self {
        self.key(field, Wire::Bits64);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn float(mut self, field: u8, value: f32) -> Self {
        self.key(field, Wire::Bits32);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u8, value: &[u8]) -> Self {
        self.key(field, Wire::Bytes);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(crate) fn text(self, field: u8, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u8, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// A repeated field of the type `double`, packed.
    pub(crate) fn doubles(self, field: u8, values: &[f64]) -> Self {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &packed)
    }

    /// A repeated field of the type `int64`, packed.
    pub(crate) fn integers(self, field: u8, values: &[i64]) -> Self {
        let mut packed = Self::new();
        for &value in values {
            packed.varint(value as u64);
        }
        self.message(field, &packed)
    }

    fn key(&mut self, field: u8, wire: Wire) {
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
        assert_eq!(
            Message::new().text(2, "testing").as_bytes(),
            b"\x12\x07testing".as_slice()
        );
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::new().integer(1, -2).as_bytes(), minus_two);
        assert_eq!(
            Message::new().integers(6, &[3, 270, 86942]).as_bytes(),
            [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]
        );
        let inner = Message::new().integer(1, 150);
        assert_eq!(
            Message::new().message(3, &inner).as_bytes(),
            [0x1a, 0x03, 0x08, 0x96, 0x01]
        );
    }

    #[test]
    fn floats_are_little_endian_and_repeated_ones_packed() {
        assert_eq!(Message::new().float(2, 1.0).as_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(
            Message::new().doubles(1, &[1.0]).as_bytes(),
            [0x0a, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
        );
    }
}
