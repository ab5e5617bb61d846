//! An ONNX file, whose network is run where there is one.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::run_onnx(bytes));
