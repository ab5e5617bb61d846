//! Tests that ask a Python, where there is one.

use crate::skip;
use std::path::PathBuf;
use std::process::Command;

/// `1` where such tests must run: `cargo xtask test` sets it once the libraries are there.
const REQUIRED: &str = "MARQUE_PYTHON_TESTS";

/// A call of the Python that `MARQUE_PYTHON` names, or of the one that `cargo xtask test` and `cargo xtask goldens` set up, if it can import
/// `modules`.
///
/// Otherwise a line on standard error says so, also where output of tests is captured, and the test is to return. Keras
/// is told to compute with PyTorch.
///
/// ```
/// use marque_testkit::python_or_skip;
///
/// # fn a_test_that_asks_numpy() {
/// let Some(mut python) = python_or_skip(&["numpy"]) else { return };
/// let output = python.args(["-c", "import numpy; print(numpy.log2(8))"]).output().unwrap();
/// assert_eq!(output.stdout, b"3.0\n");
/// # }
/// ```
///
/// # Panics
/// When it cannot and `MARQUE_PYTHON_TESTS` is `1`.
pub fn python_or_skip(modules: &[&str]) -> Option<Command> {
    let set_up = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.goldens-venv/bin/python");
    let python = std::env::var_os("MARQUE_PYTHON").map_or_else(|| PathBuf::from(set_up), PathBuf::from);
    let call = || {
        let mut command = Command::new(&python);
        command.env("KERAS_BACKEND", "torch");
        command
    };
    let imports = format!("import {}", modules.join(", "));
    let reason = match call().args(["-c", &imports]).output() {
        Ok(output) if output.status.success() => return Some(call()),
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            error.lines().last().unwrap_or("it says nothing").to_owned()
        }
        Err(error) => error.to_string(),
    };
    let line = format!(
        "`{} -c '{imports}'`: {reason}; `cargo xtask test` sets one up, MARQUE_PYTHON names another",
        python.display()
    );
    assert!(
        std::env::var_os(REQUIRED).is_none_or(|value| value != "1"),
        "{line}"
    );
    skip(&line);
    None
}

/// What a call of Python prints.
///
/// # Panics
/// With what it says on standard error, where it fails or prints no UTF-8.
pub fn printed_by(python: &mut Command) -> String {
    let output = python.env("PYTHONUTF8", "1").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
