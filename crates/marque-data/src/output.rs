//! Where results may lie.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use marque_fs::check_writable;

use crate::Error;

/// Refuses a folder for results that lies in the folder of the photos, where it would be a class of the next training, or
/// that cannot be written. Neither has to exist; nothing is left behind.
///
/// # Errors
/// [`Error::OutputInData`] and [`Error::Write`]; [`Error::Read`] where the folder of a path cannot be looked up.
///
/// ```
/// use marque_data::check_output;
///
/// let folder = tempfile::tempdir()?;
/// let photos = folder.path().join("photos");
/// assert!(check_output(&folder.path().join("runs/1"), &photos).is_ok());
/// assert!(check_output(&photos.join("run"), &photos).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check_output(out: &Path, data: &Path) -> Result<(), Error> {
    if resolved(out)?.starts_with(resolved(data)?) {
        return Err(Error::OutputInData {
            out: out.to_owned(),
            data: data.to_owned(),
        });
    }
    check_writable(out).map_err(|source| Error::Write {
        path: out.to_owned(),
        source,
    })
}

/// The path without links and steps upwards; what does not exist of it is taken as it is written.
fn resolved(path: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut resolved = PathBuf::new();
    for component in std::path::absolute(path).map_err(failed)?.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            component => resolved.push(component),
        }
        match resolved.canonicalize() {
            Ok(real) => resolved = real,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(resolved)
}
