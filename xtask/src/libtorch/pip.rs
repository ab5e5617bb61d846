//! Fetching wheels with the pip of this machine, so that the user's mirrors, proxies and certificates hold.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::wheels::Wheel;
use crate::process::{describe, output_of};
use crate::terminal::note;

/// How often a wheel is asked for before giving up, and how long to wait in between.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];

/// What to do on a machine from which pip cannot fetch.
pub(crate) const ALTERNATIVES: &str = "\
Other ways to a LibTorch 2.13.0:
  · unpack one from pytorch.org and set LIBTORCH to its folder (the one with `lib` and `include`);
  · `python3 -m pip install torch==2.13.0` and set LIBTORCH_USE_PYTORCH=1;
  · where pytorch.org can be reached, let tch fetch it: unset LIBTORCH in `.cargo/config.toml` and build with
    `--features tch/download-libtorch`.";

/// A Python with a pip that works.
pub(crate) struct Pip {
    python: PathBuf,
    version: String,
    resumes: bool,
}

impl Pip {
    /// Finds the Python of the active virtual environment, or that of the PATH.
    pub(crate) fn find() -> Result<Self> {
        Self::find_among(&pythons())
    }

    fn find_among(candidates: &[&str]) -> Result<Self> {
        let mut python_without_pip = None;
        for python in candidates {
            if output_of(Command::new(python).arg("--version")).is_none() {
                continue;
            }
            if let Some(version) = output_of(Command::new(python).args(["-m", "pip", "--version"])) {
                // Only pip 25.1 and later go on where a broken transfer stopped.
                let help = output_of(Command::new(python).args(["-m", "pip", "download", "--help"]));
                let resumes = help.is_some_and(|text| text.contains("--resume-retries"));
                return Ok(Self {
                    python: PathBuf::from(python),
                    version,
                    resumes,
                });
            }
            python_without_pip.get_or_insert(python);
        }
        match python_without_pip {
            Some(python) => bail!(
                "{python} has no pip, which fetches LibTorch.\n\
                 Install it (`{python} -m ensurepip --user`, or the package python3-pip of your system).\n{ALTERNATIVES}"
            ),
            None => bail!(
                "there is no python3, whose pip fetches LibTorch.\n\
                 Install Python 3 with pip; any version serves.\n{ALTERNATIVES}"
            ),
        }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// Fetches a wheel into `folder`, unless it is there already, and checks it.
    ///
    /// The wheel appears under its name only after its checksum was found right.
    pub(crate) fn fetch(&self, wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(&wheel.file);
        if path.exists() {
            match wheel.check(&path) {
                Ok(()) => return Ok(path),
                Err(error) => {
                    note!("   fetching it again: {error:#}");
                    std::fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.attempt(wheel, folder) {
                Ok(()) => return Ok(path),
                Err(error) => error,
            };
            let Some(pause) = pauses.next() else {
                bail!("{}", explain(wheel, &error));
            };
            note!("   {error:#}; trying again in {} s", pause.as_secs());
            std::thread::sleep(*pause);
        }
    }

    fn attempt(&self, wheel: &Wheel, folder: &Path) -> Result<()> {
        // Pip copies into the folder that it is given; a copy that was cut short must not look like a wheel.
        let incoming = folder.join("incoming");
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming)
                .with_context(|| format!("cannot empty {}", incoming.display()))?;
        }
        std::fs::create_dir_all(&incoming).with_context(|| format!("cannot make {}", incoming.display()))?;
        let mut command = self.download_command(wheel, &incoming);
        // What pip says is no result: a caller's standard output is for the paths of what it asked for.
        command.stdout(std::io::stderr());
        let status = command.status().context("pip does not start")?;
        if !status.success() {
            bail!("`{}` failed ({status})", describe(&command));
        }
        let arrived = incoming.join(&wheel.file);
        wheel.check(&arrived)?;
        std::fs::rename(&arrived, folder.join(&wheel.file)).context("cannot keep the wheel")?;
        std::fs::remove_dir_all(&incoming).context("cannot clear up after pip")
    }

    fn download_command(&self, wheel: &Wheel, folder: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"]);
        command.arg("--disable-pip-version-check");
        for tag in wheel.platform_tags() {
            command.args(["--platform", tag]);
        }
        // The wheels of LibTorch differ between Pythons only in a file that is not used here.
        command.args([
            "--python-version",
            "3.11",
            "--implementation",
            "cp",
            "--abi",
            "cp311",
        ]);
        if self.resumes {
            command.args(["--resume-retries", "10"]);
        }
        command.arg("--dest").arg(folder).arg(wheel.requirement());
        command
    }
}

/// The names under which to look for Python; `torch-sys` follows the same rule.
pub(crate) fn pythons() -> Vec<&'static str> {
    if std::env::var_os("VIRTUAL_ENV").is_some() {
        vec!["python", "python3"]
    } else {
        vec!["python3", "python"]
    }
}

fn explain(wheel: &Wheel, error: &anyhow::Error) -> String {
    format!(
        "{} ({} MB) could not be fetched: {error:#}\n\
         No network? Call the same command again later: wheels that have arrived are kept.\n\
         A mirror or proxy? Pip takes it from its own settings (`python3 -m pip config list`).",
        wheel.requirement(),
        wheel.bytes / 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel() -> Wheel {
        Wheel {
            file: "torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl".into(),
            sha256: String::new(),
            bytes: 3,
        }
    }

    #[test]
    fn a_machine_without_python_is_told_the_alternatives() {
        let error = Pip::find_among(&["no-such-python"]).err().unwrap().to_string();
        for word in [
            "python3",
            "set LIBTORCH to",
            "LIBTORCH_USE_PYTORCH=1",
            "pip install",
            "download-libtorch",
        ] {
            assert!(error.contains(word), "no {word} in: {error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_python_without_pip_is_told_from_no_python() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python3");
        std::fs::write(
            &python,
            "#!/bin/sh\n[ \"$1\" = --version ] && echo Python 3.13.0\n",
        )
        .unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = Pip::find_among(&[python.to_str().unwrap()])
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("has no pip"), "{error}");
    }

    #[test]
    fn pip_is_asked_for_the_pinned_file_whatever_python_it_runs_on() {
        let pip = Pip {
            python: "python3".into(),
            version: String::new(),
            resumes: true,
        };
        let line = describe(&pip.download_command(&wheel(), Path::new("/w")));
        assert_eq!(
            line,
            "python3 -m pip download --no-deps --only-binary=:all: --disable-pip-version-check \
             --platform macosx_14_0_arm64 --python-version 3.11 --implementation cp --abi cp311 \
             --resume-retries 10 --dest /w torch==2.13.0"
        );
    }

    #[test]
    fn a_wheel_that_is_there_is_checked_and_not_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let pip = Pip {
            python: "no-such-python".into(),
            version: String::new(),
            resumes: false,
        };
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let wheel = Wheel { sha256, ..wheel() };
        std::fs::write(folder.path().join(&wheel.file), "abc").unwrap();
        assert_eq!(
            pip.fetch(&wheel, folder.path()).unwrap(),
            folder.path().join(&wheel.file)
        );
    }
}
