//! From a graph to the layers that kernels compute: small steps, each from one program to another.

mod additions;
mod before;
mod flatten;
mod lower;
mod norms;
mod rectifiers;

use crate::Error;
use crate::program::Program;
use marque_arch::Graph;
use marque_weights::StateDict;

/// The program of a graph with these weights, whose names and shapes have been matched to it.
pub(crate) fn program(graph: &Graph, weights: &StateDict) -> Result<Program, Error> {
    let program = lower::lower(graph, weights)?;
    let program = norms::fold(program);
    let program = additions::fuse(program);
    let program = rectifiers::fuse(program);
    let program = before::fuse(program);
    let program = flatten::absorb(program);
    Ok(program.without_dead_layers())
}
