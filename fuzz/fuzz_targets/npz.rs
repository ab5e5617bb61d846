//! A whole `.npz` archive.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::read(bytes.to_vec()));
