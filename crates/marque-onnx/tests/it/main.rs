//! Files that marque writes, read by another runtime.

#![allow(clippy::print_stdout, reason = "a test may say what it measured")]

#[path = "../../../marque-torch/tests/it/reference/common.rs"]
mod common;
mod runtime;
