//! A LibTorch that is there already: where, which, and whether it will do.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::pip::pythons;
use super::platform::{Flavour, Platform, VERSION};
use crate::process::output_of;
use crate::workspace::Workspace;

/// Prints what `torch-sys` itself will ask PyTorch for.
const ASK_PYTORCH: &str = "
import torch
from torch.utils import cpp_extension
print('version', torch.__version__)
print('lib', cpp_extension.library_paths()[0])
for path in cpp_extension.include_paths():
    print('include', path)
";

/// Who said that LibTorch is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The variable LIBTORCH_USE_PYTORCH: the PyTorch of the active Python.
    PyTorch,
    /// The variable LIBTORCH (or LIBTORCH_LIB and LIBTORCH_INCLUDE), set by the user.
    Variable,
    /// The link `.libtorch` in the repository.
    Link,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PyTorch => "LIBTORCH_USE_PYTORCH",
            Self::Variable => "LIBTORCH",
            Self::Link => ".libtorch",
        })
    }
}

/// A LibTorch on this machine, as a build would use it.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) origin: Origin,
    pub(crate) lib: PathBuf,
    pub(crate) includes: Vec<PathBuf>,
    /// `None` where neither `build-version` nor a header tells.
    pub(crate) version: Option<String>,
}

impl Installation {
    /// The LibTorch that a build started now would use, or `None` if there is none yet.
    ///
    /// # Errors
    /// When LIBTORCH_USE_PYTORCH is set and Python cannot import PyTorch.
    pub(crate) fn find(workspace: &Workspace) -> Result<Option<Self>> {
        // `torch-sys` looks whether the variable is set, not at its value.
        if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
            return Self::of_pytorch().map(Some);
        }
        let link = workspace.libtorch_link();
        let folder = std::env::var_os("LIBTORCH").map_or_else(|| link.clone(), PathBuf::from);
        let part = |name| std::env::var_os(name).map(PathBuf::from);
        let (lib, include) = (part("LIBTORCH_LIB"), part("LIBTORCH_INCLUDE"));
        // Cargo itself sets LIBTORCH to the link (`.cargo/config.toml`) where the user has not set it.
        let own = folder == link && lib.is_none() && include.is_none();
        if own && !folder.exists() {
            return Ok(None);
        }
        let origin = if own { Origin::Link } else { Origin::Variable };
        let lib = lib.unwrap_or_else(|| folder.clone());
        let include = include.unwrap_or_else(|| folder.clone());
        Ok(Some(Self::in_folders(origin, &folder, &lib, &include)))
    }

    /// The LibTorch in a folder with `lib` and `include`.
    pub(crate) fn in_folder(origin: Origin, folder: &Path) -> Self {
        Self::in_folders(origin, folder, folder, folder)
    }

    fn in_folders(origin: Origin, folder: &Path, lib: &Path, include: &Path) -> Self {
        let include = include.join("include");
        let includes = vec![include.clone(), include.join("torch/csrc/api/include")];
        let version = fs::read_to_string(folder.join("build-version"))
            .ok()
            .map(|text| text.trim().to_owned())
            .or_else(|| includes.iter().find_map(|folder| version_in_headers(folder)));
        Self {
            origin,
            lib: lib.join("lib"),
            includes,
            version,
        }
    }

    fn of_pytorch() -> Result<Self> {
        let python = pythons()[0];
        let answer = Command::new(python)
            .args(["-c", ASK_PYTORCH])
            .output()
            .with_context(|| format!("LIBTORCH_USE_PYTORCH is set, but {python} does not start"))?;
        if !answer.status.success() {
            let text = String::from_utf8_lossy(&answer.stderr);
            let reason = text.trim().lines().last().unwrap_or("no message").to_owned();
            anyhow::bail!(
                "LIBTORCH_USE_PYTORCH is set, but {python} cannot import PyTorch: {reason}\n\
                 Install it (`{python} -m pip install torch=={VERSION}`), or unset the variable."
            );
        }
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let all = |key: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| line.strip_prefix(key))
                .map(|rest| rest.trim().to_owned())
                .collect()
        };
        Ok(Self {
            origin: Origin::PyTorch,
            lib: all("lib ")
                .first()
                .context("PyTorch does not say where its libraries are")?
                .into(),
            includes: all("include ").into_iter().map(PathBuf::from).collect(),
            version: all("version ").first().cloned(),
        })
    }

    pub(crate) fn flavour(&self) -> Flavour {
        if self.lib.join("libtorch_cuda.so").exists() {
            Flavour::Cuda
        } else {
            Flavour::Cpu
        }
    }

    /// What would keep a build from using it, in words; empty when nothing does.
    pub(crate) fn problems(&self, platform: Platform) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(version) = &self.version {
            let release = version.split('+').next().unwrap_or(version);
            if release != VERSION && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
                problems.push(format!("its version is {version}; tch needs {VERSION}"));
            }
        }
        for header in ["ATen/ATen.h", "torch/torch.h"] {
            if !self.includes.iter().any(|folder| folder.join(header).is_file()) {
                let folders: Vec<_> = self
                    .includes
                    .iter()
                    .map(|folder| folder.display().to_string())
                    .collect();
                problems.push(format!("there is no {header} in {}", folders.join(" or ")));
            }
        }
        for name in ["c10", "torch", "torch_cpu"] {
            let library = self.lib.join(platform.library(name));
            if !library.is_file() {
                problems.push(format!("there is no {}", library.display()));
            }
        }
        problems
    }

    /// Which C++ standard library interface the libraries were compiled for, as far as their symbols tell.
    pub(crate) fn cxx_abi(&self, platform: Platform) -> &'static str {
        if platform == Platform::MacOsAarch64 {
            return "libc++";
        }
        match fs::read(self.lib.join(platform.library("c10"))) {
            Ok(bytes) if bytes.windows(7).any(|window| window == b"__cxx11") => {
                "libstdc++, C++11 (the new one)"
            }
            Ok(_) => "libstdc++, before C++11 (the old one): set LIBTORCH_CXX11_ABI=0",
            Err(_) => "unknown",
        }
    }
}

fn version_in_headers(include: &Path) -> Option<String> {
    let places = ["torch/headeronly/version.h", "torch/version.h"];
    let text = places
        .iter()
        .find_map(|place| fs::read_to_string(include.join(place)).ok())?;
    let number = |part: &str| {
        let key = format!("#define TORCH_VERSION_{part} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&key)?.trim().parse::<u32>().ok())
    };
    Some(format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("PATCH")?
    ))
}

/// Whether the loader of this machine can load a library with all that it needs; the loader's words if not.
///
/// `None` where there is no Python to ask.
pub(crate) fn loads(library: &Path) -> Option<Result<(), String>> {
    let python = pythons()
        .into_iter()
        .find(|name| output_of(Command::new(name).arg("--version")).is_some())?;
    let script = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let output = Command::new(python)
        .args(["-c", script])
        .arg(library)
        .output()
        .ok()?;
    if output.status.success() {
        return Some(Ok(()));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Some(Err(text.trim().lines().last().unwrap_or("no message").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files that a build asks for.
    fn libtorch(version: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("include/ATen/ATen.h", ""),
            ("include/torch/csrc/api/include/torch/torch.h", ""),
            (
                "include/torch/headeronly/version.h",
                "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n",
            ),
            ("lib/libc10.so", "_ZNSt7__cxx11"),
            ("lib/libtorch.so", ""),
            ("lib/libtorch_cpu.so", ""),
        ];
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        if !version.is_empty() {
            fs::write(folder.path().join("build-version"), version).unwrap();
        }
        folder
    }

    #[test]
    fn a_whole_one_has_no_problems() {
        for version in ["2.13.0+cpu\n", ""] {
            let folder = libtorch(version);
            let found = Installation::in_folder(Origin::Variable, folder.path());
            assert_eq!(found.problems(Platform::LinuxX86_64), Vec::<String>::new());
            assert!(found.version.as_deref().unwrap().starts_with("2.13.0"));
            assert_eq!(found.flavour(), Flavour::Cpu);
            assert!(found.cxx_abi(Platform::LinuxX86_64).contains("C++11"));
        }
    }

    #[test]
    fn an_old_or_incomplete_one_says_why_it_will_not_do() {
        let folder = libtorch("2.4.1");
        fs::remove_file(folder.path().join("lib/libtorch_cpu.so")).unwrap();
        fs::remove_file(folder.path().join("include/ATen/ATen.h")).unwrap();
        let found = Installation::in_folder(Origin::Variable, folder.path());
        let problems = found.problems(Platform::LinuxX86_64);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(
            problems[0].contains("2.4.1") && problems[0].contains("2.13.0"),
            "{problems:?}"
        );
        assert!(problems[1].contains("ATen/ATen.h"), "{problems:?}");
        assert!(problems[2].contains("libtorch_cpu.so"), "{problems:?}");
    }
}
