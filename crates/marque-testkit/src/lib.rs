//! Test support for marque: tolerances, golden files, formula-filled tensors.
