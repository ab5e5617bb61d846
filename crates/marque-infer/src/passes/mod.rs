//! From a graph to the layers that kernels compute: small steps, each from one program to another.

mod activations;
mod additions;
mod before;
mod flatten;
mod lower;
mod norms;
pub(crate) mod separable;

#[cfg(test)]
mod tests;

use crate::Error;
use crate::program::Program;
use marque_arch::Graph;
use marque_weights::StateDict;

/// The program of a graph with these weights, whose names and shapes have been matched to it.
pub(crate) fn program(graph: &Graph, weights: &StateDict) -> Result<Program, Error> {
    let passes = [
        norms::fold,
        additions::fuse,
        activations::fuse,
        before::fuse,
        flatten::absorb,
    ];
    let program = lower::lower(graph, weights)?;
    // Layers that a pass has left without readers must not count as readers in the next one.
    Ok(passes
        .into_iter()
        .fold(program, |program, pass| pass(program).without_dead_layers()))
}
