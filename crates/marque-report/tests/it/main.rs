//! Charts, pages and run folders from the outside, in one program: linking is most of the time that a small test takes.

mod charts;
mod common;
mod comparison;
#[cfg(feature = "landscape")]
mod landscape;
mod pages;
mod plots;
mod report;
mod wording;
