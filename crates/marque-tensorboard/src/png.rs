//! What a PNG's header says of it (ISO/IEC 15948, 11.2.2).

use crate::Error;

pub(crate) struct Header {
    pub(crate) height: u32,
    pub(crate) width: u32,
    /// Grey 1, grey with alpha 2, colours 3, colours with alpha 4.
    pub(crate) channels: u8,
}

/// Reads the header alone: it must come first, at a fixed place.
pub(crate) fn header(tag: &str, bytes: &[u8]) -> Result<Header, Error> {
    parse(bytes).ok_or_else(|| Error::NotPng {
        tag: tag.to_owned(),
        found: bytes.len(),
    })
}

fn parse(bytes: &[u8]) -> Option<Header> {
    let fields = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let (width, fields) = fields.split_first_chunk()?;
    let (height, fields) = fields.split_first_chunk()?;
    let &[_depth, colour, ..] = fields else {
        return None;
    };
    let channels = match colour {
        0 => 1,
        4 => 2,
        // True colour, and a palette, which holds colours.
        2 | 3 => 3,
        6 => 4,
        _ => return None,
    };
    let is_size = |size: &u32| (1..=i32::MAX as u32).contains(size);
    Some(Header {
        height: Some(u32::from_be_bytes(*height)).filter(is_size)?,
        width: Some(u32::from_be_bytes(*width)).filter(is_size)?,
        channels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x02\0\0\0\x03\x08\x02\0\0\0";

    #[test]
    fn sizes_and_channels_are_read() {
        let read = header("a", SMALL).unwrap();
        assert_eq!((read.width, read.height, read.channels), (258, 3, 3));
    }

    #[test]
    fn what_is_no_png_or_has_no_size_is_an_error() {
        for length in 0..26 {
            assert!(header("a", &SMALL[..length]).is_err(), "{length}");
        }
        for (index, value) in [(1, b'p'), (18, 0xff), (23, 0), (25, 5)] {
            let mut bytes = SMALL.to_vec();
            bytes[index] = value;
            // A width of 258 stays one with another byte in its upper half, as long as it fits 31 bits.
            assert_eq!(header("a", &bytes).is_err(), index != 18, "{index}");
        }
        let error = header("confusion", b"GIF89a").err().unwrap().to_string();
        assert_eq!(
            error,
            "the image \"confusion\" is no PNG with a size, but 6 bytes of something else"
        );
    }
}
