//! The chores of the marque workspace: `cargo xtask …`.
//!
//! Nothing here needs LibTorch to compile, so that `cargo xtask libtorch` can be the first command after a
//! clone.

mod book;
mod browser;
#[allow(unreachable_pub, reason = "in its own crate it is for others")]
#[path = "../../crates/marque-testkit/src/cargo.rs"]
mod cargo;
mod demo;
mod doctor;
mod goldens;
mod libtorch;
mod outside;
mod page;
mod process;
mod reference;
#[path = "../../examples/shared/terminal.rs"]
mod terminal;
mod test;
mod tidy;
mod weights;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

/// The chores of the marque workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find or fetch LibTorch and link it into the repository as `.libtorch`.
    Libtorch(libtorch::Arguments),
    /// Say what was found on this machine, and what to do about what is wrong.
    Doctor,
    /// Photos in, report out: train, test and report on synthetic cars or on a folder of your own.
    Demo(demo::Arguments),
    /// Run every check, cheapest first.
    Test,
    /// Check the house rules that the compiler does not: crate arrows, sizes, stale documents.
    Tidy,
    /// Make figures and tables of the book in `docs/` anew, check its links and build it into `target/book`.
    Book(book::Arguments),
    /// Make a folder of files that classifies photos in a browser, with a model and without a server.
    Page(page::Arguments),
    /// Make the golden files of the tests again from their reference programs.
    Goldens(goldens::Arguments),
    /// Fetch official weight files into the cache of this machine, list or check them.
    Weights(weights::Arguments),
}

fn main() -> ExitCode {
    terminal::run(|| run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match arguments.command {
        Command::Libtorch(arguments) => libtorch::run(&workspace, &arguments)?,
        Command::Doctor => return doctor::run(&workspace),
        Command::Demo(arguments) => demo::run(&workspace, &arguments)?,
        Command::Test => test::run(&workspace)?,
        Command::Tidy => tidy::run(&workspace)?,
        Command::Book(arguments) => book::run(&workspace, &arguments)?,
        Command::Page(arguments) => page::run(&workspace, &arguments)?,
        Command::Goldens(arguments) => goldens::run(&workspace, &arguments)?,
        Command::Weights(arguments) => weights::run(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
