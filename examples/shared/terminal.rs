//! What a program says, and how it ends.
//!
//! Whoever reads the output may go away (`… | head`), and the disk that it goes to may be full. `println!` panics then, in
//! the middle of what the program was doing. Here writing to the standard output gives a result, for programs whose output
//! is what they are for, and notes on the standard error stream are never a reason to stop.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each program uses a part of it"
)]

use anyhow::Result;
use std::fmt::{Arguments, Write as _};
use std::io::{self, ErrorKind, Write as _};
use std::process::{ExitCode, Termination};

/// Writes a line to the standard output.
macro_rules! out {
    ($($argument:tt)*) => { $crate::terminal::write_line(format_args!($($argument)*)) };
}

/// Writes a line that says what a run has come to, when all of it is in files: it has succeeded even where this cannot be said.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::terminal::write_result(format_args!($($argument)*)) };
}

/// Writes a line to the standard error stream.
macro_rules! note {
    ($($argument:tt)*) => { $crate::terminal::write_note(format_args!($($argument)*)) };
}

pub(crate) use {note, out, tell};

/// The standard output does not take what is written.
#[derive(Debug)]
pub(crate) struct Unprinted(io::Error);

impl Unprinted {
    /// Whether it went into a pipe whose reader has seen enough.
    fn is_reader_gone(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

impl std::fmt::Display for Unprinted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cannot write to the standard output")
    }
}

impl std::error::Error for Unprinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

pub(crate) fn write_line(text: Arguments<'_>) -> Result<(), Unprinted> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(Unprinted)
}

pub(crate) fn write_result(text: Arguments<'_>) {
    match write_line(text) {
        Err(error) if !error.is_reader_gone() => {
            note!("{}; all results have been written", with_causes(&error.into()));
        }
        _ => {}
    }
}

pub(crate) fn write_note(text: Arguments<'_>) {
    // Nobody can be told that the standard error stream is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Runs a program. An error is said with all that caused it, and the exit code is then 1; a reader of the output who has seen
/// enough is none.
pub(crate) fn run<T: Termination>(program: impl FnOnce() -> Result<T>) -> ExitCode {
    let error = match program() {
        Ok(ended) => return ended.report(),
        Err(error) => error,
    };
    if error.downcast_ref().is_some_and(Unprinted::is_reader_gone) {
        return ExitCode::SUCCESS;
    }
    note!("error: {}", with_causes(&error));
    ExitCode::FAILURE
}

/// An error and what caused it, in one line. Causes that an error tells in its own words are not repeated.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            // Writing to a string cannot fail.
            let _ = write!(said, ": {cause}");
        }
    }
    said
}

/// The command that runs this program.
pub(crate) fn command() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}
