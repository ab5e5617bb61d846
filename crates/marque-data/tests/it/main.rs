//! Tests through the public interface, in one program: linking is most of the time that a small test takes.

#![allow(
    clippy::print_stdout,
    reason = "measured deviations, shown of tests that fail"
)]

mod archives;
mod augment;
mod cache;
mod check;
mod common;
mod decode;
mod folder;
mod hostile;
mod inventory;
mod jpeg;
mod kinds;
mod layouts;
mod lists;
mod loader;
mod orientation;
mod pixel_path;
mod preprocess;
mod rectangles;
mod scaled;
mod tiff;
mod transforms;
mod views;
