//! Checkpoints as named tensors: reading and writing.
