//! Where the photos of a page are read from.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::mistakes::Unreadable;

/// Larger files are not opened: photos come from strangers.
pub(super) const LARGEST_FILE_BYTES: u64 = 64 << 20;

/// What gives the encoded bytes of a photo by its path.
type Reader = dyn Fn(&str) -> io::Result<Vec<u8>> + Send + Sync;

/// Where the photos of a page are read from: a folder, or whatever has them.
///
/// ```
/// use marque_report::PhotoFiles;
///
/// let folder = PhotoFiles::from("photos/cars");
/// let archive = PhotoFiles::read_by(|path| Err(std::io::Error::other(format!("there is no {path}"))));
/// # let _ = (folder, archive);
/// ```
#[derive(Clone)]
pub struct PhotoFiles(Place);

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Given(Arc<Reader>),
}

impl PhotoFiles {
    /// Photos that are no files below a folder: `read` gives the encoded bytes of a photo by its path, as the predictions have it.
    pub fn read_by(read: impl Fn(&str) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Place::Given(Arc::new(read)))
    }

    /// The bytes of a photo.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        match &self.0 {
            Place::Folder(root) => read_file(&locate(root, Path::new(path))?),
            Place::Given(read) => {
                let bytes = read(path)?;
                match bytes.len() as u64 > LARGEST_FILE_BYTES {
                    true => Err(Unreadable::TooLarge),
                    false => Ok(bytes),
                }
            }
        }
    }

    /// The path by which a photo is found that a run noted as `path`. Runs note paths as they were given, and the folder of photos may
    /// be given in other words, or be a part of that of the run: so the longest end of the path that is a file below the folder is taken.
    pub(super) fn found(&self, path: &str) -> String {
        match &self.0 {
            Place::Folder(root) => below(root, path),
            Place::Given(_) => path.to_owned(),
        }
    }
}

impl From<PathBuf> for PhotoFiles {
    /// The folder that the paths of photos start from.
    fn from(folder: PathBuf) -> Self {
        Self(Place::Folder(folder))
    }
}

impl From<&Path> for PhotoFiles {
    /// The folder that the paths of photos start from.
    fn from(folder: &Path) -> Self {
        folder.to_owned().into()
    }
}

impl From<&str> for PhotoFiles {
    /// The folder that the paths of photos start from.
    fn from(folder: &str) -> Self {
        PathBuf::from(folder).into()
    }
}

impl fmt::Debug for PhotoFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(folder) => formatter.debug_tuple("PhotoFiles").field(folder).finish(),
            Place::Given(_) => formatter.write_str("PhotoFiles(..)"),
        }
    }
}

fn below(root: &Path, path: &str) -> String {
    let parts: Vec<Component<'_>> = Path::new(path).components().collect();
    let ends = (0..parts.len()).map(|start| &parts[start..]);
    let safe = ends.filter(|end| end.iter().all(|part| matches!(part, Component::Normal(_))));
    let mut files = safe.map(|end| end.iter().collect::<PathBuf>());
    let found = files.find(|file| root.join(file).is_file());
    found.map_or_else(|| path.to_owned(), |file| file.to_string_lossy().into_owned())
}

/// The file of a photo. Paths come from a table that anybody may have written, so none may lead out of `root`.
fn locate(root: &Path, path: &Path) -> Result<PathBuf, Unreadable> {
    // The folder itself may be named as the caller likes, such as `../photos`; what follows may not go up.
    let inside = path.strip_prefix(root).unwrap_or(path);
    let stays = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    match inside.components().all(stays) {
        true => Ok(root.join(inside)),
        false => Err(Unreadable::Outside),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Unreadable> {
    // Asked before opening: to open a named pipe would wait for a writer for ever.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Unreadable::NotAFile);
    }
    if metadata.len() > LARGEST_FILE_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let mut content = Vec::new();
    BufReader::new(File::open(path)?)
        .take(LARGEST_FILE_BYTES)
        .read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder_of_photos() {
        let root = Path::new("photos/cars");
        for path in [
            "../secret.png",
            "a/../../secret.png",
            "/etc/secret.png",
            "photos/cars/../secret.png",
        ] {
            assert!(
                matches!(locate(root, Path::new(path)), Err(Unreadable::Outside)),
                "{path}"
            );
        }
        assert_eq!(
            locate(root, Path::new("van/1.jpg")).unwrap(),
            root.join("van/1.jpg")
        );
        assert_eq!(
            locate(root, Path::new("photos/cars/van/1.jpg")).unwrap(),
            root.join("van/1.jpg")
        );
        let above = Path::new("../photos");
        let inside = locate(above, Path::new("../photos/van/1.jpg")).unwrap();
        assert_eq!(inside, above.join("van/1.jpg"));
        assert!(matches!(
            locate(above, Path::new("../photos/../secret.png")),
            Err(Unreadable::Outside)
        ));
    }

    #[test]
    fn photos_are_found_below_a_folder_given_in_other_words() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cars");
        std::fs::create_dir_all(root.join("test/Van")).unwrap();
        std::fs::write(root.join("test/Van/1.jpg"), "").unwrap();
        for path in [
            "../photos/cars/test/Van/1.jpg",
            "/srv/cars/test/Van/1.jpg",
            "test/Van/1.jpg",
        ] {
            let found = below(&root, path);
            assert_eq!(Path::new(&found), Path::new("test/Van/1.jpg"), "{path}");
        }
        std::fs::write(folder.path().join("secret.png"), "").unwrap();
        for path in ["../secret.png", "test/../../secret.png", "..", ""] {
            assert_eq!(below(&root, path), path, "nothing lies there");
        }
    }
}
