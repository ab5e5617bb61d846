use std::fmt;

/// What a file is that is no checkpoint, as far as its contents tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// It has no bytes.
    Empty,
    /// HTML or XML, as servers send it in place of a file.
    WebPage,
    /// What git leaves in place of a large file that was not fetched.
    LfsPointer,
    /// Any other text.
    Text {
        /// The first characters of it.
        beginning: String,
    },
    /// A compressed file, or an archive that is no zip archive.
    Packed {
        /// What packed it.
        by: &'static str,
    },
    /// A zip archive of other things.
    Zip {
        /// One of the entries; `None` if there are none.
        entry: Option<String>,
    },
    /// A zip archive whose list of entries is damaged or missing.
    BrokenZip {
        /// What is wrong with it.
        reason: String,
    },
    /// A Python pickle that `torch.save` did not write.
    Pickle,
    /// One NumPy array, which has no name.
    Npy,
    /// An HDF5 file that Keras did not write.
    Hdf5,
    /// A network in the format of another program.
    Network {
        /// Which.
        format: &'static str,
    },
    /// An image.
    Image {
        /// Its format.
        format: &'static str,
    },
    /// None of these.
    Bytes {
        /// The first of them.
        beginning: Vec<u8>,
    },
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Foreign::Empty => write!(formatter, "it is empty"),
            Foreign::WebPage => write!(formatter, "it is a web page; a download may have failed"),
            Foreign::LfsPointer => write!(
                formatter,
                "it is a pointer of git-lfs to a file that was not fetched; `git lfs pull` fetches it"
            ),
            Foreign::Text { beginning } => write!(formatter, "it is text, which begins {beginning:?}"),
            Foreign::Packed { by } => write!(formatter, "it is packed by {by}; unpack it first"),
            Foreign::Zip { entry: Some(entry) } => write!(
                formatter,
                "it is a zip archive of other things, such as {entry:?}; if one of them is a checkpoint, unpack it first"
            ),
            Foreign::Zip { entry: None } => write!(formatter, "it is a zip archive without entries"),
            Foreign::BrokenZip { reason } => {
                write!(
                    formatter,
                    "it begins as a zip archive, but is damaged or cut short: {reason}"
                )
            }
            Foreign::Pickle => write!(
                formatter,
                "it is a Python pickle that torch.save did not write, and pickles of other kinds are not read; \
                 save the state dictionary by torch.save or as safetensors"
            ),
            Foreign::Npy => write!(
                formatter,
                "it is one NumPy array without a name; save the arrays with their names by numpy.savez"
            ),
            Foreign::Hdf5 => write!(
                formatter,
                "it is an HDF5 file without the weights of a Keras model"
            ),
            Foreign::Network { format } => write!(
                formatter,
                "it is a network in the format of {format}, which is not read; save its weights as safetensors"
            ),
            Foreign::Image { format } => write!(formatter, "it is a {format} image"),
            Foreign::Bytes { beginning } => {
                write!(formatter, "its contents are of no known kind; they begin")?;
                beginning
                    .iter()
                    .try_for_each(|byte| write!(formatter, " {byte:02x}"))
            }
        }
    }
}

impl Foreign {
    /// What these bytes, which begin no checkpoint, are.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let marked = |marks: &[(&[u8], &'static str)]| {
            let found = marks.iter().find(|(mark, _)| bytes.starts_with(mark));
            found.map(|&(_, name)| name)
        };
        if bytes.is_empty() {
            Foreign::Empty
        } else if let Some(by) = marked(&PACKED) {
            Foreign::Packed { by }
        } else if bytes.get(257..262) == Some(b"ustar") {
            Foreign::Packed { by: "tar" }
        } else if bytes.starts_with(b"PK\x05\x06") {
            Foreign::Zip { entry: None }
        } else if bytes.starts_with(b"\x93NUMPY") {
            Foreign::Npy
        } else if let Some(format) = marked(&IMAGES) {
            Foreign::Image { format }
        } else if let Some(format) = marked(&NETWORKS) {
            Foreign::Network { format }
        } else if bytes.get(4..8) == Some(b"TFL3") {
            Foreign::Network {
                format: "TensorFlow Lite",
            }
        } else if is_onnx(bytes) {
            Foreign::Network { format: "ONNX" }
        } else if matches!(bytes, [0x80, 2..=5, ..]) {
            Foreign::Pickle
        } else {
            text(bytes).unwrap_or_else(|| Foreign::Bytes {
                beginning: bytes[..bytes.len().min(8)].to_vec(),
            })
        }
    }
}

const PACKED: [(&[u8], &str); 7] = [
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
];

const IMAGES: [(&[u8], &str); 6] = [
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"RIFF", "WebP"),
];

const NETWORKS: [(&[u8], &str); 3] = [
    (b"GGUF", "llama.cpp (GGUF)"),
    (b"MATLAB 5.0", "MATLAB"),
    // A SavedModel begins with the version of its schema, 1, and a message.
    (b"\x08\x01\x12", "TensorFlow (SavedModel)"),
];

/// An ONNX file begins with its version, and the name of the program that wrote it or the graph.
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 2..=32, 0x12 | 0x3a, _, ..])
}

/// The kind of text that it is, judged by its first half kilobyte.
fn text(bytes: &[u8]) -> Option<Foreign> {
    const JUDGED_BYTES: usize = 512;
    const SHOWN_CHARS: usize = 40;
    let start = &bytes[..bytes.len().min(JUDGED_BYTES)];
    let start = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The end may have cut a character in two.
        Err(error) if error.error_len().is_none() && bytes.len() > JUDGED_BYTES => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |character: char| !character.is_control() || character.is_ascii_whitespace();
    if !start.chars().all(is_text) {
        return None;
    }
    let start = start.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let begins = |mark: &str| {
        start
            .get(..mark.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(mark))
    };
    if begins("<!doctype") || begins("<html") || begins("<?xml") || begins("<error") {
        return Some(Foreign::WebPage);
    }
    if begins("version https://git-lfs.github.com/") {
        return Some(Foreign::LfsPointer);
    }
    let beginning = start.lines().next().unwrap_or_default();
    Some(Foreign::Text {
        beginning: beginning.chars().take(SHOWN_CHARS).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_recognised() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, part) in [
            (&b""[..], "it is empty"),
            (b"\n<!DOCTYPE html><html>", "a web page"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:",
                "git lfs pull",
            ),
            (b"404: Not Found\n", "text, which begins \"404: Not Found\""),
            (b"\x1f\x8b\x08\x00", "packed by gzip"),
            (&tar, "packed by tar"),
            (b"\x93NUMPY\x01\x00", "numpy.savez"),
            (b"\x80\x04\x95\x10", "a Python pickle"),
            (b"\x08\x08\x12\x07pytorch", "ONNX"),
            (b"\x08\x01\x12\xff\x01", "SavedModel"),
            (b"\x89PNG\r\n\x1a\n\x00", "a PNG image"),
            (b"\x01\x00\xfe\xff", "they begin 01 00 fe ff"),
        ] {
            let found = Foreign::of(bytes).to_string();
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn text_that_is_cut_within_a_character_is_text() {
        let long = "é".repeat(300);
        assert!(matches!(
            Foreign::of(&long.as_bytes()[1..]),
            Foreign::Bytes { .. }
        ));
        assert!(matches!(
            Foreign::of(format!("a{long}").as_bytes()),
            Foreign::Text { .. }
        ));
    }
}
