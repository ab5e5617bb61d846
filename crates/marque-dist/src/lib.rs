#![doc = include_str!("../README.md")]

#[cfg(feature = "distributed")]
mod c10d;
mod error;
mod group;
mod launch;

pub use error::Error;
pub use group::{Alone, Group};
pub use launch::{Launch, Source};
