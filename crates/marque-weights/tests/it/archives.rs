//! Zip archives of every format that is one, with entries' names of every length and with each kind of end that writers
//! put there.

use marque_weights::{Error, Foreign, Format, StateDict};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Names and contents, in the archive's order.
type Entries = Vec<(String, Vec<u8>)>;

/// What stands behind the list of entries.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The record of an archive below 4 GiB.
    Narrow,
    /// As PyTorch writes it: the records of a large archive, and all numbers in the narrow one, too.
    Both,
    /// As Python writes it for large archives: the narrow record sends its readers to the wide one.
    Wide,
}

const ENDS: [End; 3] = [End::Narrow, End::Both, End::Wide];

/// Lengths of file stems that are tried.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=60;

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file)
}

fn numbers(numbers: &[u16]) -> impl Iterator<Item = u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes())
}

fn wide(numbers: &[u64]) -> impl Iterator<Item = u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes())
}

/// An archive of stored entries, byte by byte, as no library of this workspace writes it.
fn archive(entries: &Entries, end: End) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, contents) in entries {
        let mut checksum = flate2::Crc::new();
        checksum.update(contents);
        let [sum, size] = [checksum.sum(), contents.len() as u32].map(u32::to_le_bytes);
        // Checksum, both sizes, the length of the name and that of what comes behind it.
        let facts = [
            &sum[..],
            &size,
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        list.extend(b"PK\x01\x02");
        list.extend(numbers(&[0, 0, 0x0808, 0, 0, 0]));
        list.extend(&facts);
        list.extend([0; 10]);
        list.extend((bytes.len() as u32).to_le_bytes());
        list.extend(name.bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(numbers(&[0, 0x0808, 0, 0, 0]));
        bytes.extend(&facts);
        bytes.extend(name.bytes());
        bytes.extend(contents);
    }
    let (start, length, count) = (bytes.len() as u64, list.len() as u64, entries.len() as u64);
    bytes.extend(list);
    let wide_start = bytes.len() as u64;
    if end != End::Narrow {
        bytes.extend(b"PK\x06\x06");
        bytes.extend(wide(&[44]));
        bytes.extend(numbers(&[798, 45, 0, 0, 0, 0]));
        bytes.extend(wide(&[count, count, length, start]));
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(wide(&[wide_start]));
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    if end == End::Wide {
        bytes.extend([0xff; 12]);
    } else {
        bytes.extend(numbers(&[count as u16; 2]));
        bytes.extend(
            [length as u32, start as u32]
                .into_iter()
                .flat_map(u32::to_le_bytes),
        );
    }
    bytes.extend([0, 0]);
    bytes
}

/// The entries of a golden file that is an archive.
fn entries(file: &str) -> Entries {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(golden(file)).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            (entry.name().unwrap().into_owned(), contents)
        })
        .collect()
}

/// The same with the one folder that everything lies in called `folder`, as `torch.save` calls it after the file.
fn in_folder(entries: &Entries, folder: &str) -> Entries {
    let moved = entries.iter().map(|(name, contents)| {
        let (_, rest) = name.split_once('/').unwrap();
        (format!("{folder}/{rest}"), contents.clone())
    });
    moved.collect()
}

/// An archive of each format whose first entry's name is the longer the longer `stem` is.
fn of_every_format(stem: &str) -> [(Format, Entries); 4] {
    let keras = ["config.json", "model.weights.h5"].map(|name| {
        let file = golden(&format!("keras/nested.{}", name.trim_start_matches("model.")));
        (name.to_owned(), std::fs::read(file).unwrap())
    });
    let asset = (format!("assets/{stem}"), b"anything".to_vec());
    let mut arrays = entries("npz/kinds.npz");
    arrays[0].0 = format!("{stem}.npy");
    [
        (Format::TorchZip, in_folder(&entries("torch/zip.pth"), stem)),
        (Format::TorchScript, in_folder(&entries("torch/script.pt"), stem)),
        (Format::Npz, arrays),
        (Format::KerasArchive, [vec![asset], keras.to_vec()].concat()),
    ]
}

fn format_of(bytes: &[u8]) -> Format {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Format::of_file(file.path()).unwrap()
}

#[test]
fn names_of_every_length_are_read_in_archives_of_every_format() {
    let reference = of_every_format("a").map(|(_, entries)| {
        let read = StateDict::parse(Path::new("a"), archive(&entries, End::Narrow));
        read.unwrap()
    });
    let mut count = 0;
    for length in LENGTHS {
        // Letters that no array of the golden file is called.
        let stem = "z".repeat(length);
        for ((format, entries), expected) in of_every_format(&stem).into_iter().zip(&reference) {
            for end in ENDS {
                let bytes = archive(&entries, end);
                let found = StateDict::parse(Path::new(&stem), bytes.clone());
                let found = found.unwrap_or_else(|error| panic!("{format}, {length}, {end:?}: {error}"));
                assert_eq!(format_of(&bytes), format);
                let tensors = |weights: &StateDict| -> Vec<marque_weights::Tensor> {
                    weights.iter().map(|(_, tensor)| tensor.clone()).collect()
                };
                assert_eq!(tensors(&found), tensors(expected), "{format}, {length}, {end:?}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 60 * 4 * 3);
}

#[test]
fn stems_of_every_length_are_written_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let weights = StateDict::read(&golden("torch/zip.pth")).unwrap();
    for length in LENGTHS {
        for ending in ["pth", "npz"] {
            let path = folder.path().join("z".repeat(length)).with_extension(ending);
            weights
                .write_as(&path, Format::for_writing(&path).unwrap())
                .unwrap();
            assert_eq!(StateDict::read(&path).unwrap(), weights, "{length} {ending}");
        }
    }
}

#[test]
fn an_archive_behind_other_bytes_is_no_checkpoint() {
    let mut count = 0;
    for (format, entries) in of_every_format("model") {
        for end in ENDS {
            let behind = [b"#!/usr/bin/env python3\n", &archive(&entries, end)[..]].concat();
            let error = StateDict::parse(Path::new("self-extracting"), behind).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::UnknownFormat {
                        found: Foreign::Bytes { .. } | Foreign::Text { .. },
                        ..
                    }
                ),
                "{format}: {error}"
            );
            // What stands before may be an archive itself; the offsets of the second count from its own beginning.
            let first = vec![("a.npy".to_owned(), b"a".to_vec())];
            let both = [archive(&first, end), archive(&entries, end)].concat();
            let found = StateDict::parse(Path::new("two"), both);
            assert!(found.is_err(), "{format}, {end:?}");
            count += 1;
        }
    }
    assert_eq!(count, 12);
}
