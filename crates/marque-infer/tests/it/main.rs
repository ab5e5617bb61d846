//! The engine against references, and against itself.

#[path = "../../../marque-torch/tests/it/reference/common.rs"]
mod common;
mod logits;
