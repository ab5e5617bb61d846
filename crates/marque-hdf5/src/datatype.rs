//! Types and shapes: specification, sections IV.A.2.b and IV.A.2.d.

use super::Error;
use super::source::Cursor;
use std::fmt;

/// A type of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// Half precision.
    F16,
    /// The upper half of single precision. Keras stores it as opaque bytes with the name of the type beside them.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// A signed byte.
    I8,
    /// Signed, of 2 bytes.
    I16,
    /// Signed, of 4 bytes.
    I32,
    /// Signed, of 8 bytes.
    I64,
    /// An unsigned byte.
    U8,
    /// Unsigned, of 2 bytes.
    U16,
    /// Unsigned, of 4 bytes.
    U32,
    /// Unsigned, of 8 bytes.
    U64,
    /// How h5py stores `bool`: an enumeration of FALSE and TRUE in a byte.
    Bool,
}

impl Number {
    /// How many bytes one number takes.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}

/// As `f32`, `bf16` or `bool`.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format!("{self:?}").to_lowercase())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datatype {
    Number(Number, ByteOrder),
    /// Padded with zeros or, if it says so, spaces.
    FixedString {
        bytes: usize,
        space_padded: bool,
    },
    VariableString,
    /// Bytes that the file says nothing about.
    Opaque {
        bytes: u32,
    },
    /// Anything else, by name.
    Other(&'static str),
}

impl Datatype {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let class_and_version = cursor.u8()?;
        let bits = cursor.uint(3)?;
        let size = cursor.u32()?;
        let order = if bits & 1 == 0 {
            ByteOrder::Little
        } else {
            ByteOrder::Big
        };
        Ok(match class_and_version & 0x0f {
            0 => integer(cursor, bits, size)?
                .map_or(Self::Other("an unusual integer"), |n| Self::Number(n, order)),
            // Bit 6 says that it is the order of a VAX.
            1 if bits & 0x40 != 0 => Self::Other("a float of a VAX"),
            1 => float(cursor, size)?.map_or(Self::Other("an unusual float"), |n| Self::Number(n, order)),
            2 => Self::Other("a time"),
            3 => Self::FixedString {
                bytes: size as usize,
                space_padded: bits & 0x0f == 2,
            },
            4 => Self::Other("a bit field"),
            5 => Self::Opaque { bytes: size },
            6 => Self::Other("a compound"),
            7 => Self::Other("a reference"),
            8 if is_bool(cursor, bits, class_and_version >> 4)? => {
                Self::Number(Number::Bool, ByteOrder::Little)
            }
            8 => Self::Other("an enumeration"),
            9 if bits & 0x0f == 1 => Self::VariableString,
            9 => Self::Other("a sequence of variable length"),
            10 => Self::Other("an array"),
            11 => Self::Other("a complex number"),
            _ => Self::Other("an unknown type"),
        })
    }
}

fn integer(cursor: &mut Cursor<'_>, bits: u64, size: u32) -> Result<Option<Number>, Error> {
    let (offset, precision) = (cursor.u16()?, cursor.u16()?);
    if offset != 0 || u32::from(precision) != size.saturating_mul(8) {
        return Ok(None);
    }
    Ok(match (size, bits & 0x08 != 0) {
        (1, true) => Some(Number::I8),
        (2, true) => Some(Number::I16),
        (4, true) => Some(Number::I32),
        (8, true) => Some(Number::I64),
        (1, false) => Some(Number::U8),
        (2, false) => Some(Number::U16),
        (4, false) => Some(Number::U32),
        (8, false) => Some(Number::U64),
        _ => None,
    })
}

fn float(cursor: &mut Cursor<'_>, size: u32) -> Result<Option<Number>, Error> {
    let (offset, precision) = (cursor.u16()?, cursor.u16()?);
    let (exponent_at, exponent_bits) = (cursor.u8()?, cursor.u8()?);
    let (mantissa_at, mantissa_bits) = (cursor.u8()?, cursor.u8()?);
    let bias = cursor.u32()?;
    if offset != 0 || mantissa_at != 0 || exponent_at != mantissa_bits {
        return Ok(None);
    }
    Ok(match (size, precision, exponent_bits, mantissa_bits, bias) {
        (2, 16, 5, 10, 15) => Some(Number::F16),
        (2, 16, 8, 7, 127) => Some(Number::Bf16),
        (4, 32, 8, 23, 127) => Some(Number::F32),
        (8, 64, 11, 52, 1023) => Some(Number::F64),
        _ => None,
    })
}

/// Whether an enumeration is h5py's `bool`.
fn is_bool(cursor: &mut Cursor<'_>, bits: u64, version: u8) -> Result<bool, Error> {
    let base = Datatype::read_base(cursor)?;
    let is_byte = matches!(base, Some(Number::I8 | Number::U8));
    if !is_byte || bits & 0xffff != 2 {
        return Ok(false);
    }
    for expected in [&b"FALSE\0"[..], &b"TRUE\0"[..]] {
        let name = cursor.take(expected.len())?;
        if name != expected {
            return Ok(false);
        }
        // Names are padded to multiples of eight until version 3.
        if version < 3 {
            cursor.take(expected.len().next_multiple_of(8) - expected.len())?;
        }
    }
    Ok(cursor.take(2)? == [0, 1])
}

impl Datatype {
    /// The integer that an enumeration is based on. Anything else is not looked into, so a type in a type in a
    /// type ends here.
    fn read_base(cursor: &mut Cursor<'_>) -> Result<Option<Number>, Error> {
        if cursor.u8()? & 0x0f != 0 {
            return Ok(None);
        }
        let bits = cursor.uint(3)?;
        let size = cursor.u32()?;
        integer(cursor, bits, size)
    }
}

/// The most dimensions that the format knows.
const MOST_DIMENSIONS: u8 = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dataspace {
    pub(super) dims: Vec<u64>,
    /// How far each dimension may grow; all ones for any length.
    pub(super) most: Vec<u64>,
    /// How many elements there are; 0 too if there is no space at all.
    pub(super) count: u64,
}

impl Dataspace {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let version = cursor.u8()?;
        let rank = cursor.u8()?;
        let flags = cursor.u8()?;
        let is_null = match version {
            1 => {
                cursor.take(5)?;
                false
            }
            2 => cursor.u8()? == 2,
            _ => return Err(cursor.unsupported(format!("version {version} of the dataspace"))),
        };
        if rank > MOST_DIMENSIONS {
            return Err(cursor.malformed("the dataspace has more than 32 dimensions"));
        }
        let dims = (0..rank)
            .map(|_| cursor.length())
            .collect::<Result<Vec<u64>, _>>()?;
        let most = match flags & 1 {
            0 => dims.clone(),
            _ => (0..rank)
                .map(|_| cursor.length())
                .collect::<Result<Vec<u64>, _>>()?,
        };
        let count = dims
            .iter()
            .try_fold(1_u64, |product, &extent| product.checked_mul(extent));
        // [2^40, 2^40, 0] has no elements, whatever its product does on the way.
        let count = if is_null || dims.contains(&0) {
            Some(0)
        } else {
            count
        };
        let count = count.ok_or_else(|| cursor.malformed("the dataspace has more than 2^64 elements"))?;
        Ok(Self { dims, most, count })
    }
}
