//! What a page computes, by its functions and in a browser.

mod browser;
mod common;
mod exports;
