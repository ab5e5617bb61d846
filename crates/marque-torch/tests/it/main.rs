//! Networks on LibTorch from the outside, in one program: linking is most of the time that a small test takes.

#![allow(
    clippy::print_stdout,
    reason = "measured deviations, shown of tests that fail"
)]

mod checkpoints;
mod efficientnet_lite;
mod network;
mod pretrained;
mod random;
mod reference;
