//! The test support itself, in one program: linking is most of the time that a small test takes.

mod formula;
mod reference;
mod statistics;
