//! The `.safetensors` format: a JSON header with names, types, shapes and offsets, then the bytes.
//! <https://huggingface.co/docs/safetensors>

use crate::json::{self, Object};
use crate::source::Source;
use crate::{DType, Error, Format, StateDict, Tensor};
use indexmap::IndexMap;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;

/// More than any network's header takes; the limit of the format's own library.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Whether it begins as such a file: with the length of a header, then the header, which is a JSON object.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, header)) = bytes.split_first_chunk() else {
        return false;
    };
    header.first() == Some(&b'{') && u64::from_le_bytes(*length) <= MAX_HEADER_BYTES
}

#[derive(Debug, thiserror::Error)]
enum HeaderError {
    #[error("its header is to be {claimed} bytes long, of which the file has {found}")]
    Size { claimed: u64, found: usize },
    #[error("in its header: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "tensor {tensor:?} is to lie at {first}..{end} of the {length} bytes behind the header; the tensor before it \
         ends at {expected}, and there it must begin"
    )]
    Place {
        tensor: String,
        first: usize,
        end: usize,
        length: usize,
        expected: usize,
    },
    #[error("its tensors take {expected} bytes behind the header, where the file has {found}")]
    Length { expected: usize, found: usize },
    #[error("tensor {tensor:?}: {source}")]
    Shape { tensor: String, source: Error },
}

/// Reads a `.safetensors` file.
pub(crate) fn read(source: &Source) -> Result<StateDict, Error> {
    let malformed = |error| source.malformed(Format::Safetensors, error);
    let (header, start) = header(&source.bytes).map_err(malformed)?;
    let numbers = start..source.bytes.len();
    let numbers = source.bytes.slice(numbers).unwrap_or_else(|| Vec::new().into());
    let mut found = StateDict::default();
    let mut tensors: Vec<_> = header.tensors.into_iter().collect();
    tensors.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut expected = 0;
    for (tensor, entry) in tensors {
        let dtype = dtype_of(&entry.dtype).ok_or_else(|| Error::UnsupportedType {
            path: source.path.clone(),
            tensor: tensor.clone(),
            found: entry.dtype.to_string(),
        })?;
        let [first, end] = entry.data_offsets;
        let bytes = numbers.slice(first..end).filter(|_| first == expected);
        let Some(bytes) = bytes else {
            return Err(malformed(HeaderError::Place {
                tensor,
                first,
                end,
                length: numbers.len(),
                expected,
            }));
        };
        expected = end;
        match Tensor::from_bytes(dtype, &entry.shape, bytes) {
            Ok(value) => found.insert(tensor, value),
            Err(source) => return Err(malformed(HeaderError::Shape { tensor, source })),
        }
    }
    if expected != numbers.len() {
        return Err(malformed(HeaderError::Length {
            expected,
            found: numbers.len(),
        }));
    }
    found.metadata = header.metadata;
    Ok(found)
}

/// The header, and where the tensors begin.
fn header(bytes: &[u8]) -> Result<(Header, usize), HeaderError> {
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let claimed = u64::from_le_bytes(*length);
    let header = usize::try_from(claimed)
        .ok()
        .filter(|_| claimed <= MAX_HEADER_BYTES);
    let header = header
        .and_then(|length| rest.get(..length))
        .ok_or(HeaderError::Size {
            claimed,
            found: rest.len(),
        })?;
    Ok((serde_json::from_slice(header)?, size_of::<u64>() + header.len()))
}

/// A tensor's entry in the header.
#[derive(Deserialize, Serialize)]
struct Entry<'a> {
    dtype: Cow<'a, str>,
    shape: Cow<'a, [usize]>,
    data_offsets: [usize; 2],
}

const METADATA: &str = "__metadata__";

/// The header as it is read.
#[derive(Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: IndexMap<String, Entry<'static>>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        while let Some(name) = access.next_key::<String>()? {
            if name == METADATA {
                let texts = access.next_value::<Option<Object<String>>>()?;
                header
                    .metadata
                    .extend(texts.into_iter().flat_map(|Object(texts)| texts));
            } else {
                json::insert_new(&mut header.tensors, name, access.next_value()?)?;
            }
        }
        Ok(header)
    }
}

impl StateDict {
    /// Writes a `.safetensors` file, whole or not at all. The same contents always give the same bytes.
    ///
    /// # Errors
    /// [`Error::Write`] if the disk is full or the folder cannot be written to.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        // The widest numbers first: every tensor then begins at a multiple of its numbers' size. Then by name.
        let mut tensors: Vec<(&str, &Tensor)> = self.iter().collect();
        tensors.sort_by_key(|(name, tensor)| (Reverse(tensor.dtype().size_bytes()), *name));
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

    /// The JSON header, padded with spaces so that the numbers behind it are aligned.
    fn header(&self, tensors: &[(&str, &Tensor)]) -> Result<Vec<u8>, serde_json::Error> {
        let mut entries = BTreeMap::new();
        let mut start = 0;
        for &(name, tensor) in tensors {
            let end = start + tensor.bytes().len();
            let entry = Entry {
                dtype: name_of(tensor.dtype()).into(),
                shape: tensor.shape().into(),
                data_offsets: [start, end],
            };
            entries.insert(name, HeaderValue::Tensor(entry));
            start = end;
        }
        if !self.metadata.is_empty() {
            entries.insert(METADATA, HeaderValue::Metadata(&self.metadata));
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

fn dtype_of(name: &str) -> Option<DType> {
    DType::ALL.into_iter().find(|&dtype| name_of(dtype) == name)
}

/// What the format calls a type.
fn name_of(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "F32",
        DType::F64 => "F64",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I16 => "I16",
        DType::I8 => "I8",
        DType::U64 => "U64",
        DType::U32 => "U32",
        DType::U16 => "U16",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
    }
}
