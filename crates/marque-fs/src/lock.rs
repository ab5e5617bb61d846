use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::Path;

/// The file whose lock stands for the folder's.
const LOCK_FILE: &str = ".lock";

/// A folder that no other process that asks writes into. It is given free when this is dropped, and also when the process
/// is killed, since the lock is the operating system's.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Locks a folder, which is made if it is not there.
///
/// The file `.lock` in it stays, and says which process locked it last. Where the file system has no locks, as some network
/// shares, the folder counts as free.
///
/// # Errors
/// [`ErrorKind::ResourceBusy`] with the number of the process that has it, and whatever the file system says.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let lock = marque_fs::lock_folder(folder.path())?;
/// let refused = marque_fs::lock_folder(folder.path()).unwrap_err();
/// assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
/// drop(lock);
/// assert!(marque_fs::lock_folder(folder.path()).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lock_folder(folder: &Path) -> io::Result<FolderLock> {
    std::fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    let path = folder.join(LOCK_FILE);
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy(&mut file)),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Whose lock it is helps a person; nothing depends on it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    Ok(FolderLock { _file: file })
}

fn busy(file: &mut File) -> io::Error {
    let mut owner = String::new();
    let _ = file.take(20).read_to_string(&mut owner);
    let text = match owner.trim().parse::<u32>() {
        Ok(owner) => format!("process {owner} writes into it"),
        Err(_) => "another process writes into it".to_owned(),
    };
    io::Error::new(ErrorKind::ResourceBusy, text)
}
