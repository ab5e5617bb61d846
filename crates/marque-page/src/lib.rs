#![doc = include_str!("../README.md")]

mod classify;
mod error;
pub mod exports;

pub use classify::{Answer, Model, PageClassifier};
pub use error::Error;
