//! The engine against references, and against itself.

#![allow(clippy::print_stdout, reason = "a test may say what it measured")]

#[path = "../../../marque-torch/tests/it/reference/common.rs"]
mod common;
mod explanations;
mod logits;
mod shapes;
