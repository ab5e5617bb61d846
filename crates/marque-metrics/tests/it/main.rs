//! Metrics from the outside, in one program: linking is most of the time that a small test takes.

mod formula;
mod other_programs;
mod properties;
mod scikit_learn;
mod temperature;
