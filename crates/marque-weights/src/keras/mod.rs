//! Checkpoints that Keras writes: which tensors there are, by which names, in the order of the layers.
//!
//! Three formats: `.weights.h5` of Keras 3 (also inside `.keras` archives), the older `.h5` of weights, and the
//! older `.h5` of whole models.

mod config;
mod current;
mod legacy;
mod names;
mod order;
#[cfg(test)]
mod tests;

use marque_hdf5::{Dataset, File, Group, Object};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Why a checkpoint is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KerasError {
    #[error(transparent)]
    Hdf5(#[from] marque_hdf5::Error),
    #[error("its config.json is not JSON: {0}")]
    Config(#[from] serde_json::Error),
    #[error("its config.json calls the layer of {group} {expected:?}, the weights call it {found:?}")]
    OtherModel {
        group: String,
        expected: String,
        found: String,
    },
    #[error("two of its tensors are called {name:?}")]
    Twice { name: String },
    #[error("no tensors of a Keras model are in it")]
    NoTensors,
}

/// How the order of the layers is known, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerOrder {
    /// The file, or the configuration beside it, lists them.
    Listed,
    /// Within a class by Keras's numbers, between classes by where in the file the tensors are, and the two agree.
    Written,
    /// They do not agree: right within a class, a guess between classes.
    ByName,
}

/// A checkpoint's tensors in the order of its layers.
pub(crate) struct Checkpoint<'a> {
    /// Also those without tensors, where the file has them.
    pub(crate) layers: Vec<Layer>,
    pub(crate) tensors: Vec<Tensor<'a>>,
    pub(crate) order: LayerOrder,
    /// Tensors of the optimizer and of metrics.
    pub(crate) skipped: usize,
}

/// A layer; those of a model in a model are listed in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The name that the layer has in its model, or its path in the file if that is not known.
    pub(crate) name: String,
    /// The group of the file that it is from.
    pub(crate) group: String,
    /// Its class in snake case, such as `separable_conv2d`.
    pub(crate) class: Option<String>,
    /// Its tensors among those of the checkpoint.
    pub(crate) tensors: Range<usize>,
}

/// A tensor before its numbers are read.
pub(crate) struct Tensor<'a> {
    /// `layer/variable` if that is known and unique, such as `block4_sepconv1/depthwise_kernel`; otherwise the
    /// path in the file without its leading slash, such as `layers/conv2d_1/vars/0`.
    pub(crate) name: String,
    pub(crate) dataset: Dataset<'a>,
}

/// Reads an HDF5 file of any of the formats. For a `.keras` archive, `config` is the text of its `config.json`.
pub(crate) fn read<'a>(bytes: &'a [u8], config: Option<&str>) -> Result<Checkpoint<'a>, KerasError> {
    let config = config.map(config::parse).transpose()?.unwrap_or_default();
    let root = File::open(bytes)?.root()?;
    let mut checkpoint = if legacy::lists_layers(&root) {
        legacy::read(&root, &root, &config)?
    } else if root.contains("model_weights") {
        legacy::read(&root, &root.group("model_weights")?, &config)?
    } else {
        current::read(&root, &config)?
    };
    if checkpoint.tensors.is_empty() {
        return Err(KerasError::NoTensors);
    }
    checkpoint.disambiguate()?;
    Ok(checkpoint)
}

impl<'a> Checkpoint<'a> {
    fn new(order: LayerOrder) -> Self {
        Self {
            layers: Vec::new(),
            tensors: Vec::new(),
            order,
            skipped: 0,
        }
    }

    /// Adds a layer with its tensors: each with the name it should have, if one is known.
    fn push(&mut self, name: String, group: String, class: Option<String>, tensors: Vec<Named<'a>>) {
        let first = self.tensors.len();
        for Named { name, dataset } in tensors {
            let path = || dataset.path().trim_start_matches('/').to_owned();
            let name = name.unwrap_or_else(path);
            self.tensors.push(Tensor { name, dataset });
        }
        self.layers.push(Layer {
            name,
            group,
            class,
            tensors: first..self.tensors.len(),
        });
    }

    /// Gives tensors whose names are not unique those of their paths, which are in any sound file.
    fn disambiguate(&mut self) -> Result<(), KerasError> {
        let mut uses: HashMap<String, usize> = HashMap::new();
        for tensor in &self.tensors {
            *uses.entry(tensor.name.clone()).or_default() += 1;
        }
        let mut names = HashSet::new();
        for tensor in &mut self.tensors {
            if uses.get(&tensor.name).is_some_and(|&count| count > 1) {
                tensor.name = tensor.dataset.path().trim_start_matches('/').to_owned();
            }
            let name = tensor.name.clone();
            if !names.insert(name.clone()) {
                return Err(KerasError::Twice { name });
            }
        }
        Ok(())
    }
}

struct Named<'a> {
    name: Option<String>,
    dataset: Dataset<'a>,
}

/// How many datasets are under a group.
fn count_datasets(group: &Group<'_>) -> Result<usize, marque_hdf5::Error> {
    let mut count = 0;
    for member in group.members() {
        count += match group.member(member.name)? {
            Object::Dataset(_) => 1,
            Object::Group(inner) => count_datasets(&inner)?,
        };
    }
    Ok(count)
}
