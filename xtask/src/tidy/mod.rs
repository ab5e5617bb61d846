//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy checks.

mod arrows;
mod files;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::terminal::out;
use crate::workspace::Workspace;
use files::Tracked;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.metadata()?;
    let mut problems = arrows::check(&metadata)?;
    problems.extend(unmentioned(workspace.root(), &arrows::crate_names(&metadata)?));
    let tracked = tracked_files(workspace.root())?;
    problems.extend(files::check(&tracked));
    if !problems.is_empty() {
        bail!(
            "{} breaches of the house rules:\n  {}",
            problems.len(),
            problems.join("\n  ")
        );
    }
    out!(
        "tidy: {} files and the arrows between the crates are in order",
        tracked.len()
    )?;
    Ok(())
}

/// The documents that list the crates, and the crates that they forget.
fn unmentioned(root: &Path, crates: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for document in ["CHANGELOG.md", "docs/architecture.md"] {
        match fs::read_to_string(root.join(document)) {
            Ok(text) => problems.extend(
                crates
                    .iter()
                    .filter(|name| !mentions(&text, name))
                    .map(|name| format!("{document}: does not mention the crate {name}")),
            ),
            Err(error) => problems.push(format!("{document}: cannot be read ({error})")),
        }
    }
    problems
}

/// Whether a text has the name as a whole word: `marque-data` does not mention `marque`.
fn mentions(text: &str, name: &str) -> bool {
    let in_name = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    text.match_indices(name).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + name.len()..].chars().next();
        !before.is_some_and(in_name) && !after.is_some_and(in_name)
    })
}

/// The files that git has or would take in, with their content.
fn tracked_files(root: &Path) -> Result<Vec<Tracked>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git does not start; tidy asks it which files belong to the repository")?;
    if !output.status.success() {
        bail!(
            "git cannot list the files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let list = String::from_utf8(output.stdout).context("a file has a name that is not UTF-8")?;
    let mut tracked = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        match fs::read(root.join(path)) {
            Ok(content) => tracked.push(Tracked {
                path: path.to_owned(),
                content,
            }),
            // Deleted in the working tree and not yet in the index.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    if tracked.is_empty() {
        bail!("git lists no files in {}", root.display());
    }
    Ok(tracked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_mentioned_only_by_its_whole_name() {
        assert!(mentions("`marque-data`: photos", "marque-data"));
        assert!(mentions("marque, the facade", "marque"));
        assert!(!mentions("`marque-data` and marque_fs", "marque"));
        assert!(!mentions("marque-database", "marque-data"));
    }

    #[test]
    fn a_missing_document_and_a_forgotten_crate_are_problems() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("CHANGELOG.md"), "- marque-fs").unwrap();
        let problems = unmentioned(root.path(), &["marque-fs".to_owned(), "marque-arch".to_owned()]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(
            problems[0],
            "CHANGELOG.md: does not mention the crate marque-arch"
        );
        assert!(problems[1].starts_with("docs/architecture.md: cannot be read"));
    }
}
