//! Whole runs of a small network, as a program makes them that adds the crate.

mod common;
mod resuming;
mod sources;
mod storage;
mod tensorboard;
