//! Keeping a folder of features within a size.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Its time of change says when a set of features was last used.
const MARK: &str = "used";

/// Removes the features that have not been used for longest until `needed` more bytes keep the folder within `max_bytes`;
/// those under `key` stay, and are marked as used now. What is not a set of features is left alone and not counted.
pub(super) fn make_room(folder: &Path, key: &str, needed: u64, max_bytes: u64) -> io::Result<()> {
    let own = folder.join(key);
    std::fs::create_dir_all(&own)?;
    std::fs::write(own.join(MARK), b"")?;
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path != own && is_set(&path) {
            others.push(Set::measure(path)?);
        }
    }
    others.sort_by_key(|set| set.used);
    let mut taken = needed + others.iter().map(|set| set.bytes).sum::<u64>();
    for set in others {
        if taken <= max_bytes {
            break;
        }
        std::fs::remove_dir_all(&set.path)?;
        taken -= set.bytes;
    }
    Ok(())
}

struct Set {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Set {
    fn measure(path: PathBuf) -> io::Result<Self> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(&path)? {
            bytes += entry?.metadata()?.len();
        }
        let used = std::fs::metadata(path.join(MARK)).and_then(|mark| mark.modified());
        Ok(Self {
            path,
            bytes,
            used: used.unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// Whether this is a folder that was made here: named by a key, and marked.
fn is_set(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let is_key = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key && path.join(MARK).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(folder: &Path, key: &str, bytes: usize, age_seconds: u64) {
        std::fs::create_dir(folder.join(key)).unwrap();
        std::fs::write(
            folder.join(key).join("view-001-part-00000.safetensors"),
            vec![0; bytes],
        )
        .unwrap();
        let mark = std::fs::File::create(folder.join(key).join(MARK)).unwrap();
        let used = SystemTime::now() - std::time::Duration::from_secs(age_seconds);
        mark.set_modified(used).unwrap();
    }

    #[test]
    fn the_features_that_were_not_used_for_longest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let [own, old, new] = ["a", "b", "c"].map(|letter| letter.repeat(64));
        set(folder.path(), &old, 500, 1000);
        set(folder.path(), &new, 400, 10);
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        std::fs::write(folder.path().join("photos/mine.jpg"), vec![0; 5000]).unwrap();
        make_room(folder.path(), &own, 100, 1000).unwrap();
        assert!(folder.path().join(&old).exists(), "all three fit");
        make_room(folder.path(), &own, 600, 1000).unwrap();
        assert!(!folder.path().join(&old).exists() && folder.path().join(&new).exists());
        make_room(folder.path(), &own, 601, 1000).unwrap();
        assert!(!folder.path().join(&new).exists());
        assert!(folder.path().join(&own).exists() && folder.path().join("photos/mine.jpg").exists());
    }
}
