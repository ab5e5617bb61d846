//! The programs in `examples/` as a user starts them, in one program: linking is most of the time that a small test takes.

mod backends;
mod common;
mod examples;
mod experiments;
mod finetuning_examples;
mod other_runtimes;
mod output;
// Not as a dependency, which whoever builds an example would compile.
#[cfg(feature = "distributed")]
#[path = "../../crates/marque-testkit/src/ranks.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is written for a crate of its own")]
mod processes;
mod recipes;
#[cfg(feature = "distributed")]
#[path = "../../crates/marque-testkit/src/skip.rs"]
#[allow(unreachable_pub, reason = "it is written for a crate of its own")]
mod skip;
mod survival;
mod together;
mod waiting;
