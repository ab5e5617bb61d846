//! The configuration and the weights of a `.keras` archive.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::read(marque_fuzz::keras_archive(bytes)));
