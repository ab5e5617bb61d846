//! `cargo xtask book`: the pages of `docs/` as a book, built by mdBook into `target/book`.

mod links;
mod page;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{output_of, run as run_command, run_within};
use crate::workspace::Workspace;

/// The version that the book is written for. Another one is not used: its pages and warnings could differ.
const MDBOOK_VERSION: &str = "0.5.4";
/// mdBook is compiled where it is absent, which takes minutes on two cores.
const INSTALL_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Checks the links and builds the book; mdBook is installed where it is absent.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    check_links(workspace)?;
    build(workspace, &mdbook(workspace)?)
}

/// The check of the links, which needs no mdBook.
pub(crate) fn check_links(workspace: &Workspace) -> Result<()> {
    let counted = links::check(workspace.root())?;
    println!(
        "book: {} links of {} pages are in order",
        counted.links, counted.pages
    );
    Ok(())
}

/// Builds the book for the tests, or says in a line why it is not built: mdBook cannot be had without a network.
pub(crate) fn build_for_tests(workspace: &Workspace) -> Result<()> {
    match mdbook(workspace) {
        Ok(program) => build(workspace, &program),
        Err(error) => {
            eprintln!("   {error:#}\n   The book is not built; its links have been checked.");
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
    println!("book: target/book/index.html");
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
    eprintln!("   mdBook {MDBOOK_VERSION} is compiled into target/tools, once");
    let mut install = workspace.cargo();
    install
        .args(["install", "mdbook", "--version", MDBOOK_VERSION])
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
    fn the_links_of_this_repository_are_in_order() {
        check_links(&Workspace::locate().unwrap()).unwrap();
    }
}
