//! Which way up: orientations 1 to 8 in every place and form that writers use.

use std::io::{Cursor, Write};
use std::path::Path;

use crate::common::{golden, picture};
use flate2::{Compression, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat, RgbImage, metadata::Orientation};
use marque_data::decode_bytes;

const TAG: u16 = 0x0112;

/// The types of whole numbers by their codes, with their sizes: BYTE, SHORT, LONG, SBYTE, SSHORT, SLONG.
const TYPES: [(u16, usize); 6] = [(1, 1), (3, 2), (4, 4), (6, 1), (8, 2), (9, 4)];

/// An EXIF structure in which the tag stands between two others.
fn exif(value: u32, (kind, size): (u16, usize), little_endian: bool) -> Vec<u8> {
    let number = |value: u32, size: usize| {
        let bytes = value.to_be_bytes()[4 - size..].to_vec();
        if little_endian {
            bytes.into_iter().rev().collect()
        } else {
            bytes
        }
    };
    let mut out = if little_endian {
        b"II".to_vec()
    } else {
        b"MM".to_vec()
    };
    out.extend(number(42, 2));
    out.extend(number(8, 4));
    out.extend(number(3, 2));
    for (tag, kind, size, value) in [(0x0100, 4, 4, 7), (TAG, kind, size, value), (0x0213, 3, 2, 1)] {
        out.extend(number(u32::from(tag), 2));
        out.extend(number(u32::from(kind), 2));
        out.extend(number(1, 4));
        out.extend(number(value, size));
        out.resize(out.len() + 4 - size, 0);
    }
    out.extend(number(0, 4));
    out
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let photo = DynamicImage::from(photo());
    photo.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn photo() -> RgbImage {
    picture(24, 16, 3)
}

fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let checked = [kind, content].concat();
    let mut crc = u32::MAX;
    for byte in &checked {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    let length = (content.len() as u32).to_be_bytes();
    [&length[..], &checked, &(!crc).to_be_bytes()].concat()
}

/// A PNG with a chunk in front of its pixels, or else behind them.
fn png_with(kind: &[u8; 4], content: &[u8], place: &[u8; 4]) -> Vec<u8> {
    let mut bytes = encoded(ImageFormat::Png);
    let at = bytes.windows(4).position(|window| window == place).unwrap() - 4;
    bytes.splice(at..at, png_chunk(kind, content));
    bytes
}

/// The text of ImageMagick's and ExifTool's raw profiles.
fn profile_text(exif: &[u8]) -> Vec<u8> {
    let mut text = format!("\nexif\n{:8}\n", exif.len()).into_bytes();
    for line in exif.chunks(36) {
        text.extend(line.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        text.push(b'\n');
    }
    text
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn webp_with(content: &[u8]) -> Vec<u8> {
    let mut bytes = encoded(ImageFormat::WebP);
    // The extended header, with the flag for EXIF and the size less one, comes first.
    let mut extended = b"VP8X\x0A\0\0\0\x08\0\0\0".to_vec();
    extended.extend([23, 0, 0, 15, 0, 0]);
    bytes.splice(12..12, extended);
    bytes.extend(b"EXIF");
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    let length = (bytes.len() as u32 - 8).to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    bytes
}

/// A file of each container and variant, by its name.
fn containers(exif: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let prefixed = [b"Exif\0\0", exif].concat();
    let text = |keyword: &[u8], between: &[u8], text: &[u8]| [keyword, between, text].concat();
    let (plain, packed) = (profile_text(exif), deflated(&profile_text(&prefixed)));
    let (old, new) = (
        b"Raw profile type APP1".as_slice(),
        b"Raw profile type exif".as_slice(),
    );
    let jpeg = encoded(ImageFormat::Jpeg);
    let mut segment = vec![0xFF, 0xE1];
    segment.extend((prefixed.len() as u16 + 2).to_be_bytes());
    segment.extend(&prefixed);
    vec![
        ("jpeg", [&jpeg[..2], &segment, &jpeg[2..]].concat()),
        ("png", png_with(b"eXIf", exif, b"IDAT")),
        ("png, prefixed", png_with(b"eXIf", &prefixed, b"IDAT")),
        ("png, late", png_with(b"eXIf", exif, b"IEND")),
        ("png, tEXt", png_with(b"tEXt", &text(new, b"\0", &plain), b"IDAT")),
        (
            "png, zTXt",
            png_with(b"zTXt", &text(old, b"\0\0", &packed), b"IDAT"),
        ),
        (
            "png, late zTXt",
            png_with(b"zTXt", &text(new, b"\0\0", &packed), b"IEND"),
        ),
        (
            "png, iTXt",
            png_with(b"iTXt", &text(new, b"\0\0\0\0\0", &plain), b"IDAT"),
        ),
        (
            "png, packed iTXt",
            png_with(b"iTXt", &text(old, b"\0\x01\0en\0\0", &packed), b"IDAT"),
        ),
        ("webp", webp_with(exif)),
        ("webp, prefixed", webp_with(&prefixed)),
    ]
}

fn upright(value: u8, name: &str) -> DynamicImage {
    let format = if name == "jpeg" {
        ImageFormat::Jpeg
    } else {
        ImageFormat::Png
    };
    // By whichever decoder this was built with: here only the orientation is of interest.
    let mut image = DynamicImage::from(decode_bytes(&encoded(format), Path::new(name)).unwrap());
    image.apply_orientation(Orientation::from_exif(value).unwrap());
    image
}

#[test]
fn all_orientations_in_all_containers_and_types() {
    let mut count = 0;
    for value in 1..=8_u8 {
        for kind in TYPES {
            for little_endian in [true, false] {
                for (name, bytes) in containers(&exif(value.into(), kind, little_endian)) {
                    let found = decode_bytes(&bytes, Path::new(name)).unwrap();
                    let expected = upright(value, name).into_rgb8();
                    assert!(found == expected, "{name}: {value} as type {}", kind.0);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 8 * 6 * 2 * 11);
}

#[test]
fn damaged_metadata_do_not_spoil_the_pixels() {
    let sound = exif(6, TYPES[1], true);
    let mut damaged: Vec<Vec<u8>> = (0..sound.len()).map(|length| sound[..length].to_vec()).collect();
    // A value that means nothing, a directory outside of the structure, a count that lies, a text in place of a number.
    damaged.push(exif(9, TYPES[1], true));
    damaged.push(exif(0, TYPES[1], false));
    for (at, value) in [(4, 0xFF), (8, 0), (24, 2)] {
        damaged.push(sound.clone());
        damaged.last_mut().unwrap()[at] = value;
    }
    // Enough of the structure for the tag is enough.
    let readable = |structure: &Vec<u8>| structure.len() >= 34 && structure.starts_with(&sound[..34]);
    let mut count = 0;
    for structure in damaged {
        for (name, bytes) in containers(&structure) {
            let found = decode_bytes(&bytes, Path::new(name)).unwrap_or_else(|error| panic!("{error}"));
            let value = if readable(&structure) { 6 } else { 1 };
            assert!(
                found == upright(value, name).into_rgb8(),
                "{name}: {} bytes",
                structure.len()
            );
            count += 1;
        }
    }
    assert_eq!(count, 11 * (sound.len() + 5));
}

#[test]
fn a_chunk_that_lies_about_its_length_is_passed_over() {
    let name = Path::new("a.png");
    let bomb = deflated(&vec![b' '; 50 << 20]);
    let content = [b"Raw profile type exif\0\0".as_slice(), &bomb].concat();
    assert!(content.len() < 100_000);
    let found = decode_bytes(&png_with(b"zTXt", &content, b"IDAT"), name).unwrap();
    assert!(found == photo());
    let mut lying = webp_with(&exif(6, TYPES[1], true));
    let at = lying.windows(4).position(|window| window == b"EXIF").unwrap();
    lying[at + 4..at + 8].fill(0xFF);
    match decode_bytes(&lying, Path::new("a.webp")) {
        Ok(found) => assert!(found == photo()),
        Err(error) => assert!(error.to_string().contains("a.webp"), "{error}"),
    }
}

#[test]
fn the_golden_jpegs_have_their_orientation_at_a_fixed_place() {
    // The same picture as Pillow shows it is compared in another test; here: one tag decides, and nothing else.
    let bytes = std::fs::read(golden("decode").join("exif_6.jpg")).unwrap();
    assert_eq!(
        decode_bytes(&bytes, Path::new("a.jpg")).unwrap().dimensions(),
        (24, 40)
    );
    let at = bytes
        .windows(2)
        .position(|window| window == [0x01, 0x12])
        .unwrap();
    let mut other = bytes.clone();
    other[at + 1] = 0x13;
    assert_eq!(
        decode_bytes(&other, Path::new("a.jpg")).unwrap().dimensions(),
        (40, 24)
    );
}
