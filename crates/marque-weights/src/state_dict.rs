use crate::Error;
use std::collections::BTreeMap;
use std::fmt;

/// Named tensors and named texts: what a checkpoint holds.
///
/// ```
/// use marque_weights::{StateDict, Tensor};
///
/// let mut weights = StateDict::default();
/// weights.insert("fc.bias", Tensor::from_f32(&[2], &[0.5, -0.5])?);
/// weights.metadata.insert("format".into(), "pt".into());
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// weights.write(&path)?;
/// assert_eq!(StateDict::read(&path)?, weights);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// Free text by name; the `__metadata__` of a `.safetensors` file.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Adds a tensor or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// All tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The numbers of the `f32` tensor called `name`, in row-major order.
    ///
    /// # Errors
    /// [`Error::NoTensor`] and [`Error::WrongType`].
    pub fn f32_values(&self, name: &str) -> Result<Vec<f32>, Error> {
        let tensor = self.get(name).ok_or_else(|| Error::NoTensor {
            tensor: name.to_owned(),
        })?;
        if tensor.dtype != DType::F32 {
            return Err(Error::WrongType {
                tensor: name.to_owned(),
                expected: DType::F32,
                found: tensor.dtype,
            });
        }
        let (quads, _) = tensor.bytes.as_chunks::<4>();
        Ok(quads.iter().map(|&quad| f32::from_le_bytes(quad)).collect())
    }
}

/// A type of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// Signed, 64 bits.
    I64,
}

impl DType {
    /// Bytes of one number.
    pub fn size_bytes(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 2,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::I64 => "i64",
        })
    }
}

/// A dense array: little-endian numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor from its bytes.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if the bytes do not fill the shape exactly.
    pub fn new(dtype: DType, shape: &[usize], bytes: Vec<u8>) -> Result<Self, Error> {
        let expected = shape
            .iter()
            .try_fold(dtype.size_bytes(), |product, &extent| product.checked_mul(extent));
        if expected == Some(bytes.len()) {
            return Ok(Self {
                dtype,
                shape: shape.to_vec(),
                bytes,
            });
        }
        Err(Error::WrongLength {
            tensor: String::new(),
            shape: shape.to_vec(),
            expected: expected.unwrap_or(usize::MAX),
            found: bytes.len(),
        })
    }

    /// A tensor from numbers in row-major order.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self, Error> {
        Self::new(
            DType::F32,
            shape,
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    /// The type of its numbers.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers as little-endian bytes in row-major order.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
