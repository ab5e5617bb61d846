//! What the tests of pages need: a Chromium, and axe-core, which knows the rules of accessibility.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process::{output_of, run_within};
use crate::terminal::note;
use crate::workspace::Workspace;

/// Names the browser's program to the tests, which look on the PATH without it.
const CHROMIUM: &str = "MARQUE_CHROMIUM";
/// The file `axe.min.js`; without it the tests of pages leave accessibility out.
const AXE: &str = "MARQUE_AXE";

/// The npm package `axe-core`, and the sum of its `axe.min.js`.
const AXE_VERSION: &str = "4.14.1";
const AXE_SHA256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// A browser with what it depends on is 100 MB; axe-core is 3 MB.
const INSTALL_PATIENCE: Duration = Duration::from_secs(5 * 60);
const FETCH_PATIENCE: Duration = Duration::from_secs(2 * 60);

/// Brings what is absent; where that fails, a line says what is left out. Gives the file of axe-core.
pub(crate) fn prepare_for_tests(workspace: &Workspace) -> Option<PathBuf> {
    match std::env::var_os(CHROMIUM) {
        Some(_) => note!("   left to {CHROMIUM}"),
        None => {
            if let Err(error) = install_in_ci() {
                note!("   {error:#}");
            }
        }
    }
    if std::env::var_os(AXE).is_some() {
        note!("   left to {AXE}");
        return None;
    }
    match axe(&workspace.root().join("target/tools")) {
        Ok(path) => Some(path),
        Err(error) => {
            note!(
                "   {error:#}\n   Tests of the accessibility of pages will be skipped ({AXE} names an axe.min.js)."
            );
            None
        }
    }
}

/// Tells the tests where axe-core is.
pub(crate) fn tell(axe: Option<&Path>, command: &mut Command) {
    command.envs(axe.map(|path| (AXE, path)));
}

/// Installs Chromium where nobody's machine is changed by it: in the container of a continuous integration. Elsewhere the
/// tests say what they leave out, and how to install it.
fn install_in_ci() -> Result<()> {
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let answers = |program: &str| output_of(Command::new(program).arg("--version")).is_some();
    let is_root = || output_of(Command::new("id").arg("-u")).is_some_and(|user| user == "0");
    if !is_ci || answers("chromium") || !answers("apt-get") || !is_root() {
        return Ok(());
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        run_within(&mut command, INSTALL_PATIENCE)
    };
    apt_get(&["update", "--quiet"])?;
    apt_get(&[
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "chromium",
    ])
}

/// `axe.min.js` in the folder of tools, brought there by npm, which knows the user's registry, proxies and certificates.
fn axe(tools: &Path) -> Result<PathBuf> {
    let kept = tools.join(format!("axe-core-{AXE_VERSION}.min.js"));
    if fs::read(&kept).is_ok_and(|content| sha256(&content) == AXE_SHA256) {
        return Ok(kept);
    }
    // Beside the file itself: another run may be at it at the same time.
    let incoming = tools.join(format!("npm-{}", std::process::id()));
    fs::create_dir_all(&incoming).with_context(|| format!("cannot make {}", incoming.display()))?;
    let content = packed_axe(&incoming);
    fs::remove_dir_all(&incoming).with_context(|| format!("cannot remove {}", incoming.display()))?;
    keep(&kept, &content?)?;
    Ok(kept)
}

fn packed_axe(folder: &Path) -> Result<Vec<u8>> {
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent"])
        .arg(format!("axe-core@{AXE_VERSION}"))
        .current_dir(folder)
        .stdout(Stdio::null());
    run_within(&mut pack, FETCH_PATIENCE)?;
    let mut unpack = Command::new("tar");
    unpack
        .arg("-xzf")
        .arg(format!("axe-core-{AXE_VERSION}.tgz"))
        .arg("package/axe.min.js")
        .current_dir(folder);
    run_within(&mut unpack, FETCH_PATIENCE)?;
    fs::read(folder.join("package/axe.min.js")).context("the package of axe-core has no axe.min.js")
}

/// Writes the file, if it is the pinned one.
fn keep(path: &Path, content: &[u8]) -> Result<()> {
    let found = sha256(content);
    if found != AXE_SHA256 {
        bail!("axe.min.js of axe-core {AXE_VERSION}: expected sha256 {AXE_SHA256}, found {found}");
    }
    marque_fs::write_atomically(path, |file| std::io::Write::write_all(file, content))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_than_the_pinned_one_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("axe.min.js");
        let error = keep(&path, b"abc").unwrap_err().to_string();
        // The sum of "abc" is that of FIPS 180-2, appendix B.1.
        let found = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(error.ends_with(&format!("found {found}")), "{error}");
        assert!(!path.exists());
    }

    /// The real package, through the registry that npm is set up for.
    ///
    /// `MARQUE_NETWORK_TESTS=1` makes it a failure when there is none; without the variable it is left out.
    #[test]
    fn the_pinned_axe_is_what_npm_serves() {
        if std::env::var_os("MARQUE_NETWORK_TESTS").is_none() {
            note!("left out: fetching axe-core (set MARQUE_NETWORK_TESTS=1)");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = axe(folder.path()).unwrap();
        assert_eq!(sha256(&fs::read(&path).unwrap()), AXE_SHA256);
        // Nothing else is left, and what is there is not fetched again.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(axe(folder.path()).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    }

    #[test]
    fn the_tests_are_told_what_there_is() {
        let told = |axe| {
            let mut command = Command::new("cargo");
            tell(axe, &mut command);
            crate::process::describe(&command)
        };
        assert_eq!(
            told(Some(Path::new("tools/axe.js"))),
            "MARQUE_AXE=tools/axe.js cargo"
        );
        assert_eq!(told(None), "cargo");
    }
}
