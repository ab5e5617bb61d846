//! Golden files: answers of reference libraries, stored beside the tests that read them.

use crate::Error;
use half::f16;
use ndarray::{ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Named arrays of one safetensors file.
#[derive(Debug)]
pub struct Golden {
    path: PathBuf,
    tensors: BTreeMap<String, Stored>,
}

#[derive(Debug)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Golden {
    /// Reads `<crate_folder>/tests/golden/<file>`; a test passes `env!("CARGO_MANIFEST_DIR")` for its crate.
    ///
    /// # Errors
    /// [`Error::Read`] where there is no such file, [`Error::Parse`] where it is something else.
    pub fn open(crate_folder: impl AsRef<Path>, file: &str) -> Result<Self, Error> {
        let path = crate_folder.as_ref().join("tests/golden").join(file);
        let content = std::fs::read(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let parsed = SafeTensors::deserialize(&content).map_err(|source| Error::Parse {
            path: path.clone(),
            source,
        })?;
        let store = |(name, view): (&str, safetensors::tensor::TensorView)| {
            let stored = Stored {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                bytes: view.data().to_vec(),
            };
            (name.to_owned(), stored)
        };
        let tensors = parsed.iter().map(store).collect();
        Ok(Self { path, tensors })
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor that is stored as `f32` or, exactly representable too, as `f16`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] lists the names that there are; [`Error::DataType`] for any other type.
    pub fn f32(&self, name: &str) -> Result<ArrayD<f32>, Error> {
        let stored = self.stored(name)?;
        let values = match stored.dtype {
            Dtype::F32 => stored.numbers(f32::from_le_bytes),
            Dtype::F16 => stored.numbers(|bytes| f16::from_le_bytes(bytes).to_f32()),
            _ => return Err(self.wrong_type(name, stored, "F32 or F16")),
        };
        stored.shaped(values, name)
    }

    /// A tensor that is stored as `f64`.
    ///
    /// # Errors
    /// As [`f32`](Self::f32).
    pub fn f64(&self, name: &str) -> Result<ArrayD<f64>, Error> {
        let stored = self.stored(name)?;
        match stored.dtype {
            Dtype::F64 => stored.shaped(stored.numbers(f64::from_le_bytes), name),
            _ => Err(self.wrong_type(name, stored, "F64")),
        }
    }

    /// A tensor of integers that is stored as `i64`: labels, counts.
    ///
    /// # Errors
    /// As [`f32`](Self::f32).
    pub fn i64(&self, name: &str) -> Result<ArrayD<i64>, Error> {
        let stored = self.stored(name)?;
        match stored.dtype {
            Dtype::I64 => stored.shaped(stored.numbers(i64::from_le_bytes), name),
            _ => Err(self.wrong_type(name, stored, "I64")),
        }
    }

    /// A tensor of bytes that is stored as `u8`: codes.
    ///
    /// # Errors
    /// As [`f32`](Self::f32).
    pub fn u8(&self, name: &str) -> Result<ArrayD<u8>, Error> {
        let stored = self.stored(name)?;
        match stored.dtype {
            Dtype::U8 => stored.shaped(stored.bytes.clone(), name),
            _ => Err(self.wrong_type(name, stored, "U8")),
        }
    }

    fn stored(&self, name: &str) -> Result<&Stored, Error> {
        self.tensors.get(name).ok_or_else(|| Error::MissingTensor {
            path: self.path.clone(),
            name: name.to_owned(),
            available: self.names().map(str::to_owned).collect(),
        })
    }

    fn wrong_type(&self, name: &str, stored: &Stored, expected: &'static str) -> Error {
        let found = format!("{:?}", stored.dtype);
        Error::DataType {
            path: self.path.clone(),
            name: name.to_owned(),
            expected,
            found,
        }
    }
}

impl Stored {
    fn numbers<T, const SIZE: usize>(&self, decode: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
        self.bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| decode(*bytes))
            .collect()
    }

    fn shaped<T>(&self, values: Vec<T>, name: &str) -> Result<ArrayD<T>, Error> {
        // The parser has compared the length of every tensor with its shape; this keeps a wrong one from a panic.
        ArrayD::from_shape_vec(IxDyn(&self.shape), values).map_err(|_| Error::Shape {
            operation: "reading a golden tensor",
            expected: format!("{:?}", self.shape),
            found: format!("{} bytes in {name}", self.bytes.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula() -> Golden {
        Golden::open(env!("CARGO_MANIFEST_DIR"), "formula/io.safetensors").unwrap()
    }

    #[test]
    fn a_missing_tensor_is_an_error_that_lists_the_others() {
        let message = formula().f32("fc.weigth").unwrap_err().to_string();
        assert!(
            message.contains("\"fc.weigth\"") && message.contains("parameter/fc.weight"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_the_path_and_the_remedy() {
        let error = Golden::open(env!("CARGO_MANIFEST_DIR"), "no/such.safetensors").unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("no/such.safetensors") && message.contains("cargo xtask goldens"),
            "{message}"
        );
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_file_of_another_format_is_an_error() {
        let error = Golden::open(env!("CARGO_MANIFEST_DIR"), "formula/generate.py").unwrap_err();
        assert!(matches!(error, Error::Parse { .. }), "{error}");
    }

    #[test]
    fn another_data_type_is_an_error() {
        let error = formula().i64("parameter/fc.bias").unwrap_err();
        assert!(
            matches!(&error, Error::DataType { found, .. } if found == "F32"),
            "{error}"
        );
    }

    #[test]
    fn half_precision_is_widened_exactly() {
        let bits = [0x0000_u16, 0x8000, 0x0001, 0x3c00, 0xc000, 0x7bff];
        let bytes = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let stored = Stored {
            dtype: Dtype::F16,
            shape: vec![2, 3],
            bytes,
        };
        let golden = Golden {
            path: PathBuf::new(),
            tensors: BTreeMap::from([("half".to_owned(), stored)]),
        };
        let values = golden.f32("half").unwrap();
        assert_eq!(values.shape(), [2, 3]);
        assert_eq!(
            values.iter().copied().collect::<Vec<_>>(),
            [0.0, -0.0, 2.0_f32.powi(-24), 1.0, -2.0, 65504.0]
        );
    }
}
