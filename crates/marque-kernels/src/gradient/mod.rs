//! Gradients, for trainers whose maps lie channels-last: pixel by pixel, the channels of each side by side.

mod depthwise;
mod element;

pub use depthwise::{DepthwiseGradient, Numbers, NumbersMut};
pub use element::Bf16;

pub(crate) use depthwise::{InputGradient, WeightGradient, input_gradient, weight_gradient};
pub(crate) use element::Element;

/// The kernels for one type of numbers.
pub(crate) struct GradientKernels<E> {
    pub(crate) depthwise_input: unsafe fn(&InputGradient<'_, E>),
    pub(crate) depthwise_weight: unsafe fn(&WeightGradient<E>),
}
