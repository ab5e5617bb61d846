//! The standard library of Rust for the browser, where the toolchain has none.
//!
//! `rustup target add wasm32-unknown-unknown` is the ordinary way. Where rustup cannot fetch, as in closed networks, the library is built
//! once of its source and kept in the cache of this machine: of the toolchain's own (`rust-src`) or of Debian's package, which any machine
//! with apt and a mirror of Debian can have, whatever release it runs itself. The package is unpacked and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::{TARGET, renamed};
use crate::process::{describe, output_of, run_within};
use crate::terminal::note;
use crate::workspace::{Workspace, cache_folder};

/// Debian's source of the standard library, from trixie-backports: a package of 45 MB for one release of Rust.
const DEBIAN_RELEASE: &str = "1.95.0";
const DEBIAN_PACKAGE: &str = "pool/main/r/rustc/rust-src_1.95.0+dfsg1-2~bpo13+1_all.deb";
const DEBIAN_SHA256: &str = "7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b";
/// Where the source lies in the package.
const DEBIAN_FOLDER: &str = "usr/src/rustc-1.95.0/library";
/// What fetches a file the way apt would, through its mirrors and proxies, and checks its sum.
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

const FETCH_PATIENCE: Duration = Duration::from_secs(5 * 60);
const BUILD_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The way out that every error names.
const ADVICE: &str = "`rustup target add wasm32-unknown-unknown` brings the standard library, `rustup component add rust-src` its source";

/// Sees to it that there is a standard library for the browser, and gives the folder that is to be the compiler's sysroot; `None` where
/// the toolchain has the library itself.
pub(super) fn ready(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let toolchain = Toolchain::find(workspace)?;
    if has_library(&toolchain.sysroot) {
        return Ok(None);
    }
    let cache = cache_folder()?;
    let kept = cache.join(format!("wasm-std-{}", toolchain.identity));
    if has_library(&kept) {
        return Ok(Some(kept));
    }
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    // Beside the place where it is kept: another process may be at it at the same time.
    let work = TempDir::with_prefix_in("wasm-std-", &cache)
        .with_context(|| format!("cannot make a folder in {}", cache.display()))?;
    let source = toolchain.sysroot.join("lib/rustlib/src/rust/library");
    let source = match source.is_dir() {
        true => source,
        false => {
            debian_source(&toolchain.release, work.path()).map_err(|error| anyhow!("{error:#}; {ADVICE}"))?
        }
    };
    let built = work.path().join("sysroot");
    build(workspace, &source, work.path(), &built)?;
    if let Err(error) = fs::rename(&built, &kept)
        && !has_library(&kept)
    {
        return Err(error).with_context(|| format!("cannot write {}", kept.display()));
    }
    note!("   kept in {}", kept.display());
    Ok(Some(kept))
}

/// What is asked of the compiler.
struct Toolchain {
    sysroot: PathBuf,
    /// `1.95.0`.
    release: String,
    /// Release and commit: a library is of use to the compiler that it was built by, and to no other.
    identity: String,
}

impl Toolchain {
    fn find(workspace: &Workspace) -> Result<Self> {
        let rustc = |arguments: &[&str]| {
            let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            command.current_dir(workspace.root()).args(arguments);
            output_of(&mut command).with_context(|| format!("`{}` fails", describe(&command)))
        };
        let version = rustc(&["--version", "--verbose"])?;
        let said = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let release = said("release:").context("rustc does not say its release")?;
        let commit = said("commit-hash:").unwrap_or_default();
        let short = commit.get(..9).unwrap_or("unknown");
        Ok(Self {
            sysroot: rustc(&["--print", "sysroot"])?.into(),
            identity: format!("{release}-{short}"),
            release,
        })
    }
}

fn library_folder(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

/// Whether a sysroot has the standard library of the target: it is there whole or not at all.
fn has_library(sysroot: &Path) -> bool {
    library_folder(sysroot).is_dir()
}

/// Fetches and unpacks Debian's source into a folder.
fn debian_source(release: &str, folder: &Path) -> Result<PathBuf> {
    if release != DEBIAN_RELEASE {
        bail!(
            "there is no standard library for {TARGET}, and Debian's source is of Rust {DEBIAN_RELEASE}, not {release}"
        );
    }
    let mirrors = mirrors();
    if mirrors.is_empty() {
        bail!(
            "there is no standard library for {TARGET}, and apt knows no mirror of Debian (`apt-get update` first)"
        );
    }
    let package = folder.join("rust-src.deb");
    let fetched = mirrors.iter().any(|mirror| {
        let mut fetch = Command::new(APT_HELPER);
        fetch
            // Its own user may not write into the cache of this one.
            .args(["-o", "APT::Sandbox::User=root"])
            .arg("download-file")
            .arg(format!("{mirror}{DEBIAN_PACKAGE}"))
            .arg(&package)
            .arg(format!("SHA256:{DEBIAN_SHA256}"))
            .stdout(Stdio::null());
        match run_within(&mut fetch, FETCH_PATIENCE) {
            Ok(()) => true,
            Err(error) => {
                note!("   {error:#}");
                false
            }
        }
    });
    if !fetched {
        bail!("there is no standard library for {TARGET}, and no mirror that apt knows has {DEBIAN_PACKAGE}");
    }
    unpack(&package, folder)?;
    Ok(folder.join(DEBIAN_FOLDER))
}

/// The mirrors of Debian that apt is set up for.
fn mirrors() -> Vec<String> {
    let mut list = Command::new("apt-get");
    list.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    let mut mirrors: Vec<String> = Vec::new();
    // In the order of the user's own list, where the archive itself comes before its updates.
    for mirror in output_of(&mut list).unwrap_or_default().lines() {
        if !mirrors.iter().any(|known| known == mirror) {
            mirrors.push(mirror.to_owned());
        }
    }
    mirrors
}

/// Unpacks the source from the package, and nothing else.
fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let mut content = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `dpkg-deb`")?;
    let stream = content.stdout.take().context("dpkg-deb has no output")?;
    let mut tar = Command::new("tar");
    tar.arg("-x")
        .arg("-C")
        .arg(folder)
        .arg(format!("./{DEBIAN_FOLDER}"))
        .stdin(stream);
    let unpacked = run_within(&mut tar, FETCH_PATIENCE);
    let status = content.wait()?;
    unpacked?;
    // It ends with an error where tar stops to listen before the end.
    match status.success() {
        true => Ok(()),
        false => bail!("`dpkg-deb` cannot read {} ({status})", package.display()),
    }
}

/// Builds the library of its source, as what an empty crate depends on, and puts it into a sysroot.
fn build(workspace: &Workspace, source: &Path, folder: &Path, sysroot: &Path) -> Result<()> {
    let nothing = folder.join("nothing");
    write(&nothing.join("src/lib.rs"), "#![no_std]\n")?;
    let manifest = "[package]\nname = \"nothing\"\nedition = \"2024\"\n[profile.release]\npanic = \"abort\"\n[workspace]\n";
    write(&nothing.join("Cargo.toml"), manifest)?;
    let target_folder = folder.join("target");
    let mut cargo = workspace.cargo();
    cargo
        .current_dir(&nothing)
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort",
        ])
        .arg("--target-dir")
        .arg(&target_folder)
        // The library's own source needs what stable Rust keeps to itself, and cargo must be told where it is.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", source)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            renamed(source, "library").join("\u{1f}"),
        );
    run_within(&mut cargo, BUILD_PATIENCE)?;
    let built = target_folder.join(TARGET).join("release/deps");
    let library = library_folder(sysroot);
    fs::create_dir_all(&library).with_context(|| format!("cannot make {}", library.display()))?;
    let entries = fs::read_dir(&built).with_context(|| format!("cannot read {}", built.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libnothing") {
            fs::copy(&path, library.join(&name))
                .with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_another_release_is_not_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let error = debian_source("1.80.1", folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "there is no standard library for {TARGET}, and Debian's source is of Rust {DEBIAN_RELEASE}, not 1.80.1"
            )
        );
    }

    #[test]
    fn a_sysroot_is_one_that_has_the_library_of_the_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_library(folder.path()));
        fs::create_dir_all(folder.path().join("lib/rustlib/wasm32-unknown-unknown/lib")).unwrap();
        assert!(has_library(folder.path()));
    }
}
