//! Which tensor is meant for which parameter, before shapes have their say.

use super::layout::Layout;
use super::parts::{Part, Parts};
use super::{Change, Loaded, Naming};
use crate::{Error, StateDict, Tensor};
use std::collections::HashMap;

/// What a parameter is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recipe<'a> {
    /// A tensor of the file.
    Tensor { name: &'a str, layout: Layout },
    /// A running mean, less the bias of the convolution before the batch norm, which the graph does not have.
    MeanLessBias { mean: &'a str, bias: &'a str },
    /// What the file leaves out because it is this number throughout.
    Constant(f32),
}

/// A tensor that no parameter has been found for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leftover<'a> {
    /// The file's name for it.
    pub(super) name: &'a str,
    /// The outermost module in the graph's way of naming; empty where the file has no such names.
    pub(super) module: String,
    /// Whether it belongs to a fully connected layer or, in a file without module names, to what may stand beside one.
    pub(super) may_be_head: bool,
    /// Whether graphs have layers of its kind at all.
    pub(super) may_be_layer: bool,
}

/// A reading of the file's names.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) naming: Naming,
    /// What stood before the names of the file.
    pub(super) prefix: String,
    pub(super) recipes: HashMap<String, Recipe<'a>>,
    pub(super) leftovers: Vec<Leftover<'a>>,
    /// Optimiser states, counters.
    pub(super) ignored: Vec<&'a str>,
    pub(super) notes: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(naming: Naming) -> Self {
        Self {
            naming,
            prefix: String::new(),
            recipes: HashMap::new(),
            leftovers: Vec::new(),
            ignored: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How many of these parameters get a tensor of the right shape.
    pub(super) fn fits(&self, weights: &StateDict, parameters: &[(&str, &[usize])]) -> usize {
        let fits = |(name, shape): &&(&str, &[usize])| {
            let recipe = self.recipes.get(*name);
            recipe.is_some_and(|recipe| recipe.shape(weights, shape).as_deref() == Some(*shape))
        };
        parameters.iter().filter(fits).count()
    }

    /// How many tensors are left over that cannot be of a head.
    pub(super) fn strangers(&self, parts: &Parts) -> usize {
        let (head, auxiliary) = (parts.own_modules(Part::Head), parts.own_modules(Part::Auxiliary));
        let is_known = |module: &str| head.contains(module) || auxiliary.contains(module);
        let leftovers = self.leftovers.iter();
        leftovers
            .filter(|leftover| !leftover.may_be_head && !is_known(&leftover.module))
            .count()
    }
}

impl<'a> Recipe<'a> {
    /// The shape that comes out where the graph has `wanted`; a tensor of another kind has its own.
    pub(super) fn shape(&self, weights: &StateDict, wanted: &[usize]) -> Option<Vec<usize>> {
        let shape = |name: &str| weights.get(name).map(|tensor| tensor.shape().to_vec());
        match self {
            Recipe::Tensor { name, layout } => {
                let from = shape(name)?;
                Some(layout.shape(&from, wanted).unwrap_or(from))
            }
            Recipe::MeanLessBias { mean, bias } => {
                let mean = shape(mean)?;
                (shape(bias)? == mean).then_some(mean)
            }
            Recipe::Constant(_) => Some(wanted.to_vec()),
        }
    }

    /// The file's tensors that it takes.
    pub(super) fn tensors(&self) -> Vec<&'a str> {
        match self {
            Recipe::Tensor { name, .. } => vec![name],
            Recipe::MeanLessBias { mean, bias } => vec![mean, bias],
            Recipe::Constant(_) => Vec::new(),
        }
    }

    /// The numbers of the parameter and how they came to be.
    ///
    /// # Errors
    /// [`Error::NotFloat`] if the file has integers there.
    pub(super) fn make(
        &self,
        weights: &StateDict,
        parameter: &str,
        wanted: &[usize],
    ) -> Result<(Tensor, Loaded), Error> {
        let (tensor, change) = match self {
            Recipe::Tensor { name, layout } => {
                let tensor = float_tensor(weights, name)?;
                let change = match layout {
                    Layout::Torch if tensor.shape() == wanted => Change::None,
                    Layout::Torch => Change::Reshaped,
                    _ => Change::Transposed,
                };
                (layout.apply(tensor, wanted)?, change)
            }
            Recipe::MeanLessBias { mean, bias } => {
                let (mean, bias) = (weights.f32_values(mean)?, weights.f32_values(bias)?);
                let values: Vec<f32> = mean
                    .iter()
                    .zip(bias.iter())
                    .map(|(mean, bias)| mean - bias)
                    .collect();
                (Tensor::from_f32(wanted, &values)?, Change::BiasFolded)
            }
            Recipe::Constant(value) => {
                let count = wanted.iter().product();
                (Tensor::from_f32(wanted, &vec![*value; count])?, Change::Filled)
            }
        };
        let loaded = Loaded {
            parameter: parameter.to_owned(),
            tensors: self.tensors().into_iter().map(str::to_owned).collect(),
            change,
        };
        Ok((tensor, loaded))
    }
}

fn float_tensor<'a>(weights: &'a StateDict, name: &str) -> Result<&'a Tensor, Error> {
    let tensor = weights.get(name).ok_or_else(|| Error::NoTensor {
        tensor: name.to_owned(),
    })?;
    if tensor.dtype().is_float() {
        return Ok(tensor);
    }
    Err(Error::NotFloat {
        tensor: name.to_owned(),
        found: tensor.dtype(),
    })
}
