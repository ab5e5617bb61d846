//! Convolutions: what they multiply by, and the two ways of computing them.

mod arrangement;
mod direct;
mod filters;
mod gather;
mod grid;

pub use direct::{Direct, DirectOperands, DirectOptions};
pub use filters::{Bias, FilterOrder, FilterShape, Filters, Weight};
pub use gather::{Image, Prologue, Source};

pub(crate) use grid::{Grid, Work};

use crate::{Activation, Maps};

/// What happens to sums before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// Added per channel.
    pub bias: &'a Bias,
    /// Maps of the output's shape that are added.
    pub addend: Option<Maps<'a>>,
    /// What is done to the results.
    pub activation: Activation,
}
