//! Where things are: the repository, cargo, the cache of this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;

/// The repository that this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository from the folder of this package, so that every command works from any folder.
    pub(crate) fn locate() -> Result<Self> {
        // Cargo sets the variable when it runs the program, which is right even after the repository has moved.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .parent()
            .context("the folder of xtask has no parent folder")?;
        if !root.join("Cargo.toml").is_file() {
            bail!(
                "{} has no Cargo.toml: run this as `cargo xtask` inside the repository",
                root.display()
            );
        }
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The link through which every build finds LibTorch; `.cargo/config.toml` points LIBTORCH at it.
    pub(crate) fn libtorch_link(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// A call of the cargo that runs this program, in the root of the repository and as from a shell.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// What `cargo metadata` says of the packages of the workspace, without their dependencies' own.
    pub(crate) fn metadata(&self) -> Result<serde_json::Value> {
        let output = self
            .cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("cargo metadata does not start")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata printed something that is not JSON")
    }
}

/// The folder in which marque keeps what all clones on this machine share.
///
/// `MARQUE_CACHE_DIR` wins; otherwise it is `marque` in the cache folder of the platform.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    cache_folder_from(|name| std::env::var_os(name))
}

fn cache_folder_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = path("MARQUE_CACHE_DIR") {
        // Not `canonicalize`: the folder may not exist yet.
        return std::path::absolute(&folder)
            .with_context(|| format!("MARQUE_CACHE_DIR is no usable path: {}", folder.display()));
    }
    // The XDG specification says that a relative path there is to be ignored.
    if let Some(folder) = path("XDG_CACHE_HOME").filter(|folder| folder.is_absolute())
        && cfg!(not(target_os = "macos"))
    {
        return Ok(folder.join("marque"));
    }
    let home = path("HOME").context("HOME is not set: set MARQUE_CACHE_DIR to a folder for LibTorch")?;
    let cache = if cfg!(target_os = "macos") {
        home.join("Library/Caches")
    } else {
        home.join(".cache")
    };
    Ok(cache.join("marque"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(variables: &[(&str, &str)]) -> Result<PathBuf> {
        cache_folder_from(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_cache_is_where_the_user_says() {
        let both = [("MARQUE_CACHE_DIR", "/big/disk"), ("HOME", "/h")];
        assert_eq!(folder(&both).unwrap(), Path::new("/big/disk"));
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn the_cache_follows_xdg_unless_it_is_relative_or_empty() {
        assert_eq!(
            folder(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).unwrap(),
            Path::new("/x/marque")
        );
        assert_eq!(
            folder(&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")]).unwrap(),
            Path::new("/h/.cache/marque")
        );
        assert_eq!(
            folder(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")]).unwrap(),
            Path::new("/h/.cache/marque")
        );
    }

    #[test]
    fn without_a_home_the_error_names_the_way_out() {
        assert!(folder(&[]).unwrap_err().to_string().contains("MARQUE_CACHE_DIR"));
    }
}
