use crate::{Error, Tensor};
use indexmap::IndexMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

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
    tensors: IndexMap<String, Tensor>,
    /// Free text by name; the `__metadata__` of a `.safetensors` file.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Adds a tensor at the end, or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// All tensors, in the order in which the file lists them or they were inserted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
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

    /// The numbers of the tensor called `name` as `f32`, in row-major order; see [`Tensor::to_f32`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and [`Error::NotFloat`] if it holds integers.
    pub fn f32_values(&self, name: &str) -> Result<Cow<'_, [f32]>, Error> {
        let tensor = self.get(name).ok_or_else(|| Error::NoTensor {
            tensor: name.to_owned(),
        })?;
        tensor.to_f32().ok_or_else(|| Error::NotFloat {
            tensor: name.to_owned(),
            found: tensor.dtype(),
        })
    }

    /// The same with all numbers in half precision, and half the size; tensors of integers stay as they are.
    ///
    /// # Errors
    /// [`Error::NoHalf`] names a tensor with a number that half precision does not reach.
    pub fn to_half_precision(&self) -> Result<Self, Error> {
        let halved = |(name, tensor): (&str, &Tensor)| {
            let tensor = match tensor.dtype().is_float() {
                false => Some(tensor.clone()),
                true => tensor.to_half_precision(),
            };
            let tensor = tensor.ok_or_else(|| Error::NoHalf {
                tensor: name.to_owned(),
            })?;
            Ok((name.to_owned(), tensor))
        };
        Ok(Self {
            tensors: self.iter().map(halved).collect::<Result<_, Error>>()?,
            metadata: self.metadata.clone(),
        })
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self {
            tensors: tensors.into_iter().collect(),
            metadata: BTreeMap::new(),
        }
    }
}
