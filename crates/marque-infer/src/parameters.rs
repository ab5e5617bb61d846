//! Weights as the file has them, what is folded into them, and the packed copies that kernels read.

use crate::Error;
use marque_arch::BatchNorm2d;
use marque_kernels::{
    Bias, Buffer, DepthwiseFilters, Executor, FilterOrder, FilterShape, Filters, WinogradFilters,
};
use marque_weights::{StateDict, Tensor};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// The weight and bias of a convolution or a fully connected layer, with what has been folded into them.
#[derive(Debug)]
pub(crate) struct Weight {
    /// O×I/groups×height×width, or O×I.
    tensor: Tensor,
    /// What the filters of each output channel are multiplied by; empty for 1.
    scale: Vec<f64>,
    bias: Vec<f64>,
    packed: Mutex<Vec<Packed>>,
}

/// Copies for kernels, which plans share.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    Direct(Arc<Filters>),
    Winograd(Arc<WinogradFilters>),
    Depthwise(Arc<DepthwiseFilters>),
    Bias(Arc<Bias>),
}

impl Weight {
    /// What the parameters `name.weight` and `name.bias` are; the names and shapes have been matched to the graph's.
    pub(crate) fn of_node(weights: &StateDict, name: &str, outputs: usize) -> Result<Self, Error> {
        let tensor = tensor(weights, &format!("{name}.weight"))?;
        let bias = weights.get(&format!("{name}.bias")).map(Tensor::to_f64);
        Ok(Self {
            tensor,
            scale: Vec::new(),
            bias: bias.unwrap_or_else(|| vec![0.0; outputs]),
            packed: Mutex::default(),
        })
    }

    /// The same followed by an affine map per output channel.
    pub(crate) fn followed_by(&self, affine: &AffineParameters) -> Self {
        let scale = match self.scale.is_empty() {
            true => affine.scale.clone(),
            false => self
                .scale
                .iter()
                .zip(&affine.scale)
                .map(|(own, other)| own * other)
                .collect(),
        };
        let shifted = self.bias.iter().zip(&affine.scale).zip(&affine.shift);
        Self {
            tensor: self.tensor.clone(),
            scale,
            bias: shifted
                .map(|((bias, scale), shift)| bias * scale + shift)
                .collect(),
            packed: Mutex::default(),
        }
    }

    /// The numbers that kernels multiply by, without what they are scaled by.
    fn values(&self) -> Cow<'_, [f32]> {
        // Of integers, which no network has, a file may hold some all the same.
        let rounded = || {
            self.tensor
                .to_f64()
                .into_iter()
                .map(|value| value as f32)
                .collect()
        };
        self.tensor.to_f32().unwrap_or_else(|| Cow::Owned(rounded()))
    }

    fn scaled<'a>(&'a self, values: &'a [f32]) -> marque_kernels::Weight<'a> {
        marque_kernels::Weight::from(values).scaled(&self.scale)
    }

    pub(crate) fn direct(
        &self,
        shape: FilterShape,
        order: FilterOrder,
        executor: &Executor,
    ) -> Result<Arc<Filters>, Error> {
        let known = |packed: &Packed| match packed {
            Packed::Direct(filters) if (filters.shape(), filters.order()) == (shape, order) => {
                Some(filters.clone())
            }
            _ => None,
        };
        let pack = || {
            let filters = Arc::new(Filters::pack(
                shape,
                order,
                self.scaled(&self.values()),
                executor,
            )?);
            Ok((Packed::Direct(filters.clone()), filters))
        };
        self.packed(known, pack)
    }

    pub(crate) fn winograd(
        &self,
        shape: FilterShape,
        tile: usize,
        executor: &Executor,
    ) -> Result<Arc<WinogradFilters>, Error> {
        let known = |packed: &Packed| match packed {
            Packed::Winograd(filters) if filters.tile() >= tile => Some(filters.clone()),
            _ => None,
        };
        let pack = || {
            let filters = Arc::new(WinogradFilters::pack(
                shape,
                tile,
                self.scaled(&self.values()),
                executor,
            )?);
            Ok((Packed::Winograd(filters.clone()), filters))
        };
        self.packed(known, pack)
    }

    pub(crate) fn depthwise(
        &self,
        channels: usize,
        kernel: [usize; 2],
    ) -> Result<Arc<DepthwiseFilters>, Error> {
        let known = |packed: &Packed| match packed {
            Packed::Depthwise(filters) => Some(filters.clone()),
            _ => None,
        };
        let pack = || {
            let filters = Arc::new(DepthwiseFilters::pack(
                channels,
                kernel,
                self.scaled(&self.values()),
            )?);
            Ok((Packed::Depthwise(filters.clone()), filters))
        };
        self.packed(known, pack)
    }

    pub(crate) fn bias(&self) -> Result<Arc<Bias>, Error> {
        let known = |packed: &Packed| match packed {
            Packed::Bias(bias) => Some(bias.clone()),
            _ => None,
        };
        let pack = || {
            let values: Vec<f32> = self.bias.iter().map(|&value| value as f32).collect();
            let bias = Arc::new(Bias::pack(&values)?);
            Ok((Packed::Bias(bias.clone()), bias))
        };
        self.packed(known, pack)
    }

    /// A copy that is there, or one that is made now.
    fn packed<T>(
        &self,
        known: impl Fn(&Packed) -> Option<T>,
        pack: impl FnOnce() -> Result<(Packed, T), Error>,
    ) -> Result<T, Error> {
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = packed.iter().find_map(known) {
            return Ok(found);
        }
        let (entry, made) = pack()?;
        // Pages of the file that have been read need not stay in memory.
        self.tensor.release();
        packed.push(entry);
        Ok(made)
    }
}

/// A number per channel to multiply by, and one to add.
#[derive(Debug)]
pub(crate) struct AffineParameters {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl AffineParameters {
    /// What a batch norm does in evaluation.
    pub(crate) fn of_norm(weights: &StateDict, name: &str, norm: &BatchNorm2d) -> Result<Self, Error> {
        let vector = |suffix: &str| Ok::<_, Error>(tensor(weights, &format!("{name}.{suffix}"))?.to_f64());
        let (weight, bias) = (vector("weight")?, vector("bias")?);
        let (mean, variance) = (vector("running_mean")?, vector("running_var")?);
        let scale: Vec<f64> = weight
            .iter()
            .zip(&variance)
            .map(|(weight, variance)| weight / (variance + norm.eps).sqrt())
            .collect();
        let shift = bias
            .iter()
            .zip(&mean)
            .zip(&scale)
            .map(|((bias, mean), scale)| bias - mean * scale);
        Ok(Self {
            shift: shift.collect(),
            scale,
        })
    }

    /// What a layer norm does to normalised numbers.
    pub(crate) fn of_layer_norm(weights: &StateDict, name: &str) -> Result<Self, Error> {
        Ok(Self {
            scale: tensor(weights, &format!("{name}.weight"))?.to_f64(),
            shift: tensor(weights, &format!("{name}.bias"))?.to_f64(),
        })
    }

    /// A layer scale, whose parameter has the node's name.
    pub(crate) fn of_layer_scale(weights: &StateDict, name: &str) -> Result<Self, Error> {
        let scale = tensor(weights, name)?.to_f64();
        let shift = vec![0.0; scale.len()];
        Ok(Self { scale, shift })
    }

    /// Scale and shift for kernels, filled up to whole blocks.
    pub(crate) fn packed(&self) -> Result<[Buffer; 2], Error> {
        let pack = |values: &[f64]| {
            let mut buffer = Buffer::zeroed(values.len().next_multiple_of(marque_kernels::BLOCK))?;
            for (target, &value) in buffer.iter_mut().zip(values) {
                *target = value as f32;
            }
            Ok::<_, Error>(buffer)
        };
        Ok([pack(&self.scale)?, pack(&self.shift)?])
    }

    /// What changes nothing.
    pub(crate) fn identity(channels: usize) -> Self {
        Self {
            scale: vec![1.0; channels],
            shift: vec![0.0; channels],
        }
    }
}

fn tensor(weights: &StateDict, name: &str) -> Result<Tensor, Error> {
    let found = weights.get(name).cloned();
    found.ok_or_else(|| Error::WrongArray {
        place: "the weights",
        expected: format!("a tensor {name}"),
        found: "none".to_owned(),
    })
}
