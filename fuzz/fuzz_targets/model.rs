//! A model file: weights, and a card with the graph that is run.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::run_model(bytes.to_vec()));
