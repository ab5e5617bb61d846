//! Photos, and archives and lists of them, as strangers may send them.

use marque_data::{ImageFolder, MAX_IMAGE_BYTES, decode_bytes};
use std::fs;
use std::path::{Path, PathBuf};

/// Decodes a photo. An error that names it is as good as its pixels; a panic that the decoder had to be guarded against is not.
pub fn decode_photo(bytes: &[u8]) {
    match decode_bytes(bytes, Path::new("fuzzed.jpg")) {
        Ok(photo) => {
            assert_eq!(
                photo.as_raw().len(),
                photo.width() as usize * photo.height() as usize * 3
            );
            assert!(photo.as_raw().len() as u64 <= MAX_IMAGE_BYTES);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.starts_with("fuzzed.jpg") || text.contains(" fuzzed.jpg"),
                "{text}"
            );
            assert!(text.len() < 10_000, "{} bytes of text", text.len());
        }
    }
}

/// Goes through a file of photos as `--data` does, and reads every photo that it is said to have.
pub fn scan_photos(bytes: &[u8], name: &str) {
    let file = scratch().join(name);
    fs::write(&file, bytes).expect("the folder of temporary files takes files");
    match ImageFolder::scan(&file) {
        Ok(images) => {
            for sample in images.samples() {
                let state = sample.state();
                if let Ok(bytes) = sample.read() {
                    assert_eq!(state.map(|state| state.bytes), Some(bytes.len() as u64));
                }
            }
        }
        Err(error) => assert!(error.to_string().len() < 100_000),
    }
}

/// A folder of this process alone.
fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("marque-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder of temporary files takes folders");
    folder
}
