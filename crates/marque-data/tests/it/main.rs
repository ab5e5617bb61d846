//! Tests through the public interface, in one program: linking is most of the time that a small test takes.

mod augment;
mod check;
mod common;
mod decode;
mod folder;
mod hostile;
mod jpeg;
mod kinds;
mod loader;
mod orientation;
mod preprocess;
mod rectangles;
mod tiff;
mod views;
