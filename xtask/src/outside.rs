//! A program outside of the repository that depends on `marque` by its path: what holds within a workspace (profiles, features that
//! other packages turn on, the folder of LibTorch) need not hold for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::run as run_command;
use crate::workspace::Workspace;

/// What a program without LibTorch may be linked with: the C library, its loader, and what unwinds the stack.
const OF_THE_SYSTEM: [&str; 5] = ["linux-vdso", "libc.so", "libm.so", "libgcc_s.so", "ld-linux"];

/// How the workspace's manifest has its own crates compiled for tests.
const OF_OWN_CRATES: &str = "opt-level = 1\ndebug = \"line-tables-only\"";

/// Copies the program that trains and the one that only classifies out of the repository, builds them there, and runs them.
///
/// What they depend on is compiled as for the tests, and found where they left it.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let training = copy(workspace, "xtask/outside", &["build.rs", "src/main.rs"])?;
    run_command(cargo(workspace, &training).args(["run", "--quiet"]))?;
    let classifying = copy(workspace, "examples/standalone", &["src/main.rs"])?;
    run_command(cargo(workspace, &classifying).args(["build", "--quiet"]))?;
    let program = workspace.root().join("target/debug/standalone");
    run_command(Command::new(&program).current_dir(workspace.root()).args([
        "weights/synthetic-cars.safetensors",
        "crates/marque-data/tests/golden/augment/picture.png",
    ]))?;
    links_nothing_else(&program)
}

/// Workspaces of their own, which depend on crates of this one: what those depend on moves on under their lock files.
const OTHER_WORKSPACES: [&str; 2] = ["benches/engines", "fuzz"];

/// That what is locked for the other workspaces still holds, so that they can be built with `--locked`.
pub(crate) fn check_locks(workspace: &Workspace) -> Result<()> {
    for folder in OTHER_WORKSPACES {
        let manifest = workspace.root().join(folder).join("Cargo.toml");
        run_command(
            workspace
                .cargo()
                .args(["update", "--workspace", "--locked", "--quiet", "--manifest-path"])
                .arg(manifest),
        )
        .with_context(|| format!("run `cargo update --workspace --manifest-path {folder}/Cargo.toml`"))?;
    }
    Ok(())
}

/// A program of the repository in a folder of its own, with the profiles and versions of the workspace.
fn copy(workspace: &Workspace, program: &str, files: &[&str]) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (source, root) = (workspace.root().join(program), workspace.root());
    std::fs::create_dir(folder.path().join("src"))?;
    for file in files {
        std::fs::copy(source.join(file), folder.path().join(file))?;
    }
    let manifest = std::fs::read_to_string(source.join("Cargo.toml"))?;
    let own = manifest.find("\n[profile.").unwrap_or(manifest.len());
    // With the features that the workspace has turned on for others' packages: they are not compiled once more.
    let unified = format!(
        "[dependencies]\nunified = {{ path = {:?} }}",
        root.join("xtask/unified")
    );
    let manifest = manifest[..own]
        .replace("\"../..\"", &format!("{root:?}"))
        .replacen("[dependencies]", &unified, 1);
    let profiles = profiles(&root.join("Cargo.toml"))?;
    std::fs::write(folder.path().join("Cargo.toml"), manifest + &profiles)?;
    std::fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    Ok(folder)
}

fn cargo(workspace: &Workspace, folder: &TempDir) -> Command {
    let mut command = workspace.cargo();
    command
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", workspace.root().join("target"))
        .env("LIBTORCH", workspace.libtorch_link());
    command
}

/// Looks at the libraries that a program is linked with, where the system has a tool that tells.
fn links_nothing_else(program: &Path) -> Result<()> {
    let Ok(told) = Command::new("ldd").arg(program).output() else {
        return Ok(());
    };
    let told = String::from_utf8_lossy(&told.stdout);
    let is_known = |line: &&str| OF_THE_SYSTEM.iter().any(|library| line.contains(library));
    match told.lines().find(|line| !is_known(line)) {
        Some(line) => bail!("{} is linked with {}", program.display(), line.trim()),
        None => Ok(()),
    }
}

/// The profiles of the workspace's manifest: the last of its tables. The crates of the workspace, which cargo compiles once more for a
/// program outside of it, are not optimised but for the arithmetic: the programs run for a second.
fn profiles(manifest: &Path) -> Result<String> {
    let text = std::fs::read_to_string(manifest)?;
    let begin = text.find("\n[profile.").context("the manifest has no profiles")?;
    Ok(text[begin..].replace(OF_OWN_CRATES, "opt-level = 0\ndebug = false"))
}
