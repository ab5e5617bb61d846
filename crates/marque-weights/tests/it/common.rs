//! What several tests need.

use marque_weights::{DType, StateDict, Tensor};
use std::path::{Path, PathBuf};

/// A file of `tests/golden`.
pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(path)
}

/// The numerators that the scripts of the golden files give to the tensor called `name`.
fn numerators(name: &str, count: usize) -> impl Iterator<Item = u8> {
    let sum: usize = name.bytes().map(usize::from).sum();
    (0..count).map(move |index| ((7 * index + sum) % 64) as u8)
}

/// Asserts that every tensor has the numbers of the scripts' formula.
#[track_caller]
pub(crate) fn assert_formula(weights: &StateDict) {
    assert!(!weights.is_empty());
    for (name, tensor) in weights.iter() {
        let numerators = numerators(name, tensor.len());
        match tensor.to_f32() {
            Some(values) => {
                let expected: Vec<f32> = numerators
                    .map(|numerator| (f32::from(numerator) - 32.0) / 8.0)
                    .collect();
                assert_eq!(values[..], expected, "{name}");
            }
            None => assert_eq!(
                integers(tensor),
                numerators.map(|n| flag(tensor, n)).collect::<Vec<_>>(),
                "{name}"
            ),
        }
    }
}

fn flag(tensor: &Tensor, numerator: u8) -> u8 {
    match tensor.dtype() {
        DType::Bool => numerator % 2,
        _ => numerator,
    }
}

/// Little-endian integers below 64.
fn integers(tensor: &Tensor) -> Vec<u8> {
    let integers = tensor.bytes().chunks(tensor.dtype().size_bytes());
    integers
        .map(|bytes| {
            assert!(bytes[1..].iter().all(|&byte| byte == 0));
            bytes[0]
        })
        .collect()
}
