//! The list, and what is fetched by it, in one program: linking is most of the time that a small test takes.

mod catalog;
mod download;
