//! `cargo xtask book`: the pages of `docs/` as a book, built by mdBook into `target/book`, with its figures and tables made anew.

mod counted;
mod links;
mod measured;
mod page;
mod remade;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{output_of, run as run_command, run_within};
use crate::terminal::{note, out};
use crate::workspace::Workspace;

/// The version that the book is written for. Another one is not used: its pages and warnings could differ.
const MDBOOK_VERSION: &str = "0.5.4";
/// mdBook is compiled where it is absent, which takes minutes on two cores.
const INSTALL_PATIENCE: Duration = Duration::from_secs(20 * 60);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make the figures of an experiment anew first, which can take hours: gradient_flow, degradation, shortcut_options,
    /// landscape-near, landscape-far or comparison.
    #[arg(long, value_name = "EXPERIMENT")]
    again: Vec<String>,
    /// The photos for the experiments that train.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Makes drawings and tables anew, checks the links and builds the book; mdBook is installed where it is absent.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    for experiment in &arguments.again {
        remade::remake(workspace, experiment, arguments.data.as_deref())?;
    }
    for page in stale(workspace)? {
        out!("book: {} is made anew", page.path.display())?;
        marque_fs::write_atomically(&page.path, |file| file.write_all(page.content.as_bytes()))?;
    }
    check_links(workspace)?;
    build(workspace, &mdbook(workspace)?)
}

/// The checks that need no mdBook: what is counted in the book is what the code counts, and links lead somewhere.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if let Some(page) = stale(workspace)?.first() {
        bail!(
            "{} is not what the code makes now: `cargo xtask book` makes it anew",
            page.path.display()
        );
    }
    check_links(workspace)
}

/// The pages and drawings that are not as the code makes them.
fn stale(workspace: &Workspace) -> Result<Vec<counted::Page>> {
    let mut pages = counted::pages(workspace.root())?;
    pages.retain(|page| std::fs::read(&page.path).ok().as_deref() != Some(page.content.as_bytes()));
    Ok(pages)
}

fn check_links(workspace: &Workspace) -> Result<()> {
    let counted = links::check(workspace.root())?;
    out!(
        "book: {} links of {} pages are in order",
        counted.links,
        counted.pages
    )?;
    Ok(())
}

/// Builds the book for the tests, or says in a line why it is not built: mdBook cannot be had without a network.
pub(crate) fn build_for_tests(workspace: &Workspace) -> Result<()> {
    match mdbook(workspace) {
        Ok(program) => build(workspace, &program),
        Err(error) => {
            note!("   {error:#}\n   The book is not built; its links have been checked.");
            Ok(())
        }
    }
}

fn build(workspace: &Workspace, program: &Path) -> Result<()> {
    run_command(
        Command::new(program)
            .args(["build", "docs"])
            .current_dir(workspace.root()),
    )?;
    out!("book: target/book/index.html")?;
    Ok(())
}

/// An mdBook of the pinned version: the repository's own, the one on the PATH, or else one that is installed now.
fn mdbook(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.root().join("target/tools");
    let own = tools.join("bin/mdbook");
    let candidates = [own.clone(), PathBuf::from("mdbook")];
    if let Some(found) = candidates
        .into_iter()
        .find(|program| is_pinned(&version_of(program)))
    {
        return Ok(found);
    }
    note!("   mdBook {MDBOOK_VERSION} is compiled into target/tools, once");
    let mut install = workspace.cargo();
    install
        .args(["install", "mdbook", "--version", MDBOOK_VERSION])
        // It reads a few hundred kilobytes: optimising it, or describing it to a debugger, would take longer than all that it is used for.
        .arg("--debug")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        // A web server and a watcher of files are of no use to a book that is read from the disk.
        .args(["--no-default-features", "--features", "search"])
        .args(["--locked", "--quiet", "--force", "--root"])
        .arg(&tools);
    run_within(&mut install, INSTALL_PATIENCE)
        .with_context(|| format!("there is no mdBook {MDBOOK_VERSION}, and it cannot be installed"))?;
    if !is_pinned(&version_of(&own)) {
        bail!("{} does not say that it is {MDBOOK_VERSION}", own.display());
    }
    Ok(own)
}

fn version_of(program: &Path) -> Option<String> {
    output_of(Command::new(program).arg("--version"))
}

/// mdBook prints `mdbook v0.5.4`.
fn is_pinned(printed: &Option<String>) -> bool {
    printed
        .as_deref()
        .is_some_and(|line| line.strip_prefix("mdbook v") == Some(MDBOOK_VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_version_is_used() {
        assert!(is_pinned(&Some(format!("mdbook v{MDBOOK_VERSION}"))));
        assert!(!is_pinned(&Some(format!("mdbook v{MDBOOK_VERSION}1"))));
        assert!(!is_pinned(&Some("mdbook v0.4.40".to_owned())));
        assert!(!is_pinned(&version_of(Path::new("no-such-program-here"))));
    }

    #[test]
    fn the_book_of_this_repository_is_in_order() {
        check(&Workspace::locate().unwrap()).unwrap();
    }
}
