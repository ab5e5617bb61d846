//! The programs in `examples/` as a user starts them, in one program: linking is most of the time that a small test takes.

mod backends;
mod common;
mod examples;
mod experiments;
mod finetuning_examples;
mod other_runtimes;
mod output;
mod recipes;
mod survival;
mod waiting;
