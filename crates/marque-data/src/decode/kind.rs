//! What a file is that cannot be read here, told from its first bytes, and what its owner can do.
//!
//! Names lie: phones, browsers and scripts store almost anything under `.jpg`.

/// A kind of file that is recognised and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    /// What it is, with its article.
    pub(super) found: &'static str,
    /// What to do about it.
    pub(super) advice: &'static str,
}

const CONVERT: &str = "convert it to JPEG or PNG";
const DEVELOP: &str = "develop it to JPEG, PNG or 8-bit TIFF";
const FRAME: &str = "take its frames out as JPEG or PNG";
const REMOVE: &str = "it is not a photo; download the photo again or remove the file";
const UNPACK: &str = "unpack it first";

/// What the first bytes are, where it does not stand in a box or behind white space.
const SIGNATURES: [(&[u8], &str, &str); 33] = [
    (b"\xFF\x0A", "a JPEG XL image", CONVERT),
    (b"\0\0\0\x0CJXL \r\n\x87\n", "a JPEG XL image", CONVERT),
    (b"\0\0\0\x0CjP  \r\n\x87\n", "a JPEG 2000 image", CONVERT),
    (b"\xFF\x4F\xFF\x51", "a JPEG 2000 image", CONVERT),
    (b"\xFF\xD8\xFF\xF7", "a JPEG-LS image", CONVERT),
    (b"II\xBC", "a JPEG XR image", CONVERT),
    (b"8BPS", "a Photoshop document", CONVERT),
    (b"gimp xcf", "a GIMP document", CONVERT),
    (b"\0\0\x01\0", "a Windows icon", CONVERT),
    (b"qoif", "a QOI image", CONVERT),
    (b"DDS ", "a DDS texture", CONVERT),
    (b"\x76\x2F\x31\x01", "an OpenEXR image", CONVERT),
    (b"#?RADIANCE", "a Radiance HDR image", CONVERT),
    (b"P3", "a PNM image", CONVERT),
    (b"P5", "a PNM image", CONVERT),
    (b"P6", "a PNM image", CONVERT),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)", DEVELOP),
    (b"IIRO", "a camera's raw file (ORF)", DEVELOP),
    (b"IIU\0", "a camera's raw file (RW2)", DEVELOP),
    (b"II*\0\x10\0\0\0CR", "a camera's raw file (CR2)", DEVELOP),
    (b"%PDF", "a PDF document", CONVERT),
    (b"%!PS", "a PostScript document", CONVERT),
    (b"\x1A\x45\xDF\xA3", "a WebM or Matroska video", FRAME),
    (b"\x1F\x8B", "a gzip file", UNPACK),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"SQLite format 3\0", "an SQLite database", REMOVE),
    (b"\x93NUMPY", "a NumPy array", "save its pixels as PNG"),
    (
        b"\x00\x05\x16\x07",
        "macOS's file of attributes, not the photo beside it",
        "remove it",
    ),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, not the photo itself",
        "fetch the photos with `git lfs pull`",
    ),
    (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "a file of zeros", REMOVE),
    (
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        "a file of bytes 0xFF",
        REMOVE,
    ),
];

/// How texts begin, in small letters, behind a byte-order mark and white space.
const TEXTS: [(&[u8], &str, &str); 6] = [
    (b"<svg", "an SVG drawing", CONVERT),
    (b"<!doctype svg", "an SVG drawing", CONVERT),
    (b"<!doctype html", "a web page", REMOVE),
    (b"<html", "a web page", REMOVE),
    (b"{\"", "a JSON text", REMOVE),
    (b"[{\"", "a JSON text", REMOVE),
];

/// The kind of a file that no decoder here reads, where its beginning tells it.
pub(super) fn foreign(bytes: &[u8]) -> Option<Foreign> {
    let named = |&(_, found, advice): &(&[u8], &'static str, &'static str)| Foreign { found, advice };
    SIGNATURES
        .iter()
        .find(|(start, ..)| bytes.starts_with(start))
        .map(named)
        .or_else(|| in_box(bytes))
        .or_else(|| in_riff(bytes))
        .or_else(|| text(bytes))
}

/// ISO base media files: their first box `ftyp` lists the brands that the file follows.
fn in_box(bytes: &[u8]) -> Option<Foreign> {
    const LONGEST_LIST: usize = 256;
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    let brands = bytes.get(8..length.min(LONGEST_LIST).min(bytes.len()))?;
    let has = |names: &[&[u8; 4]]| {
        brands
            .chunks_exact(4)
            .any(|brand| names.iter().any(|name| brand == *name))
    };
    let (found, advice) = if has(&[b"avif", b"avis"]) {
        ("an AVIF image", CONVERT)
    } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]) {
        (
            "a HEIC photo",
            "convert it to JPEG (an iPhone stores JPEG with Settings, Camera, Formats, Most Compatible)",
        )
    } else if has(&[b"mif1", b"msf1"]) {
        ("a HEIF photo", CONVERT)
    } else if has(&[b"crx "]) {
        ("a camera's raw file (CR3)", DEVELOP)
    } else {
        ("an MP4 or QuickTime video", FRAME)
    };
    Some(Foreign { found, advice })
}

fn in_riff(bytes: &[u8]) -> Option<Foreign> {
    let found = match (bytes.get(..4)?, bytes.get(8..12)?) {
        (b"RIFF", b"AVI ") => "an AVI video",
        (b"RIFF", b"WAVE") => {
            return Some(Foreign {
                found: "a WAVE sound",
                advice: REMOVE,
            });
        }
        _ => return None,
    };
    Some(Foreign { found, advice: FRAME })
}

fn text(bytes: &[u8]) -> Option<Foreign> {
    const LOOKED_AT: usize = 512;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start = bytes[..bytes.len().min(LOOKED_AT)]
        .trim_ascii_start()
        .to_ascii_lowercase();
    // JSON may have white space after its bracket; XML tells what it is behind its declaration.
    let packed: Vec<u8> = start
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let known = TEXTS
        .iter()
        .find(|(beginning, ..)| start.starts_with(beginning) || packed.starts_with(beginning));
    if let Some(&(_, found, advice)) = known {
        return Some(Foreign { found, advice });
    }
    if !start.starts_with(b"<?xml") && !start.starts_with(b"<!--") {
        return None;
    }
    let holds = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    let (found, advice) = if holds(b"<svg") {
        ("an SVG drawing", CONVERT)
    } else if holds(b"<html") || holds(b"<!doctype html") {
        ("a web page", REMOVE)
    } else {
        ("an XML text", REMOVE)
    };
    Some(Foreign { found, advice })
}
