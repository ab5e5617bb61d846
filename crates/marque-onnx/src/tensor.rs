//! The numbers of tensors, decoded and checked.

use crate::error::Fault;
use crate::external::Folder;
use crate::model::Stored;
use marque_weights::{DType, Tensor};

/// `TensorProto.DataType`, and what it is here.
const TYPES: [(u64, DType); 13] = [
    (1, DType::F32),
    (2, DType::U8),
    (3, DType::I8),
    (4, DType::U16),
    (5, DType::I16),
    (6, DType::I32),
    (7, DType::I64),
    (9, DType::Bool),
    (10, DType::F16),
    (11, DType::F64),
    (12, DType::U32),
    (13, DType::U64),
    (16, DType::BF16),
];

/// More dimensions than this no tensor of a network has.
const MOST_DIMS: usize = 16;

/// The longest dimension of a tensor that has no numbers.
const MOST_OF_NOTHING: usize = 1 << 16;

/// The type that ONNX calls by a number.
pub(crate) fn type_of(number: u64) -> Option<DType> {
    let known = TYPES.iter().find(|(known, _)| *known == number);
    known.map(|(_, dtype)| *dtype)
}

/// Whether a shape is one that can be counted with. A tensor of nothing must not say that it is long: zeros would be made for it,
/// and its other extents would be multiplied.
pub(crate) fn is_plain(shape: &[usize]) -> bool {
    let is_short = shape.len() <= MOST_DIMS;
    let is_something = !shape.contains(&0) || shape.iter().all(|&extent| extent <= MOST_OF_NOTHING);
    let mut extents = shape.iter();
    let count = extents.try_fold(8_usize, |count, &extent| count.checked_mul(extent.max(1)));
    is_short && is_something && count.is_some()
}

/// Decodes a tensor; numbers that lie elsewhere are looked for in `folder`.
pub(crate) fn decode(stored: &Stored<'_>, folder: &mut Folder) -> Result<Tensor, Fault> {
    let name = || stored.name.to_owned();
    let dtype = type_of(stored.data_type).ok_or_else(|| Fault::DataType {
        tensor: name(),
        found: stored.data_type,
    })?;
    if stored.is_segment {
        return Err(Fault::Segment { tensor: name() });
    }
    let dims = stored.dims.iter().map(|&dim| usize::try_from(dim).ok());
    let dims: Option<Vec<usize>> = dims.collect();
    let bytes_of = |dims: &Vec<usize>| {
        dims.iter()
            .try_fold(dtype.size_bytes(), |bytes, &dim| bytes.checked_mul(dim))
    };
    let dims = dims.filter(|dims| is_plain(dims));
    let known = dims.and_then(|dims| bytes_of(&dims).map(|bytes| (dims, bytes)));
    let (dims, expected) = known.ok_or_else(|| Fault::Dims {
        tensor: name(),
        dims: stored.dims.clone(),
    })?;
    let bytes = match (&stored.external, stored.raw) {
        (Some(external), _) => folder.read(stored.name, external, expected)?,
        (None, Some(raw)) => copied(raw, expected, stored, &dims)?,
        (None, None) => listed(stored, dtype),
    };
    let found = bytes.len();
    Tensor::new(dtype, &dims, bytes).map_err(|_| Fault::Length {
        tensor: name(),
        dims,
        expected,
        found,
    })
}

/// A copy of bytes whose number is right.
fn copied(raw: &[u8], expected: usize, stored: &Stored<'_>, dims: &[usize]) -> Result<Vec<u8>, Fault> {
    if raw.len() == expected {
        return Ok(raw.to_vec());
    }
    Err(Fault::Length {
        tensor: stored.name.to_owned(),
        dims: dims.to_vec(),
        expected,
        found: raw.len(),
    })
}

/// The numbers of the fields that have one entry per number.
fn listed(stored: &Stored<'_>, dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F32 | DType::F64 => stored.floats.clone(),
        // Halves lie in the lower bits of integers, smaller integers in larger ones.
        _ => {
            let numbers = stored.integers.iter();
            numbers
                .flat_map(|number| number.to_le_bytes().into_iter().take(dtype.size_bytes()))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(data_type: u64, dims: &[i64]) -> Stored<'static> {
        Stored {
            name: "t",
            dims: dims.to_vec(),
            data_type,
            ..Stored::default()
        }
    }

    #[test]
    fn every_type_has_a_number() {
        for dtype in DType::ALL {
            assert!((1..=16).any(|number| type_of(number) == Some(dtype)), "{dtype}");
        }
        // Texts and complex numbers.
        assert!([0, 8, 14, 15, 17].iter().all(|&number| type_of(number).is_none()));
    }

    #[test]
    fn numbers_are_read_from_each_of_their_fields() {
        let mut folder = Folder::none();
        let raw = Stored {
            raw: Some(&[0, 0, 0x80, 0x3f]),
            ..stored(1, &[1])
        };
        assert_eq!(decode(&raw, &mut folder).unwrap().to_f64(), [1.0]);
        let floats = Stored {
            floats: vec![0, 0, 0x80, 0x3f],
            ..stored(1, &[1, 1])
        };
        assert_eq!(decode(&floats, &mut folder).unwrap().to_f64(), [1.0]);
        let minus_two = Stored {
            integers: vec![(-2_i64) as u64],
            ..stored(7, &[])
        };
        assert_eq!(decode(&minus_two, &mut folder).unwrap().to_f64(), [-2.0]);
        let half = Stored {
            integers: vec![0x3c00],
            ..stored(10, &[1])
        };
        assert_eq!(decode(&half, &mut folder).unwrap().to_f64(), [1.0]);
    }

    #[test]
    fn shapes_that_do_not_suit_the_numbers_are_refused() {
        let mut folder = Folder::none();
        for dims in [vec![-1], vec![i64::MAX, i64::MAX], vec![1; 17]] {
            let found = decode(&stored(1, &dims), &mut folder);
            assert!(matches!(found, Err(Fault::Dims { .. })), "{found:?}");
        }
        for dims in [vec![1 << 40], vec![3], vec![]] {
            let found = decode(&stored(1, &dims), &mut folder);
            assert!(matches!(found, Err(Fault::Length { .. })), "{found:?}");
        }
        let empty = decode(&stored(1, &[0, 7]), &mut folder).unwrap();
        assert!(empty.is_empty());
        let long = decode(&stored(1, &[0, 1 << 16, 1 << 16, 1 << 16, 1 << 16]), &mut folder);
        assert!(matches!(long, Err(Fault::Dims { .. })), "{long:?}");
    }
}
