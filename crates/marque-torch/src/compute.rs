//! What each operation of a graph is in LibTorch.

use crate::autograd;
use crate::forward::{Inputs, Mode};
use crate::init;
use crate::network::{MemoryFormat, Network};
use crate::precision::Precision;
use marque_arch::{AvgPool2d, BatchNorm2d, Border, Conv2d, ImageSize, LayerNorm2d, MaxPool2d, Op, Window};
use tch::{Device, TchError, Tensor};

impl Network {
    /// The output of a node for its inputs.
    pub(crate) fn compute(&self, index: usize, mode: Mode, inputs: Inputs<'_>) -> Result<Tensor, TchError> {
        let disposable = inputs.disposable;
        let mut tensors = inputs.tensors.into_iter();
        let mut input = tensors.next().ok_or_else(|| absent("an input"))?;
        match &self.graph().nodes()[index].op {
            Op::Input { .. } => Ok(input),
            Op::Conv2d(conv) => self.convolve(index, conv, &input),
            Op::BatchNorm2d(norm) => self.normalise(index, norm, mode, (&input, inputs.rectifier)),
            // It was computed with the batch norm before it.
            Op::Relu | Op::Relu6 if inputs.is_rectified => Ok(input),
            Op::Relu if disposable => input.f_relu_(),
            Op::Relu => input.f_relu(),
            Op::Relu6 if disposable => input.f_relu6_(),
            Op::Relu6 => input.f_relu6(),
            Op::Sigmoid if disposable => input.f_sigmoid_(),
            Op::Sigmoid => input.f_sigmoid(),
            Op::Silu => input.f_silu(),
            Op::HardSwish => input.f_hardswish(),
            Op::HardSigmoid => input.f_hardsigmoid(),
            Op::Gelu => input.f_gelu("none"),
            Op::LayerNorm2d(norm) => self.normalise_pixels(index, norm, &input),
            Op::LayerScale(_) => {
                let factors = self.weight(index).ok_or_else(|| absent("a weight"))?;
                match input.dim() {
                    4 => input.f_mul(&factors.f_to_kind(input.kind())?),
                    _ => input.f_mul(&factors.f_flatten(0, -1)?.f_to_kind(input.kind())?),
                }
            }
            Op::Multiply => {
                let factors = tensors
                    .next()
                    .ok_or_else(|| absent("a factor for each channel"))?;
                input.f_mul(&factors.f_to_kind(input.kind())?)
            }
            Op::MaxPool2d(pool) => max_pool(pool, &input),
            Op::AvgPool2d(pool) => avg_pool(pool, &input),
            Op::GlobalAvgPool2d => self.widen(&input)?.f_adaptive_avg_pool2d([1, 1]),
            Op::AdaptiveAvgPool2d(size) => self
                .widen(&input)?
                .f_adaptive_avg_pool2d([size.height as i64, size.width as i64]),
            Op::Add => tensors.enumerate().try_fold(input, |mut sum, (position, other)| {
                // The partial sum of three inputs is ours alone.
                if disposable || position > 0 {
                    sum.f_add_(&other)
                } else {
                    sum.f_add(&other)
                }
            }),
            Op::Concat => {
                let all: Vec<Tensor> = std::iter::once(input).chain(tensors).collect();
                Tensor::f_cat(&all, 1)
            }
            Op::Subsample { stride } => {
                let step = *stride as i64;
                input.f_slice(2, None, None, step)?.f_slice(3, None, None, step)
            }
            Op::PadChannels { channels } => input.f_constant_pad_nd([0, 0, 0, 0, 0, *channels as i64]),
            Op::Dropout { p } => self.drop_out(index, Dropped::Values(*p), mode, input),
            Op::StochasticDepth { p } => self.drop_out(index, Dropped::Samples(*p), mode, input),
            Op::Flatten => input.f_flatten(1, -1),
            Op::Linear(_) => {
                let weight = self.weight(index).ok_or_else(|| absent("a weight"))?;
                match input.dim() {
                    4 => self.mix_channels(weight, self.bias(index), &input),
                    _ => self.widen(&input)?.f_linear(weight, self.bias(index)),
                }
            }
        }
    }

    /// A feature map in the precision of pooled features and linear layers; no copy if it has it already.
    fn widen(&self, map: &Tensor) -> Result<Tensor, TchError> {
        map.f_to_kind(self.precision().of_parameters())
    }

    /// A fully connected layer for each pixel by itself. Maps lie channels-last, so that a view of them is what it multiplies.
    fn mix_channels(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        input: &Tensor,
    ) -> Result<Tensor, TchError> {
        let kind = self.precision().of_maps();
        let bias = bias.map(|bias| bias.f_to_kind(kind)).transpose()?;
        input
            .f_permute(CHANNELS_LAST)?
            .f_linear(&weight.f_to_kind(kind)?, bias.as_ref())?
            .f_permute(CHANNELS_FIRST)
    }

    /// The mean and the variance of a pixel's channels are computed in single precision at least.
    fn normalise_pixels(&self, index: usize, norm: &LayerNorm2d, input: &Tensor) -> Result<Tensor, TchError> {
        let (kind, is_map) = (input.kind(), input.dim() == 4);
        let wide = self.widen(input)?;
        let last = if is_map {
            wide.f_permute(CHANNELS_LAST)?
        } else {
            wide
        };
        let normalised = last
            .f_layer_norm(
                [norm.channels as i64],
                self.weight(index),
                self.bias(index),
                norm.eps,
                false,
            )?
            .f_to_kind(kind)?;
        if is_map {
            normalised.f_permute(CHANNELS_FIRST)
        } else {
            Ok(normalised)
        }
    }

    fn convolve(&self, index: usize, conv: &Conv2d, input: &Tensor) -> Result<Tensor, TchError> {
        let pair = |value: usize| [value as i64; 2];
        let kind = self.precision().of_maps();
        // Pooled maps are wider than others; behind an excitation's mean comes a convolution.
        let input = &input.f_to_kind(kind)?;
        let border = border(&conv.window(), input)?;
        let parameter = self.weight(index).ok_or_else(|| absent("a weight"))?;
        // Where the types differ the rounded copy is made anew in every pass: it is a small part of a pass, and a copy that
        // is kept could go stale.
        let narrow = |parameter: &Tensor| parameter.f_to_kind(kind);
        let bias = self.bias(index).map(narrow).transpose()?;
        let convolved = |bias: Option<&Tensor>| {
            let weight = narrow(parameter)?;
            let padded;
            let (input, padding) = if border.is_symmetric() {
                (input, [border.top as i64, border.left as i64])
            } else {
                let sides = [border.left, border.right, border.top, border.bottom];
                padded = input.f_constant_pad_nd(sides.map(|side| side as i64))?;
                (&padded, [0, 0])
            };
            input.f_conv2d(
                &weight,
                bias,
                pair(conv.stride),
                padding,
                pair(conv.dilation),
                conv.groups as i64,
            )
        };
        if !self.has_kernels() || !autograd::takes_depthwise(conv, border, input, parameter) {
            return convolved(bias.as_ref());
        }
        let output = tch::no_grad(|| convolved(None))?;
        let output = autograd::convolve(conv, border, (input, parameter), &output)?;
        match bias {
            Some(bias) => output.f_add(&bias.f_reshape([1, -1, 1, 1])?),
            None => Ok(output),
        }
    }

    /// Whether maps lie and are stored as our own kernels of the backward pass take them.
    fn has_kernels(&self) -> bool {
        let is_taken = matches!(self.precision(), Precision::Single | Precision::Mixed);
        is_taken && self.device() == Device::Cpu && self.memory_format() == MemoryFormat::ChannelsLast
    }

    /// The node of the batch norm that a rectifier is computed with, if it is: one in training that nobody else reads.
    pub(crate) fn norm_before(&self, index: usize, mode: Mode) -> Option<usize> {
        let nodes = self.graph().nodes();
        let node = &nodes[index];
        if !matches!(node.op, Op::Relu | Op::Relu6) {
            return None;
        }
        let norm = node.inputs[0].index();
        match &nodes[norm].op {
            Op::BatchNorm2d(of) if self.trains_norm(norm, of, mode) => Some(norm),
            _ => None,
        }
    }

    /// Whether a batch norm is one in training that there are kernels for.
    fn trains_norm(&self, index: usize, norm: &BatchNorm2d, mode: Mode) -> bool {
        self.has_kernels() && self.is_training(index, mode) && autograd::Norm::takes(norm.channels)
    }

    /// A batch norm, and behind it the rectifier that is computed with it.
    pub(crate) fn normalise(
        &self,
        index: usize,
        norm: &BatchNorm2d,
        mode: Mode,
        (input, rectifier): (&Tensor, Option<&Op>),
    ) -> Result<Tensor, TchError> {
        let parameters = (
            self.weight(index),
            self.bias(index),
            self.running_mean(index),
            self.running_variance(index),
        );
        let has_kernel = self.trains_norm(index, norm, mode);
        let is_shared = self.is_training(index, mode) && self.peers().is_some();
        if let (Some(weight), Some(bias), Some(running_mean), Some(running_variance)) = parameters
            && (has_kernel || is_shared)
        {
            let norm = autograd::Norm {
                weight,
                bias,
                running_mean,
                running_variance,
                momentum: self.momentum_of(norm),
                eps: norm.eps,
                bounds: match rectifier {
                    Some(Op::Relu) => [0.0, f32::INFINITY],
                    Some(Op::Relu6) => [0.0, 6.0],
                    _ => [f32::NEG_INFINITY, f32::INFINITY],
                },
                peers: self.peers().cloned(),
            };
            return match has_kernel {
                true => autograd::normalise(&norm, input),
                false => autograd::normalise_together(&norm, input),
            };
        }
        let (weight, bias, running_mean, running_variance) = parameters;
        input.f_batch_norm(
            weight,
            bias,
            running_mean,
            running_variance,
            self.is_training(index, mode),
            self.momentum_of(norm),
            norm.eps,
            false,
        )
    }

    fn drop_out(
        &self,
        index: usize,
        dropped: Dropped,
        mode: Mode,
        input: Tensor,
    ) -> Result<Tensor, TchError> {
        let Mode::Training { step } = mode else {
            return Ok(input);
        };
        if !self.is_training(index, mode) {
            return Ok(input);
        }
        let mut size = input.size();
        let p = match dropped {
            Dropped::Values(p) => p,
            Dropped::Samples(p) => {
                size[1..].fill(1);
                p
            }
        };
        if p == 0.0 {
            return Ok(input);
        }
        let name = &self.graph().nodes()[index].name;
        let mask = init::dropout_mask(
            size.iter().product::<i64>() as usize,
            p,
            (self.seed(), step, name),
        );
        let mask = Tensor::f_from_slice(&mask)?
            .f_reshape(size)?
            .f_to_kind(input.kind())?
            .f_to_device(input.device())?;
        input.f_mul(&mask)
    }
}

/// What is zero by itself, with this probability.
#[derive(Clone, Copy)]
enum Dropped {
    Values(f64),
    Samples(f64),
}

/// The order of axes N, C, H, W with the channels behind.
const CHANNELS_LAST: [i64; 4] = [0, 2, 3, 1];
/// And back again.
const CHANNELS_FIRST: [i64; 4] = [0, 3, 1, 2];

fn max_pool(pool: &MaxPool2d, input: &Tensor) -> Result<Tensor, TchError> {
    let pair = |value: usize| [value as i64; 2];
    let border = border(&pool.window(), input)?;
    let has_surplus = !border.is_symmetric();
    let padded;
    let (input, padding) = if has_surplus && pool.stride == 1 {
        let sides = [border.left, border.right, border.top, border.bottom].map(|side| side as i64);
        padded = input.f_pad(sides, "constant", f64::NEG_INFINITY)?;
        (&padded, [0, 0])
    } else {
        (input, [border.top as i64, border.left as i64])
    };
    // A surplus row or column at the end counts as minus infinity: that is what a window of ceil mode sees there, without
    // a copy of the map. At stride 1 there is no such window.
    let ceil_mode = pool.ceil_mode || has_surplus;
    input.f_max_pool2d(
        pair(pool.kernel_size),
        pair(pool.stride),
        padding,
        [1, 1],
        ceil_mode,
    )
}

fn avg_pool(pool: &AvgPool2d, input: &Tensor) -> Result<Tensor, TchError> {
    let pair = |value: usize| [value as i64; 2];
    input.f_avg_pool2d(
        pair(pool.kernel_size),
        pair(pool.stride),
        pair(pool.padding),
        false,
        true,
        None::<i64>,
    )
}

fn border(window: &Window, input: &Tensor) -> Result<Border, TchError> {
    let (_, _, height, width) = input.size4()?;
    let size = ImageSize {
        height: height as usize,
        width: width as usize,
    };
    window
        .border(size)
        .ok_or_else(|| absent("a border of a size that a machine word holds"))
}

/// The graph was checked before it ran, so that none of these is ever missing.
fn absent(what: &str) -> TchError {
    TchError::Torch(format!("{what} is not there"))
}
