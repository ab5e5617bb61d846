//! A program outside of the repository that depends on `marque` by its path: what holds within a workspace (profiles, features that
//! other packages turn on, the folder of LibTorch) need not hold for it.

use std::path::Path;

use anyhow::{Context, Result};

use crate::process::run as run_command;
use crate::workspace::Workspace;

/// Copies the program out of the repository, builds it there, and runs it.
///
/// What it depends on is compiled as for the tests, and found where they left it.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (source, root) = (workspace.root().join("xtask/outside"), workspace.root());
    std::fs::create_dir(folder.path().join("src"))?;
    for file in ["build.rs", "src/main.rs"] {
        std::fs::copy(source.join(file), folder.path().join(file))?;
    }
    let manifest = std::fs::read_to_string(source.join("Cargo.toml"))?;
    let manifest = manifest
        .replace("\"../..\"", &format!("{root:?}"))
        .replace("\"../unified\"", &format!("{:?}", root.join("xtask/unified")));
    let profiles = profiles(&root.join("Cargo.toml"))?;
    std::fs::write(folder.path().join("Cargo.toml"), manifest + &profiles)?;
    std::fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    run_command(
        workspace
            .cargo()
            .args(["run", "--quiet"])
            .current_dir(folder.path())
            .env("CARGO_TARGET_DIR", root.join("target"))
            .env("LIBTORCH", workspace.libtorch_link()),
    )
}

/// The profiles of the workspace's manifest: the last of its tables.
fn profiles(manifest: &Path) -> Result<String> {
    let text = std::fs::read_to_string(manifest)?;
    let begin = text.find("\n[profile.").context("the manifest has no profiles")?;
    Ok(text[begin..].to_owned())
}
