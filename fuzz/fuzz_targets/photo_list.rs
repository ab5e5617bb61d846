//! A list of photos.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::scan_photos(bytes, "fuzzed.csv"));
