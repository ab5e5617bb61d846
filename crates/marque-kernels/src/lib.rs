#![doc = include_str!("../README.md")]

mod activation;
mod backoff;
mod buffer;
mod convolution;
mod depthwise;
mod elementwise;
mod error;
mod executor;
mod gradient;
mod instruction_set;
mod kernels;
mod layer_norm;
mod layout;
mod pooling;
mod rates;
mod shared;
mod simd;
mod threads;
mod tile;
mod window;
mod winograd;

pub use activation::Activation;
pub use buffer::Buffer;
pub use convolution::{
    Bias, Direct, DirectOperands, DirectOptions, Epilogue, FilterOrder, FilterShape, Filters, Image,
    Prologue, Source, Weight,
};
pub use depthwise::{Depthwise, DepthwiseFilters};
pub use elementwise::Affine;
pub use error::Error;
pub use executor::Executor;
pub use gradient::{BatchNorm, Bf16, DepthwiseGradient, Moments, NormCoefficients, Numbers, NumbersMut};
pub use instruction_set::InstructionSet;
pub use layer_norm::LayerNorm;
pub use layout::{BLOCK, Layout, Maps, MapsMut};
pub use pooling::Pooling;
pub use rates::Rates;
pub use threads::Threads;
pub use window::Window;
pub use winograd::{Winograd, WinogradFilters, WinogradOperands, WinogradOptions};
