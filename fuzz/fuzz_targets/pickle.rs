//! The pickle of an archive of `torch.save`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::read(marque_fuzz::torch_zip(bytes)));
