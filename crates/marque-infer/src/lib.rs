#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod class_maps;
mod engine;
mod error;
mod options;
mod parameters;
mod passes;
mod plan;
mod program;
mod session;

pub use class_maps::ClassMaps;
pub use error::Error;
pub use marque_kernels::InstructionSet;
pub use options::{SessionOptions, Tuning};
pub use plan::{Plan, PlanRow};
pub use session::{Profile, Session};
