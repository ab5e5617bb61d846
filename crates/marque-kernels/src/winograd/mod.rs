//! Convolution of three by three taps by Winograd's method: two to five times fewer multiplications than by the definition.

mod filters;
mod plan;
mod tiling;
pub(crate) mod transforms;

pub use filters::WinogradFilters;
pub use plan::{Winograd, WinogradOperands, WinogradOptions};
