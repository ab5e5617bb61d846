//! What lies in a folder: the one rule for which files are photos and which folders are looked into.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use crate::Error;

pub(super) struct Entry {
    pub(super) path: PathBuf,
    is_folder: bool,
}

impl Entry {
    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// Whether this is a folder, or a link that leads to one.
    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Whether this is a file that may be a photo, by its name.
    pub(super) fn may_be_photo(&self) -> bool {
        !self.is_folder() && !has_ending(&self.path, &OTHER_ENDINGS)
    }
}

/// The entries of a folder that are no residue, sorted bytewise by name.
pub(super) fn list(folder: &Path) -> Result<Vec<Entry>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !is_residue(&entry.file_name()) {
            entries.push(Entry {
                is_folder: is_folder(&entry),
                path: entry.path(),
            });
        }
    }
    entries.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    Ok(entries)
}

/// The folder knows of nearly all entries what they are. A file of a million need not be asked.
fn is_folder(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        kind => kind.is_ok_and(|kind| kind.is_dir()),
    }
}

/// By these the paths of one folder are sorted as their names are.
fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// What operating systems, network drives and notebooks leave behind beside photos. Names that begin with a dot, such
/// as `._1.jpg` or `.ipynb_checkpoints`, are residue, too.
const RESIDUE: [&str; 15] = [
    "$recycle.bin",
    "#recycle",
    "#snapshot",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "network trash folder",
    "recycler",
    "system volume information",
    "thumbs.db",
];

pub(crate) fn is_residue(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let known = |residue: &&str| bytes.eq_ignore_ascii_case(residue.as_bytes());
    bytes.starts_with(b".") || RESIDUE.iter().any(known)
}

/// Endings of photos and of kinds of photos that are not read.
const PHOTO_ENDINGS: [&str; 21] = [
    "arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jpeg", "jpg",
    "jxl", "nef", "png", "tga", "tif", "tiff", "webp",
];

/// Endings of what lies beside photos. They decide nothing but what shape a folder has: in a class folder such a file
/// counts as a photo that cannot be read.
const OTHER_ENDINGS: [&str; 22] = [
    "csv", "db", "doc", "docx", "gz", "html", "ini", "ipynb", "json", "log", "mat", "md", "npy", "npz",
    "pdf", "pkl", "py", "tar", "txt", "xml", "yaml", "zip",
];

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(OsStr::as_encoded_bytes).unwrap_or_default();
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether the name of a file has the ending of a photo, in any case of letters; also of kinds that are not read, such
/// as HEIC.
///
/// What a file is, its content says. This is for files that nobody has named: a `notes.txt` that lies among photos is
/// no news, a `photo.jpg` that cannot be read is.
///
/// ```
/// use marque_data::has_photo_name;
///
/// assert!(has_photo_name("a/1.JPG".as_ref()) && has_photo_name("IMG_1.heic".as_ref()));
/// assert!(!has_photo_name("notes.txt".as_ref()) && !has_photo_name("jpg".as_ref()));
/// ```
pub fn has_photo_name(path: &Path) -> bool {
    has_ending(path, &PHOTO_ENDINGS)
}

/// The files in and below a folder, sorted bytewise by name in each folder, as [`ImageFolder`](crate::ImageFolder)
/// lists those of a class.
///
/// Links are followed; a link to a folder that contains it is not. What operating systems leave behind (hidden files,
/// `Thumbs.db`, `@eaDir`, `lost+found` and the like) and folders of runs are passed over. Every other file is listed
/// whatever its ending.
///
/// # Errors
/// [`Error::Read`] where a folder cannot be listed.
pub fn list_photos(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Found::default();
    found.walk(folder, &mut Vec::new())?;
    Ok(found.photos)
}

/// What lies in and below a folder.
#[derive(Default)]
pub(super) struct Found {
    pub(super) photos: Vec<PathBuf>,
    /// Folders of runs, which were not looked into.
    pub(super) runs: Vec<PathBuf>,
}

impl Found {
    /// Adds what lies in and below `folder`. `above` holds the folders that led here.
    pub(super) fn walk(&mut self, folder: &Path, above: &mut Vec<PathBuf>) -> Result<(), Error> {
        let here = canonical(folder)?;
        if above.contains(&here) {
            // A link back to where we came from: its photos are listed already.
            return Ok(());
        }
        above.push(here);
        self.take(folder, list(folder)?, above)?;
        above.pop();
        Ok(())
    }

    /// Adds what lies in and below `folder`, which is the last one `above` and has these entries.
    pub(super) fn take(
        &mut self,
        folder: &Path,
        entries: Vec<Entry>,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), Error> {
        if is_run(folder, &entries) {
            self.runs.push(folder.to_owned());
            return Ok(());
        }
        for entry in entries {
            if entry.is_folder() {
                self.walk(&entry.path, above)?;
            } else {
                self.photos.push(entry.path);
            }
        }
        Ok(())
    }
}

/// Whether these are the files of a training or of a comparison: their pictures are no photos of a class.
fn is_run(folder: &Path, entries: &[Entry]) -> bool {
    let has = |name: &str| {
        let wanted = folder.join(name);
        let place = entries.binary_search_by(|entry| bytes(&entry.path).cmp(bytes(&wanted)));
        place.is_ok_and(|place| !entries[place].is_folder())
    };
    has("model.safetensors") || has("run.json") && has("predictions.csv") || has("compare.json")
}

pub(super) fn canonical(folder: &Path) -> Result<PathBuf, Error> {
    folder.canonicalize().map_err(|source| Error::Read {
        path: folder.to_owned(),
        source,
    })
}

/// The most entries of one folder that a tree shows.
const MOST_SHOWN: usize = 8;

/// Two levels of a folder with the number of what each sub-folder holds, for messages.
pub(super) fn tree(root: &Path) -> String {
    let mut lines = Vec::new();
    add_folders(root, 1, &mut lines);
    lines.join("\n")
}

fn add_folders(folder: &Path, level: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(level);
    let Ok(entries) = list(folder) else {
        return lines.push(format!("{indent}(cannot be listed)"));
    };
    let (folders, files): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(Entry::is_folder);
    for entry in folders.iter().take(MOST_SHOWN) {
        let inside = list(&entry.path).unwrap_or_default();
        let folders = inside.iter().filter(|entry| entry.is_folder()).count();
        let counts = format!(
            "{}, {}",
            counted(folders, "folder"),
            counted(inside.len() - folders, "file")
        );
        lines.push(format!("{indent}{}/  {counts}", shown(entry.name())));
        if level == 1 {
            add_folders(&entry.path, 2, lines);
        }
    }
    if folders.len() > MOST_SHOWN {
        lines.push(format!(
            "{indent}… and {} more folders",
            folders.len() - MOST_SHOWN
        ));
    }
    // The files of a sub-folder are in the line of that one.
    if level == 1 && !files.is_empty() {
        lines.push(format!("{indent}{}", counted(files.len(), "file")));
    }
}

pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// A name in one line, whatever is in it.
fn shown(name: &OsStr) -> String {
    name.to_string_lossy().escape_debug().to_string()
}
