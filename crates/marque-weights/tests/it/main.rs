//! Checkpoints from the outside, in one program: linking is most of the time that a small test takes.

#![allow(
    clippy::print_stdout,
    reason = "measured deviations, shown of tests that fail"
)]

mod archives;
mod bad_files;
mod common;
mod detection;
mod names;
mod npz;
mod safetensors;
mod shards;
mod torch;
mod torch_damage;
mod torch_interop;
mod torch_values;
