//! Graphs and architectures from the outside, in one program: linking is most of the time that a small test takes.

mod costs;
mod graph;
mod reference;
