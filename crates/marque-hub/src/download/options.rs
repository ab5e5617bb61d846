//! How files are fetched: cache, network, patience, and the variables that say so.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;

/// Whether anything may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// What is not there is fetched.
    #[default]
    Allowed,
    /// Only what is on this machine is used.
    Forbidden,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that are there, those of an earlier attempt among them.
    pub bytes: u64,
    /// Bytes of the whole file, where the list or the server says so.
    pub total: Option<u64>,
}

/// How files are fetched.
pub struct FetchOptions {
    /// Where files are kept; `None`, the default, is [`cache_folder`].
    pub cache: Option<PathBuf>,
    /// Whether anything may be fetched; by default it may.
    pub network: Network,
    /// Waits before another attempt after a broken connection, 1, 4 and 15 s by default: long enough for a server to
    /// start again. An attempt that brings a mebibyte or more starts the waits anew.
    pub pauses: Vec<Duration>,
    /// How long a server may take to connect or to answer, and how long it may stay silent in the middle of a file.
    /// 30 s by default: a slow line is never silent for so long.
    pub patience: Duration,
    /// Called now and then while a file arrives; nobody by default.
    pub progress: Option<Box<dyn Fn(Progress)>>,
    /// The variables that name caches, mirrors and proxies: by default those of this process.
    pub environment: Environment,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            cache: None,
            network: Network::default(),
            pauses: [1, 4, 15].map(Duration::from_secs).to_vec(),
            patience: Duration::from_secs(30),
            progress: None,
            environment: Environment::of_process(),
        }
    }
}

impl fmt::Debug for FetchOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FetchOptions")
            .field("cache", &self.cache)
            .field("network", &self.network)
            .field("pauses", &self.pauses)
            .field("patience", &self.patience)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl FetchOptions {
    pub(super) fn report(&self, bytes: u64, total: Option<u64>) {
        if let Some(progress) = &self.progress {
            progress(Progress { bytes, total });
        }
    }

    pub(super) fn folder(&self) -> Result<PathBuf, Error> {
        match &self.cache {
            Some(folder) => Ok(folder.clone()),
            None => cache_folder(&self.environment),
        }
    }
}

/// Names of the variables that are looked at, beside the proxies' in small letters.
const VARIABLES: [&str; 19] = [
    "MARQUE_CACHE_DIR",
    "MARQUE_WEIGHTS_MIRROR",
    "XDG_CACHE_HOME",
    "LOCALAPPDATA",
    "HOME",
    "USERPROFILE",
    "TORCH_HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_ENDPOINT",
    "KERAS_HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
];

/// Variables, of the process or made up.
///
/// ```
/// use marque_hub::{Environment, cache_folder};
///
/// let environment = Environment::from_iter([("MARQUE_CACHE_DIR", "/big/disk")]);
/// assert_eq!(cache_folder(&environment)?, std::path::Path::new("/big/disk/weights"));
/// # Ok::<(), marque_hub::Error>(())
/// ```
// No `Debug` that prints values: a proxy's address may hold a password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process that matter here.
    pub fn of_process() -> Self {
        let values = VARIABLES.map(|name| (name, std::env::var_os(name)));
        values
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// A variable that is set to something.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.to_str()
    }

    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        self.value(name).map(Path::new)
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(name).filter(|value| !value.is_empty());
        value.map(OsString::as_os_str)
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.path("HOME").or_else(|| self.path("USERPROFILE"))
    }

    /// Where programs that follow the XDG specification keep what can be fetched again.
    pub(super) fn xdg_cache(&self) -> Option<PathBuf> {
        // The specification says that a relative path there is to be ignored.
        let given = self.path("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
        match given {
            Some(folder) => Some(folder.to_owned()),
            None => Some(self.home()?.join(".cache")),
        }
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let pairs = variables.into_iter();
        Self(pairs.map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where weights are kept: `weights` in `MARQUE_CACHE_DIR`, or in `marque` in the cache folder of the platform, that is
/// `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
///
/// # Errors
/// [`Error::NoCacheFolder`] when no variable names any of them.
pub fn cache_folder(environment: &Environment) -> Result<PathBuf, Error> {
    if let Some(folder) = environment.path("MARQUE_CACHE_DIR") {
        // Not `canonicalize`: the folder may not exist yet.
        let absolute = std::path::absolute(folder).map_err(Error::file("use", folder))?;
        return Ok(absolute.join("weights"));
    }
    let platform = if cfg!(target_os = "macos") {
        environment.home().map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        environment.path("LOCALAPPDATA").map(Path::to_owned)
    } else {
        environment.xdg_cache()
    };
    let platform = platform.ok_or(Error::NoCacheFolder)?;
    Ok(platform.join("marque").join("weights"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(any(windows, target_os = "macos")))]
    fn the_cache_follows_xdg_unless_it_is_relative_or_empty() {
        for (variables, folder) in [
            (
                vec![("XDG_CACHE_HOME", "/x"), ("HOME", "/h")],
                "/x/marque/weights",
            ),
            (
                vec![("XDG_CACHE_HOME", "x"), ("HOME", "/h")],
                "/h/.cache/marque/weights",
            ),
            (
                vec![("XDG_CACHE_HOME", ""), ("HOME", "/h")],
                "/h/.cache/marque/weights",
            ),
            (vec![("MARQUE_CACHE_DIR", "/big"), ("HOME", "/h")], "/big/weights"),
        ] {
            let environment = Environment::from_iter(variables);
            assert_eq!(cache_folder(&environment).unwrap(), Path::new(folder));
        }
    }

    #[test]
    fn without_a_home_the_error_names_the_way_out() {
        let error = cache_folder(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("MARQUE_CACHE_DIR"), "{error}");
    }

    #[test]
    fn what_is_printed_for_debugging_holds_no_password() {
        let environment = Environment::from_iter([("HTTPS_PROXY", "http://ann:secret@proxy:1")]);
        let options = FetchOptions {
            environment,
            ..Default::default()
        };
        let shown = format!("{options:?}");
        assert!(
            shown.contains("HTTPS_PROXY") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
