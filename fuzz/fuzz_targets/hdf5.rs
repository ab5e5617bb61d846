//! An HDF5 file, of which everything is read, whether it is a checkpoint or not.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| marque_fuzz::read_hdf5(bytes));
