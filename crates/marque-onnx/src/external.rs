//! Numbers that lie in files beside an ONNX file: where they may lie, and how many bytes of them are read.

use crate::error::Fault;
use crate::model::External;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// The most bytes that all tensors together may have in such files. A file may have holes: its length says little.
const MOST_BYTES: u64 = 8 << 30;

/// The folder of an ONNX file, and what was read of the files in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: Option<PathBuf>,
    files: HashMap<PathBuf, Opened>,
    left: u64,
}

#[derive(Debug)]
struct Opened {
    file: File,
    length: u64,
    /// What may still be read of it. Tensors that overlap would make much memory out of a small file.
    left: u64,
}

impl Folder {
    /// Of the file at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let folder = path.parent().map(Path::to_owned);
        Self {
            path: folder,
            files: HashMap::new(),
            left: MOST_BYTES,
        }
    }

    /// None: what lies elsewhere is an error.
    pub(crate) fn none() -> Self {
        Self {
            path: None,
            files: HashMap::new(),
            left: 0,
        }
    }

    /// The `expected` bytes of a tensor.
    pub(crate) fn read(
        &mut self,
        tensor: &str,
        external: &External<'_>,
        expected: usize,
    ) -> Result<Vec<u8>, Fault> {
        let fault = |reason: String| Fault::External {
            tensor: tensor.to_owned(),
            location: external.location.to_owned(),
            reason,
        };
        let folder = self.path.clone();
        let folder = folder
            .ok_or_else(|| fault("the file was given as bytes, beside which nothing lies".to_owned()))?;
        let number = |what: &str, text: &str| match text.is_empty() {
            true => Ok(None),
            false => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(fault(format!("its {what} is {text:?}, expected a number"))),
            },
        };
        let offset = number("offset", external.offset)?.unwrap_or(0);
        let length = number("length", external.length)?.unwrap_or(expected as u64);
        if length != expected as u64 {
            return Err(fault(format!(
                "it has {length} bytes there, its shape needs {expected}"
            )));
        }
        let path = plain_path(external.location).map_err(|reason| fault(reason.to_owned()))?;
        self.left = match self.left.checked_sub(length) {
            Some(left) => left,
            None => return Err(fault(format!("tensors of more than {MOST_BYTES} bytes lie so"))),
        };
        let opened = match self.files.get_mut(&path) {
            Some(opened) => opened,
            None => {
                let opened = open(&folder, &path).map_err(fault)?;
                self.files.entry(path).or_insert(opened)
            }
        };
        opened.read(offset, expected).map_err(fault)
    }
}

impl Opened {
    fn read(&mut self, offset: u64, count: usize) -> Result<Vec<u8>, String> {
        let end = offset.checked_add(count as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(format!(
                "it is to have {count} bytes at {offset}, where the file has {} in all",
                self.length
            ));
        }
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or("its tensors have more bytes than the file: some overlap")?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(count)
            .map_err(|_| format!("{count} bytes of memory cannot be had"))?;
        let read = self.file.seek(SeekFrom::Start(offset));
        let read = read.and_then(|_| (&mut self.file).take(count as u64).read_to_end(&mut bytes));
        match read {
            Ok(found) if found == count => Ok(bytes),
            Ok(found) => Err(format!(
                "the file was cut short: {found} of {count} bytes are there"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A path that stays below the folder that it starts from, on any operating system.
fn plain_path(location: &str) -> Result<PathBuf, &'static str> {
    if location.is_empty() {
        return Err("it names no file");
    }
    if location.contains(['\\', ':', '\0']) {
        return Err("names with a backslash, a colon or a zero are not read");
    }
    let path = Path::new(location);
    for component in path.components() {
        match component {
            Component::Normal(_) | Component::CurDir => (),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err("its files must be in the folder of the ONNX file or below it");
            }
        }
    }
    let names = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)));
    Ok(names.collect())
}

/// Opens a file that is no link, in folders that are none.
fn open(folder: &Path, path: &Path) -> Result<Opened, String> {
    let mut place = folder.to_owned();
    let mut metadata = None;
    for part in path.components() {
        place.push(part);
        let found = std::fs::symlink_metadata(&place).map_err(|error| error.to_string())?;
        if found.file_type().is_symlink() {
            return Err("it is a link, or in a folder that is one: links could lead anywhere".to_owned());
        }
        metadata = Some(found);
    }
    // What is no file is not opened: to open a pipe is to wait for its other end.
    let length = match metadata {
        Some(found) if found.is_file() => found.len(),
        _ => return Err("it is no regular file".to_owned()),
    };
    let file = File::open(&place).map_err(|error| error.to_string())?;
    Ok(Opened {
        file,
        length,
        left: length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, location: &str, offset: &str, expected: usize) -> Result<Vec<u8>, String> {
        let external = External {
            location,
            offset,
            length: "",
        };
        let mut folder = Folder::of(&folder.join("model.onnx"));
        let found = folder.read("w", &external, expected);
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn files_below_the_folder_are_read_and_no_others() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("inside");
        std::fs::create_dir_all(folder.join("parts")).unwrap();
        std::fs::write(outside.path().join("secret"), [9; 8]).unwrap();
        std::fs::write(folder.join("data"), [1, 2, 3, 4]).unwrap();
        std::fs::write(folder.join("parts/data"), [5, 6, 7, 8]).unwrap();
        assert_eq!(read(&folder, "data", "1", 2), Ok(vec![2, 3]));
        assert_eq!(read(&folder, "./parts/data", "", 4), Ok(vec![5, 6, 7, 8]));
        let absolute = outside.path().join("secret");
        for (location, offset, expected, part) in [
            ("../secret", "", 8, "must be in the folder"),
            ("parts/../../secret", "", 8, "must be in the folder"),
            (absolute.to_str().unwrap(), "", 8, "must be in the folder"),
            ("..\\secret", "", 8, "backslash"),
            ("C:secret", "", 8, "colon"),
            ("", "", 8, "names no file"),
            ("parts", "", 8, "no regular file"),
            ("none", "", 8, "o such file"),
            ("data", "1", 4, "has 4 in all"),
            ("data", "18446744073709551615", 4, "has 4 in all"),
            ("data", "-1", 4, "expected a number"),
            ("data", "", usize::MAX, "lie so"),
        ] {
            let error = read(&folder, location, offset, expected).unwrap_err();
            assert!(error.contains(part), "{location}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("inside");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outside.path().join("secret"), [9; 8]).unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("file")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("folder")).unwrap();
        for location in ["file", "folder/secret"] {
            let error = read(&folder, location, "", 8).unwrap_err();
            assert!(error.contains("link"), "{location}: {error}");
        }
    }

    #[test]
    fn tensors_that_overlap_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data"), [0; 8]).unwrap();
        let mut opened = Folder::of(&folder.path().join("model.onnx"));
        let external = External {
            location: "data",
            offset: "0",
            length: "8",
        };
        assert!(opened.read("a", &external, 8).is_ok());
        let error = opened.read("b", &external, 8).unwrap_err().to_string();
        assert!(error.contains("overlap"), "{error}");
    }
}
