//! Trainings by several processes, which the tests start themselves: this program once more.

#[path = "../it/common.rs"]
mod common;
mod curves;
mod losses;
mod rank;
