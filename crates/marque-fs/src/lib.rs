#![doc = include_str!("../README.md")]

mod lock;

pub use lock::{FolderLock, lock_folder};

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the file at `path` through `write`, creating its folder if there is none.
///
/// The file appears under `path` only after `write` has returned `Ok` and everything has reached the disk; an
/// existing file is replaced in one step. If anything fails, what was at `path` is left as it was and the
/// temporary file is removed.
///
/// # Errors
/// Whatever `write` returns, and any error of the file system.
///
/// # Example
/// ```
/// use std::io::Write;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("notes/today.txt");
/// marque_fs::write_atomically(&path, |file| file.write_all(b"seven sedans"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "seven sedans");
///
/// let failed = marque_fs::write_atomically(&path, |file| {
///     file.write_all(b"half of")?;
///     Err(std::io::Error::other("the power went"))
/// });
/// assert!(failed.is_err());
/// assert_eq!(std::fs::read_to_string(&path)?, "seven sedans");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_atomically<F>(path: &Path, write: F) -> io::Result<()>
where
    F: FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
{
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut temporary = new_temporary_file(folder)?;
    let mut buffered = BufWriter::new(temporary.as_file_mut());
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Whether files could be written in `folder` now: asked before hours of work whose result is to lie there.
///
/// Nothing is created but a temporary file, which is removed again: in `folder`, or in the nearest folder above that
/// exists.
///
/// # Errors
/// What the file system says: a file in the place of a folder, a link that leads nowhere, no permission, a file system
/// that takes no files.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("taken"), "a file")?;
/// assert!(marque_fs::check_writable(&folder.path().join("runs/1")).is_ok());
/// assert!(marque_fs::check_writable(&folder.path().join("taken/runs/1")).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check_writable(folder: &Path) -> io::Result<()> {
    let here = Path::new(".");
    let mut nearest = if folder.as_os_str().is_empty() {
        here
    } else {
        folder
    };
    // A link that leads nowhere is there: no folder can be made in its place.
    while matches!(nearest.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound) {
        nearest = match nearest.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => here,
        };
    }
    new_temporary_file(nearest).map(drop)
}

/// What temporary files are called at their beginning.
const TEMPORARY: &str = ".part-";

/// Removes what writers that were killed have left half-written in `folder`; answers how many files that were. Only for
/// a folder that nobody else writes into now, for example one that is [locked](lock_folder).
///
/// # Errors
/// Any error of the file system; a folder that is not there has nothing in it.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join(".part-Xy1"), "half of a")?;
/// std::fs::write(folder.path().join("whole"), "a result")?;
/// assert_eq!(marque_fs::remove_abandoned(folder.path())?, 1);
/// assert_eq!(marque_fs::remove_abandoned(&folder.path().join("nowhere"))?, 0);
/// assert!(folder.path().join("whole").exists());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn remove_abandoned(folder: &Path) -> io::Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let is_temporary = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(TEMPORARY.as_bytes());
        if is_temporary && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Temporary files are private to their owner by default; a result is to be read by whoever may read the folder.
#[cfg(unix)]
fn new_temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(permissions)
        .tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)
}

/// Makes the rename itself durable, where a folder can be opened and synced.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_no_temporary_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomically(&path, |file| file.write_all(b"1")).unwrap();
        write_atomically(&path, |_| Err(io::Error::other("no"))).unwrap_err();
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_known_before() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::write(path("file"), b"1").unwrap();
        for good in ["", "new", "new/er"] {
            check_writable(&path(good)).unwrap();
        }
        for bad in ["file", "file/run", "file/a/run"] {
            assert!(check_writable(&path(bad)).is_err(), "{bad}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("gone"), path("link")).unwrap();
            assert!(check_writable(&path("link")).is_err() && check_writable(&path("link/run")).is_err());
        }
        #[cfg(target_os = "linux")]
        for bad in ["/proc/run", "/dev/full", "/dev/full/run"] {
            assert!(check_writable(Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(std::fs::read(path("file")).unwrap(), b"1");
        assert!(!path("new").exists());
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, |file| file.write_all(b"1")).is_err());
        assert!(path.is_dir());
    }
}
