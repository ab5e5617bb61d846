//! An array in a file of its own.

use super::header::{Header, HeaderError};
use super::order;
use crate::tensor::bytes_of;
use crate::{DType, Error, Tensor};
use std::path::Path;

#[derive(Debug, thiserror::Error)]
enum NpyError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("it is to be {shape:?} of {dtype}, for which {found} bytes follow its header")]
    Length {
        shape: Vec<usize>,
        dtype: DType,
        found: usize,
    },
}

impl Tensor {
    /// The array of NumPy's that `bytes`, a `.npy` file, are; errors call it `name`. Numbers of any type and in any order of bytes
    /// and of dimensions are read.
    ///
    /// # Errors
    /// [`Error::Array`] if they are no array, one of something else than numbers, or longer or shorter than it is to be.
    pub fn parse_npy(name: &Path, bytes: &[u8]) -> Result<Self, Error> {
        parse(bytes).map_err(|source| Error::Array {
            path: name.to_owned(),
            source: source.into(),
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Tensor, NpyError> {
    let header = Header::parse(bytes)?;
    let (dtype, shape) = (header.dtype, header.shape);
    let numbers = &bytes[header.length..];
    let wrong_length = || NpyError::Length {
        shape: shape.clone(),
        dtype,
        found: numbers.len(),
    };
    if bytes_of(dtype, &shape) != Some(numbers.len()) {
        return Err(wrong_length());
    }
    let mut numbers = match header.big_endian {
        true => order::swapped(numbers, dtype.size_bytes()),
        false => numbers.to_vec(),
    };
    if header.fortran_order {
        numbers = order::row_major(&numbers, dtype.size_bytes(), &shape);
    }
    Tensor::new(dtype, &shape, numbers).map_err(|_| wrong_length())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descr: &str, fortran_order: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    #[test]
    fn numbers_are_the_same_in_every_order() {
        let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = [1u16, 2, 3, 4, 5, 6];
        let columns = [1u16, 4, 2, 5, 3, 6];
        let little = |numbers: [u16; 6]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let big = |numbers: [u16; 6]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        for (descr, order, numbers) in [
            ("<u2", "False", little(rows)),
            (">u2", "False", big(rows)),
            ("<i2", "True", little(columns)),
            (">i2", "True", big(columns)),
            ("|u1", "False", vec![1, 2, 3, 4, 5, 6]),
        ] {
            let tensor =
                Tensor::parse_npy("y.npy".as_ref(), &file(descr, order, "(2, 3)", &numbers)).unwrap();
            assert_eq!(
                (tensor.shape(), &tensor.to_f64()[..]),
                (&[2, 3][..], &expected[..]),
                "{descr}"
            );
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_named() {
        for (bytes, reason) in [
            (
                file("<f4", "False", "(2,)", &[0; 7]),
                "[2] of f32, for which 7 bytes",
            ),
            (file("<f4", "False", "(2,)", &[0; 9]), "for which 9 bytes"),
            (
                file("<f8", "False", &format!("({0}, {0})", u64::MAX), &[]),
                "for which 0 bytes",
            ),
            (file("<U5", "False", "(2,)", &[0; 40]), "its type is <U5"),
            (file("|O", "False", "(2,)", &[]), "pickles"),
            (b"0.5,0.5".to_vec(), "does not begin"),
        ] {
            let message = Tensor::parse_npy("y.npy".as_ref(), &bytes)
                .unwrap_err()
                .to_string();
            assert!(
                message.starts_with("y.npy is not") && message.contains(reason),
                "{message}"
            );
        }
    }
}
