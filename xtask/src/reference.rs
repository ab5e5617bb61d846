//! The Python with the libraries that marque is compared with: `.goldens-venv`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::libtorch::pip::Pip;
use crate::process::{run as run_command, run_within};
use crate::terminal::note;
use crate::workspace::Workspace;

/// `1`: tests that need Python must run; `0`: nothing is fetched for them. Otherwise they run where they can, and in a
/// continuous integration (`CI=true`) they must.
const TESTS: &str = "MARQUE_PYTHON_TESTS";
/// A Python that has the libraries already; the tests ask it then.
const PYTHON: &str = "MARQUE_PYTHON";

/// From nothing, 2.7 GB of wheels, it takes about five minutes. A test run does not wait for an index much longer.
const PATIENCE: Duration = Duration::from_secs(12 * 60);

/// What is there to make golden files with and to ask in tests.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let python = environment(workspace.root())?;
    run_command(&mut install(&python, workspace.root()))?;
    Ok(python)
}

/// Whether the tests can ask Python; if not, a line says why, and they will say what they leave out.
pub(crate) fn prepare_for_tests(workspace: &Workspace) -> Result<bool> {
    let wanted = std::env::var_os(TESTS);
    if wanted.as_deref() == Some(OsStr::new("0")) || std::env::var_os(PYTHON).is_some() {
        note!("   left to {TESTS} and {PYTHON}");
        return Ok(false);
    }
    let must =
        wanted.as_deref() == Some(OsStr::new("1")) || std::env::var_os("CI").is_some_and(|ci| ci == "true");
    let ready = environment(workspace.root())
        .and_then(|python| run_within(&mut install(&python, workspace.root()), PATIENCE));
    match ready {
        Ok(()) => Ok(true),
        Err(error) if must => Err(error.context(format!(
            "tests that need Python must run here (CI=true or {TESTS}=1); {TESTS}=0 leaves them out"
        ))),
        Err(error) => {
            note!("   {error:#}\n   Tests that need Python will be skipped ({TESTS}=1 makes this an error).");
            Ok(false)
        }
    }
}

/// The variable by which a test knows that it must not be skipped for want of Python.
pub(crate) fn require_in(command: &mut Command) {
    command.env(TESTS, "1");
}

/// The Python of `.goldens-venv`, which is made if need be.
fn environment(root: &Path) -> Result<PathBuf> {
    let venv = root.join(".goldens-venv");
    let python = venv.join("bin/python");
    // A link to a Python that was removed since is no Python.
    if !python.exists() {
        let host = Pip::find()?;
        run_command(
            Command::new(host.python())
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
        )?;
    }
    Ok(python)
}

/// Installs what is pinned; asks no index if all of it is there.
fn install(python: &Path, root: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--retries", "2", "--requirement"])
        .arg(root.join("xtask/goldens-requirements.txt"));
    command
}
