//! Test support for marque: tolerances, golden files, formula-filled tensors, naive reference kernels.
//!
//! A numeric test of marque compares with a library that many people trust. A script beside the test
//! (`tests/golden/<case>/generate.py`) asks that library once and stores its answers; the test reads only
//! these. Weights are not stored: both sides compute them by [`formula`], whose Python twin is
//! `python/marque_formula.py`.
//!
//! ```
//! use marque_testkit::{Golden, Tolerance, assert_close, formula};
//!
//! let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "formula/io.safetensors")?;
//! let expected = golden.f32("parameter/fc.weight")?;
//! let found = formula::parameter("fc.weight", &[10, 13]);
//! assert_close("fc.weight", found.view(), expected.view(), Tolerance::exact());
//! # Ok::<(), marque_testkit::Error>(())
//! ```
//!
//! This crate serves tests alone and is never published.

pub mod browser;
mod cargo;
mod error;
pub mod formula;
pub mod golden;
#[cfg(feature = "weights")]
mod official;
mod python;
pub mod ranks;
pub mod reference;
mod skip;
pub mod statistics;
pub mod tolerance;

pub use cargo::cargo;
pub use error::Error;
pub use golden::Golden;
#[cfg(feature = "weights")]
pub use official::official_or_skip;
pub use python::{printed_by, python_or_skip};
pub use skip::skip;
pub use tolerance::{Precision, Tolerance, assert_apart, assert_close};
