//! The `.safetensors` format: a JSON header with names, types, shapes and offsets, then the bytes.

use crate::{DType, Error, StateDict, Tensor};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

impl StateDict {
    /// Reads a `.safetensors` file.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no such file, [`Error::Malformed`] if its header does not describe exactly
    /// what follows, [`Error::UnsupportedType`] for numbers that are not read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let malformed = |source| Error::Malformed {
            path: path.to_owned(),
            source,
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        let file = SafeTensors::deserialize(&bytes).map_err(malformed)?;
        let mut found = StateDict::default();
        if let Some(metadata) = header.metadata() {
            found
                .metadata
                .extend(metadata.iter().map(|(name, text)| (name.clone(), text.clone())));
        }
        for (name, view) in file.tensors() {
            let dtype = dtype_of(view.dtype()).ok_or_else(|| Error::UnsupportedType {
                path: path.to_owned(),
                tensor: name.clone(),
                found: format!("{:?}", view.dtype()),
            })?;
            let tensor = Tensor::new(dtype, view.shape(), view.data().to_vec())?;
            found.insert(name, tensor);
        }
        Ok(found)
    }

    /// Writes a `.safetensors` file, whole or not at all. The same contents always give the same bytes.
    ///
    /// # Errors
    /// [`Error::Write`] if the disk is full or the folder cannot be written to.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        // The widest numbers first: every tensor then begins at a multiple of its numbers' size.
        let mut tensors: Vec<(&str, &Tensor)> = self.iter().collect();
        tensors.sort_by_key(|(_, tensor)| Reverse(tensor.dtype().size_bytes()));
        let header = self.header(&tensors).map_err(|source| failed(source.into()))?;
        marque_fs::write_atomically(path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(&header)?;
            tensors
                .iter()
                .try_for_each(|(_, tensor)| file.write_all(tensor.bytes()))
        })
        .map_err(failed)
    }

    /// The JSON header, padded with spaces so that the numbers behind it are aligned. The library's own
    /// writer keeps the metadata in a hash map, whose order, and so the file's bytes, differ at every call.
    fn header(&self, tensors: &[(&str, &Tensor)]) -> Result<Vec<u8>, serde_json::Error> {
        let mut entries = BTreeMap::new();
        let mut start = 0;
        for &(name, tensor) in tensors {
            let end = start + tensor.bytes().len();
            let dtype = stored_dtype(tensor.dtype());
            let entry = Entry {
                dtype,
                shape: tensor.shape(),
                data_offsets: [start, end],
            };
            entries.insert(name, HeaderValue::Tensor(entry));
            start = end;
        }
        if !self.metadata.is_empty() {
            entries.insert("__metadata__", HeaderValue::Metadata(&self.metadata));
        }
        let mut header = serde_json::to_vec(&entries)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok(header)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum HeaderValue<'a> {
    Tensor(Entry<'a>),
    Metadata(&'a BTreeMap<String, String>),
}

#[derive(Serialize)]
struct Entry<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

fn dtype_of(stored: Dtype) -> Option<DType> {
    Some(match stored {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        _ => return None,
    })
}

fn stored_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
    }
}
