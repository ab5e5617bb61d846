//! A graph that is put together as the bytes say, with weights that suit it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::run_graph(bytes));
