//! The header of an array in NumPy's format: a literal of Python.

use super::literal::{self, Literal};
use crate::DType;

/// The longest header that is read. For an array of numbers it is 118 bytes long, or some more for many dimensions.
pub(super) const MAX_BYTES: u64 = 1 << 12;
/// NumPy's own limit.
const MAX_DIMENSIONS: usize = 64;

#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("it does not begin as an array of NumPy's format 1, 2 or 3")]
    Version,
    #[error("its header is longer than the entry or than {MAX_BYTES} bytes")]
    Length,
    #[error("its header is no dictionary of descr, fortran_order and shape")]
    Literal,
    #[error("it has more than {MAX_DIMENSIONS} dimensions")]
    Dimensions,
    #[error("its type is {found}")]
    Type { found: String },
}

/// What an array's header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: DType,
    /// Whether the highest byte of a number comes first.
    pub(super) big_endian: bool,
    /// Whether the first index runs fastest.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Where the numbers begin.
    pub(super) length: usize,
}

impl Header {
    /// The header at the beginning of an array's file.
    pub(super) fn parse(start: &[u8]) -> Result<Self, HeaderError> {
        let (text, length) = text(start)?;
        let Some(Literal::Map(entries)) = literal::parse(text) else {
            return Err(HeaderError::Literal);
        };
        let mut values = [None, None, None];
        for (key, value) in entries {
            let position = KEYS
                .iter()
                .position(|&known| key == Literal::Text(known.to_owned()));
            values[position.ok_or(HeaderError::Literal)?] = Some(value);
        }
        let [
            Some(descr),
            Some(Literal::Flag(fortran_order)),
            Some(Literal::Sequence(shape)),
        ] = values
        else {
            return Err(HeaderError::Literal);
        };
        if shape.len() > MAX_DIMENSIONS {
            return Err(HeaderError::Dimensions);
        }
        let extents = shape.into_iter().map(|extent| match extent {
            Literal::Number(extent) => Ok(extent),
            _ => Err(HeaderError::Literal),
        });
        let (dtype, big_endian) = number_type(&descr)?;
        Ok(Self {
            dtype,
            big_endian,
            fortran_order,
            shape: extents.collect::<Result<_, _>>()?,
            length,
        })
    }
}

const KEYS: [&str; 3] = ["descr", "fortran_order", "shape"];

/// The text of the header, and where it ends.
fn text(start: &[u8]) -> Result<(&str, usize), HeaderError> {
    let versioned = start.strip_prefix(b"\x93NUMPY").ok_or(HeaderError::Version)?;
    let (length, first) = match *versioned {
        [1, _, low, high, ..] => (u32::from(u16::from_le_bytes([low, high])), 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]), 12),
        _ => return Err(HeaderError::Version),
    };
    let rest = &start[first..];
    let text = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let text = text.ok_or(HeaderError::Length)?;
    let end = first + text.len();
    Ok((std::str::from_utf8(text).map_err(|_| HeaderError::Literal)?, end))
}

/// The type of the numbers, and whether they are big-endian.
fn number_type(descr: &Literal) -> Result<(DType, bool), HeaderError> {
    let unsupported = |found: &str| HeaderError::Type {
        found: found.to_owned(),
    };
    let Literal::Text(descr) = descr else {
        return Err(unsupported("a structure of several"));
    };
    let dtype = match descr.get(1..).unwrap_or_default() {
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "b1" => DType::Bool,
        // NumPy has no bfloat16. The type that ml_dtypes adds is the one two-byte type without a meaning to which NumPy
        // gives an order of bytes: plain two bytes are "|V2".
        "V2" if descr == "<V2" => DType::BF16,
        "O" => return Err(unsupported("Python objects, which are pickles and never read")),
        _ => return Err(unsupported(descr)),
    };
    match (&descr[..1], dtype.size_bytes()) {
        ("<", _) | ("|" | "=", 1) => Ok((dtype, false)),
        (">", _) => Ok((dtype, true)),
        _ => Err(unsupported(descr)),
    }
}

/// The header of an array that is written: format 1, or 2 where the header needs it, so long that a multiple of 64 bytes
/// follows the beginning.
pub(super) fn written(dtype: &str, shape: &[usize]) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = match &extents[..] {
        [extent] => format!("({extent},)"),
        extents => format!("({})", extents.join(", ")),
    };
    let text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = |start: usize| (start + text.len() + 1).next_multiple_of(64) - start;
    let mut header = b"\x93NUMPY".to_vec();
    match u16::try_from(padded(10)) {
        Ok(length) => {
            header.extend([1, 0]);
            header.extend(length.to_le_bytes());
        }
        Err(_) => {
            header.extend([2, 0]);
            header.extend((padded(12) as u32).to_le_bytes());
        }
    }
    let end = (header.len() + text.len() + 1).next_multiple_of(64);
    header.extend(text.as_bytes());
    header.resize(end - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((text.len() as u16).to_le_bytes()),
            _ => bytes.extend((text.len() as u32).to_le_bytes()),
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    fn of_type(descr: &str) -> Result<Header, HeaderError> {
        Header::parse(&array(
            1,
            &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2, 3)}}"),
        ))
    }

    #[test]
    fn three_versions_are_read() {
        for version in [1, 2, 3] {
            let bytes = array(
                version,
                "{'descr': '>f8', 'fortran_order': True, 'shape': (7,), }",
            );
            let header = Header::parse(&bytes).unwrap();
            assert_eq!((header.dtype, header.big_endian), (DType::F64, true));
            assert_eq!((header.fortran_order, header.shape), (true, vec![7]));
            assert_eq!(header.length, bytes.len());
        }
        assert!(matches!(
            Header::parse(&array(4, "{}")),
            Err(HeaderError::Version)
        ));
    }

    #[test]
    fn types_without_numbers_are_refused_by_name() {
        assert_eq!(of_type("'|b1'").unwrap().dtype, DType::Bool);
        assert_eq!(of_type("'<V2'").unwrap().dtype, DType::BF16);
        for descr in ["'|V2'", "'<c8'", "'<U3'", "'|f4'", "'<f16'", "'f'", "''", "'é4'"] {
            let error = of_type(descr).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("its type is {}", descr.trim_matches('\''))
            );
        }
        assert!(of_type("'|O'").unwrap_err().to_string().contains("pickles"));
        assert!(
            of_type("[('a', '<f4')]")
                .unwrap_err()
                .to_string()
                .contains("structure")
        );
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [&[][..], &[5], &[64, 3, 7, 7]] {
            let bytes = written("<f4", shape);
            assert_eq!(bytes.len() % 64, 0);
            let header = Header::parse(&bytes).unwrap();
            assert_eq!((header.shape, header.length), (shape.to_vec(), bytes.len()));
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let shape = |shape: &str| {
            array(
                2,
                &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"),
            )
        };
        for bytes in [
            shape("3"),
            shape("(-1,)"),
            shape("('a',)"),
            shape(&format!("({})", "1,".repeat(65))),
            array(1, "{'descr': '<f4', 'shape': ()}"),
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            b"\x93NUMPY\x01\x00".to_vec(),
        ] {
            Header::parse(&bytes).unwrap_err();
        }
    }
}
