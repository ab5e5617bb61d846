//! `cargo xtask goldens`: makes the golden files of the tests again from their reference programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::process::{run as run_command, step};
use crate::reference;
use crate::terminal::out;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Cases to make, as `<case>` or `<crate>/<case>` (`crates/<crate>/tests/golden/<case>`); all if left out.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let scripts = select(scripts(workspace.root())?, &arguments.cases)?;
    let python = step("reference libraries", || reference::python(workspace))?;
    for script in &scripts {
        let folder = script.parent().context("a script has no folder")?;
        let shown = folder.strip_prefix(workspace.root()).unwrap_or(folder);
        step(&shown.display().to_string(), || {
            let start = SystemTime::now();
            // One thread: sums of floats do not then depend on how many cores there are.
            let mut command = Command::new(&python);
            run_command(
                command
                    .arg("generate.py")
                    .current_dir(folder)
                    .env("OMP_NUM_THREADS", "1"),
            )?;
            list_written(folder, start)
        })?;
    }
    Ok(())
}

/// Every `crates/*/tests/golden/<case>/generate.py`, sorted.
fn scripts(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for package in subfolders(&root.join("crates"))? {
        let golden = package.join("tests/golden");
        if golden.is_dir() {
            found.extend(
                subfolders(&golden)?
                    .into_iter()
                    .map(|case| case.join("generate.py")),
            );
        }
    }
    found.retain(|script| script.is_file());
    found.sort();
    Ok(found)
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| {
            Ok(entry
                .with_context(|| format!("cannot read {}", folder.display()))?
                .path())
        })
        .collect::<Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

/// The scripts of the cases that are asked for by name, or by crate and name where several crates have the name.
fn select(scripts: Vec<PathBuf>, wanted: &[String]) -> Result<Vec<PathBuf>> {
    let is_for = |script: &Path, case: &String| {
        let name = name_of(script);
        name == *case || name.rsplit('/').next() == Some(case)
    };
    if let Some(unknown) = wanted
        .iter()
        .find(|case| !scripts.iter().any(|script| is_for(script, case)))
    {
        let known: Vec<String> = scripts.iter().map(|script| name_of(script)).collect();
        bail!(
            "there is no golden case {unknown}; there are: {}",
            known.join(", ")
        );
    }
    let chosen = |script: &PathBuf| wanted.is_empty() || wanted.iter().any(|case| is_for(script, case));
    Ok(scripts.into_iter().filter(chosen).collect())
}

/// `marque-torch/resnet` for `…/crates/marque-torch/tests/golden/resnet/generate.py`.
fn name_of(script: &Path) -> String {
    let part = |levels: usize| {
        let folder = script
            .ancestors()
            .nth(levels)
            .and_then(Path::file_name)
            .unwrap_or_default();
        folder.to_string_lossy().into_owned()
    };
    format!("{}/{}", part(4), part(1))
}

fn list_written(folder: &Path, since: SystemTime) -> Result<()> {
    let mut written = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() && metadata.modified()? >= since {
            written.push((entry.file_name(), metadata.len()));
        }
    }
    if written.is_empty() {
        bail!("generate.py in {} wrote no file beside itself", folder.display());
    }
    written.sort();
    for (name, bytes) in written {
        out!("   {} ({bytes} bytes)", name.to_string_lossy())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_sorted_and_selected_by_case() {
        let root = tempfile::tempdir().unwrap();
        for case in [
            "a/tests/golden/zoom",
            "a/tests/golden/crop",
            "b/tests/golden/resnet",
        ] {
            let folder = root.path().join("crates").join(case);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("generate.py"), "").unwrap();
        }
        fs::create_dir_all(root.path().join("crates/c/tests/golden/no_script")).unwrap();
        let found = scripts(root.path()).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].ends_with("a/tests/golden/crop/generate.py"), "{found:?}");
        assert_eq!(select(found.clone(), &[]).unwrap(), found);
        assert_eq!(select(found.clone(), &["resnet".to_owned()]).unwrap(), found[2..]);
        assert_eq!(
            select(found.clone(), &["a/zoom".to_owned()]).unwrap(),
            found[1..2]
        );
        let error = select(found, &["vgg".to_owned()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no golden case vgg; there are: a/crop, a/zoom, b/resnet"
        );
    }

    #[test]
    fn a_script_that_writes_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let since = SystemTime::now() - std::time::Duration::from_secs(5);
        assert!(list_written(folder.path(), since).is_err());
        fs::write(folder.path().join("logits.npy"), "x").unwrap();
        assert!(list_written(folder.path(), since).is_ok());
    }
}
