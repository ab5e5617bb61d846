//! Gradients, for trainers whose maps lie channels-last: pixel by pixel, the channels of each side by side.

mod batch_norm;
mod depthwise;
mod element;
mod norm_kernels;
mod numbers;

pub use batch_norm::{BatchNorm, Moments, NormCoefficients};
pub use depthwise::DepthwiseGradient;
pub use element::Bf16;
pub use numbers::{Numbers, NumbersMut};

pub(crate) use depthwise::{InputGradient, WeightGradient, input_gradient, weight_gradient};
pub(crate) use element::Element;
pub(crate) use norm_kernels::{
    NormBackward, NormForward, NormMoments, moments, norm_input, norm_sums, normalise,
};

/// The kernels for one type of numbers.
pub(crate) struct GradientKernels<E> {
    pub(crate) depthwise_input: unsafe fn(&InputGradient<'_, E>),
    pub(crate) depthwise_weight: unsafe fn(&WeightGradient<E>),
    pub(crate) moments: unsafe fn(&NormMoments<E>),
    pub(crate) normalise: unsafe fn(&NormForward<E>),
    pub(crate) norm_sums: unsafe fn(&NormBackward<E>),
    pub(crate) norm_input: unsafe fn(&NormBackward<E>),
}
