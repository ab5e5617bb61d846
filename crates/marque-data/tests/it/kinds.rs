//! What people have stored under the name of a photo, and what they are told.

use std::path::Path;

use marque_data::{Error, decode_bytes};

const CONVERT: &str = "convert it to JPEG or PNG";
const REMOVE: &str = "it is not a photo; download the photo again or remove the file";

#[test]
fn what_is_no_photo_is_named_with_what_to_do() {
    let frames = "take its frames out as JPEG or PNG";
    let raw = "develop it to JPEG, PNG or 8-bit TIFF";
    let phone = "convert it to JPEG (an iPhone stores JPEG with Settings, Camera, Formats, Most Compatible)";
    let cases: [(&[u8], &str, &str); 36] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo", phone),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix", "a HEIC photo", phone),
        (b"\0\0\0\x14ftypmif1\0\0\0\0miaf", "a HEIF photo", CONVERT),
        (
            b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B",
            "an AVIF image",
            CONVERT,
        ),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "an AVIF image", CONVERT),
        (
            b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
            "a camera's raw file (CR3)",
            raw,
        ),
        (
            b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
            "an MP4 or QuickTime video",
            frames,
        ),
        (
            b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
            "an MP4 or QuickTime video",
            frames,
        ),
        (b"RIFF\x10\0\0\0AVI LIST", "an AVI video", frames),
        (b"\x1A\x45\xDF\xA3\x9F", "a WebM or Matroska video", frames),
        (
            b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14ftypjxl ",
            "a JPEG XL image",
            CONVERT,
        ),
        (b"\xFF\x0A\xFA\x7F", "a JPEG XL image", CONVERT),
        (
            b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
            "a JPEG 2000 image",
            CONVERT,
        ),
        (b"\xFF\x4F\xFF\x51\0\x2F", "a JPEG 2000 image", CONVERT),
        (b"\xFF\xD8\xFF\xF7\0\x0B", "a JPEG-LS image", CONVERT),
        (b"8BPS\0\x01", "a Photoshop document", CONVERT),
        (b"\0\0\x01\0\x01\0\x10\x10", "a Windows icon", CONVERT),
        (b"P6\n2 2\n255\n", "a PNM image", CONVERT),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file (CR2)", raw),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file (RAF)", raw),
        (b"%PDF-1.7\n", "a PDF document", CONVERT),
        (b"\n<!DOCTYPE html>\n<html>", "a web page", REMOVE),
        (b"<HTML><HEAD>", "a web page", REMOVE),
        (b"\xEF\xBB\xBF <!doctype HTML>", "a web page", REMOVE),
        (
            b"<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC>",
            "a web page",
            REMOVE,
        ),
        (
            b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>",
            "an XML text",
            REMOVE,
        ),
        (
            b"<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg width='1'/>",
            "an SVG drawing",
            CONVERT,
        ),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "an SVG drawing",
            CONVERT,
        ),
        (b"{\"error\": \"not found\"}", "a JSON text", REMOVE),
        (b"{\n  \"message\": 1}", "a JSON text", REMOVE),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "a pointer of Git LFS, not the photo itself",
            "fetch the photos with `git lfs pull`",
        ),
        (b"\x1F\x8B\x08\0", "a gzip file", "unpack it first"),
        (b"PK\x03\x04\x14\0", "a ZIP archive", "unpack it first"),
        (
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
            "macOS's file of attributes, not the photo beside it",
            "remove it",
        ),
        (&[0; 4096], "a file of zeros", REMOVE),
        (&[0xFF; 64], "a file of bytes 0xFF", REMOVE),
    ];
    let path = Path::new("photos/a.jpg");
    for (bytes, found, advice) in cases {
        let error = decode_bytes(bytes, path).unwrap_err();
        assert!(matches!(error, Error::NotRead { .. }), "{found}: {error}");
        assert_eq!(
            error.to_string(),
            format!("photos/a.jpg: {found}, which is not read; {advice}")
        );
    }
}

#[test]
fn the_limits_are_named_with_what_was_found() {
    let mut png = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".to_vec();
    png.extend(40_000_u32.to_be_bytes());
    png.extend(1_u32.to_be_bytes());
    // 8 bits RGB; the checksum of the chunk.
    png.extend([8, 2, 0, 0, 0, 0x32, 0x02, 0x5C, 0xD3]);
    png.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
    let error = decode_bytes(&png, Path::new("wide.png")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "wide.png: the image has 40000 × 1 px, more than the limit of 32768 px a side or 536870912 bytes of pixels; make a smaller copy"
    );
}
