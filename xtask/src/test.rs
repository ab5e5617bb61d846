//! `cargo xtask test`: every check, cheapest first.

use std::io::IsTerminal;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::process::{readable, run as run_command, run_and_collect, step};
use crate::terminal::out;
use crate::workspace::Workspace;
use crate::{book, browser, libtorch, outside, page, reference, tidy, weights};

/// What cargo is asked to do, after the checks that need no compiler. All of it uses the dev profile: LibTorch's
/// bindings and the dependencies are compiled once, for clippy and the tests together where cargo can share them.
const BEFORE_TESTS: [(&str, &[&str]); 3] = [
    (
        "clippy on all targets, benches included, warnings denied",
        &[
            "clippy",
            "--workspace",
            "--features",
            "distributed",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "clippy on the examples without LibTorch",
        &[
            "clippy",
            "--no-default-features",
            "--features",
            "infer,report,synthetic",
            "--examples",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "examples",
        &["build", "--workspace", "--features", "distributed", "--examples"],
    ),
];
const TESTS: &[&str] = &[
    "test",
    "--workspace",
    "--features",
    "distributed",
    "--lib",
    "--bins",
    "--tests",
];
const AFTER_TESTS: [(&str, &[&str]); 2] = [
    (
        "doc tests",
        &["test", "--workspace", "--features", "distributed", "--doc"],
    ),
    (
        "documentation, warnings denied",
        &["doc", "--workspace", "--features", "distributed", "--no-deps"],
    ),
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    cargo_step(workspace, "format", &["fmt", "--all", "--", "--check"])?;
    step("tidy", || tidy::run(workspace))?;
    step("lock files of the other workspaces", || {
        outside::check_locks(workspace)
    })?;
    step("figures, tables and links of the book", || book::check(workspace))?;
    step("LibTorch", || libtorch::ensure(workspace))?;
    let has_python = std::thread::scope(|scope| {
        // Two and a half gigabytes of wheels and the weights arrive while the compiler works.
        let python = scope.spawn(|| {
            step("official weights for the tests", weights::prepare_for_tests)?;
            step("Python for the tests", || reference::prepare_for_tests(workspace))
        });
        for (name, arguments) in BEFORE_TESTS {
            cargo_step(workspace, name, arguments)?;
        }
        python
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let axe = step("browser for the tests", || {
        Ok(browser::prepare_for_tests(workspace))
    })?;
    let engine = page::prepare_for_tests(workspace);
    let left_out = step("tests", || {
        let mut command = cargo(workspace, TESTS);
        if std::io::stderr().is_terminal() {
            // Cargo's own output goes through a pipe now.
            command.env("CARGO_TERM_COLOR", "always");
        }
        // Many tests at a time on the same cores. A user's own choice wins, as it does in the programs.
        let variables = ["GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY"];
        if variables.iter().all(|name| std::env::var_os(name).is_none()) {
            command.env("GOMP_SPINCOUNT", "1000");
        }
        browser::tell(axe.as_deref(), &mut command);
        page::tell(engine.as_deref(), &mut command);
        if has_python {
            reference::require_in(&mut command);
        }
        run_and_collect(&mut command, "skipped: ")
    })?;
    for (name, arguments) in AFTER_TESTS {
        cargo_step(workspace, name, arguments)?;
    }
    step("a program outside of the repository", || {
        outside::check(workspace)
    })?;
    step("book", || book::build_for_tests(workspace))?;
    for reason in &left_out {
        out!("left out: {reason}")?;
    }
    let checks = match left_out.len() {
        0 => "all checks passed".to_owned(),
        count => format!("all checks passed but for what is left out above ({count})"),
    };
    out!("{checks} in {}", readable(start.elapsed()))?;
    Ok(())
}

fn cargo_step(workspace: &Workspace, name: &str, arguments: &[&str]) -> Result<()> {
    step(name, || run_command(&mut cargo(workspace, arguments)))
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.cargo();
    command.args(arguments);
    if arguments.first() == Some(&"doc") {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    command
}
