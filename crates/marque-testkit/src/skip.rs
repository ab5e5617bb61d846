//! Tests that are left out.

use std::io::Write;

/// Says on standard error, also where the output of tests is captured, what a test leaves out and what would let it run.
/// `cargo xtask test` collects these lines and repeats them at its end.
pub fn skip(reason: &str) {
    // Not `eprintln`, which is shown of failing tests only.
    let _told = writeln!(std::io::stderr(), "skipped: {reason}");
}
