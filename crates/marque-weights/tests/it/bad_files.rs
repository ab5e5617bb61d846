//! Damaged and hostile files of every format: always an error that names the file, or a sound checkpoint where the damage
//! cannot be seen; never a panic, and in bounded memory and time.

use marque_weights::{Error, Format, StateDict};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

/// Counts what each thread allocates: other tests of this program run at the same time.
struct Counting;

thread_local! {
    static CURRENT: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let current = CURRENT.get() + bytes;
    CURRENT.set(current);
    PEAK.set(PEAK.get().max(current));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;
/// The files are small, and so is what any of them may take.
const MAX_BYTES: usize = 64 * MIB;
/// Generous, since machines are slow or busy.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Reads a file and every number in it; returns what came of it and the peak of allocated bytes.
fn read(name: &Path, bytes: Vec<u8>) -> (Result<StateDict, Error>, usize) {
    let before = CURRENT.get();
    PEAK.set(before);
    let start = Instant::now();
    let result = StateDict::parse(name, bytes);
    if let Ok(weights) = &result {
        for (_, tensor) in weights.iter() {
            let sum: f32 = tensor.to_f32().map_or(0.0, |values| values.iter().sum());
            std::hint::black_box(sum);
        }
    }
    let elapsed = start.elapsed();
    assert!(elapsed < MAX_TIME, "{}: {elapsed:?}", name.display());
    (result, (PEAK.get() - before).unsigned_abs())
}

#[track_caller]
fn check(name: &Path, bytes: Vec<u8>, what: &str) -> Result<StateDict, Error> {
    let (result, peak) = read(name, bytes);
    assert!(peak < MAX_BYTES, "{} {what}: {peak} bytes", name.display());
    if let Err(error) = &result {
        let text = error.to_string();
        assert!(text.contains(&*name.to_string_lossy()), "{what}: {text}");
        assert!(text.len() < 1000, "{} {what}: {text}", name.display());
    }
    result
}

/// Every golden file that is a checkpoint.
fn checkpoints() -> Vec<(PathBuf, Vec<u8>)> {
    let scratch = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = ["tests/golden", "../marque-hdf5/tests/golden"]
        .map(|folder| root.join(folder))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = unpacked(&path);
            std::fs::write(&scratch, &bytes).unwrap();
            if Format::of_file(&scratch).is_ok() {
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    assert!(files.len() >= 30, "{}", files.len());
    files.push(keras_archive());
    files
}

/// Some golden files are mostly zeros, and packed by gzip.
fn unpacked(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_none_or(|ending| ending != "gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    unpacked
}

/// A `.keras` archive, whose parts are golden files.
fn keras_archive() -> (PathBuf, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keras");
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, file) in [
        ("config.json", "nested.config.json"),
        ("model.weights.h5", "nested.weights.h5"),
    ] {
        archive.start_file(name, options).unwrap();
        archive
            .write_all(&std::fs::read(folder.join(file)).unwrap())
            .unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let weights = StateDict::parse(Path::new("nested.keras"), bytes.clone()).unwrap();
    assert!(!weights.is_empty());
    ("nested.keras".into(), bytes)
}

/// What fuzzing has found; each as the whole file that it was found in.
#[test]
fn what_was_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let _ = check(&path, std::fs::read(&path).unwrap(), "as found");
        count += 1;
    }
    assert!(count > 0);
}

/// A sequence of numbers that is the same in every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % end
    }
}

#[test]
fn files_that_are_cut_short_are_refused() {
    for (path, bytes) in checkpoints() {
        let step = (bytes.len() / 300).max(1);
        let ends = (0..bytes.len())
            .step_by(step)
            .chain(bytes.len().saturating_sub(64)..bytes.len());
        for end in ends {
            let cut = check(&path, bytes[..end].to_vec(), &format!("cut at {end}"));
            assert!(cut.is_err(), "{} cut at {end}", path.display());
        }
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    for (path, bytes) in checkpoints() {
        let mut sequence = Sequence(bytes.len() as u64);
        for number in 0..400 {
            let mut damaged = bytes.clone();
            for _ in 0..=number % 4 {
                // Half of the damage at the beginning, where the formats keep their structure.
                let end = if number % 2 == 0 {
                    bytes.len()
                } else {
                    bytes.len().min(512)
                };
                damaged[sequence.below(end)] ^= 1 << sequence.below(8);
            }
            let _ = check(&path, damaged, &format!("damage {number}"));
        }
    }
}

#[test]
fn extreme_numbers_do_no_harm() {
    for (path, bytes) in checkpoints() {
        let mut sequence = Sequence(7);
        for number in 0..200 {
            let mut damaged = bytes.clone();
            let size = [1, 2, 4, 8][number % 4];
            let start = sequence.below(bytes.len() - 8);
            let value: u64 = [u64::MAX, 0, i64::MAX as u64, 0x8000_0000, 0x7fff_ffff][number % 5];
            damaged[start..start + size].copy_from_slice(&value.to_le_bytes()[..size]);
            let _ = check(&path, damaged, &format!("{value} at {start}"));
        }
    }
}

#[test]
fn what_is_appended_does_no_harm() {
    for (path, bytes) in checkpoints() {
        let whole = StateDict::parse(&path, bytes.clone());
        for extra in [&b"\0"[..], b"PK\x05\x06", &[0xff; 3000]] {
            let appended = check(&path, [&bytes, extra].concat(), "with more behind");
            if let (Ok(whole), Ok(appended)) = (&whole, appended) {
                assert_eq!(*whole, appended, "{}", path.display());
            }
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let name = Path::new("some/model.pth");
    for bytes in [
        &b""[..],
        b"\n",
        b"{",
        b"PK\x03\x04",
        b"\x80",
        b"\x80\x02",
        b"\x89HDF\r\n\x1a\n",
        b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
        b"a text, which is no checkpoint",
        &[0; 4096],
        &[0xff; 4096],
    ] {
        check(name, bytes.to_vec(), "other").unwrap_err();
    }
    let folder = tempfile::tempdir().unwrap();
    let error = StateDict::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
}

/// An array's header of one row of `count` bytes.
fn npy(count: u64) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({count},)}}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// An archive of packed entries: each has a name, what it begins with, and how many zeros follow.
fn bomb(entries: &[(&str, Vec<u8>, u64)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let block = vec![0; MIB];
    for (name, start, zeros) in entries {
        archive.start_file(*name, options).unwrap();
        archive.write_all(start).unwrap();
        for _ in 0..zeros / MIB as u64 {
            archive.write_all(&block).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_does_not_go_off() {
    let zeros = 300 << 20;
    let bombs = [
        ("npz", bomb(&[("weight.npy", npy(zeros), zeros)])),
        ("PyTorch", bomb(&[("archive/data.pkl", vec![0x80, 2], zeros)])),
        (
            "Keras 3 model",
            bomb(&[
                ("config.json", b"{}".to_vec(), 0),
                ("model.weights.h5", b"\x89HDF\r\n\x1a\n".to_vec(), zeros),
            ]),
        ),
    ];
    for (format, bytes) in bombs {
        assert!(bytes.len() < MIB);
        let (result, peak) = read(Path::new("a"), bytes);
        let error = result.unwrap_err().to_string();
        let start = format!("a is not a sound {format} file: ");
        assert!(
            error.starts_with(&start) && error.contains("unpacks to more than "),
            "{error}"
        );
        assert!(peak < 300 * MIB, "{format}: {peak} bytes");
    }
}

#[test]
fn many_small_bombs_are_one_large_one() {
    let zeros = 60 << 20;
    let names: Vec<String> = (0..5).map(|number| format!("{number}.npy")).collect();
    let entries: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), npy(zeros), zeros))
        .collect();
    let (result, peak) = read(Path::new("a"), bomb(&entries));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("\"4.npy\" unpacks to more than"), "{error}");
    assert!(peak < 400 * MIB, "{peak} bytes");
}

#[test]
fn an_array_is_measured_before_it_is_unpacked() {
    let zeros = 100 << 20;
    let (result, peak) = read(Path::new("a"), bomb(&[("weight.npy", npy(zeros + 1), zeros)]));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("is to be [104857601] of u8"), "{error}");
    assert!(peak < MIB, "{peak} bytes");
}

/// The same stored bytes under many names, which cost nothing until they are copied.
#[test]
fn entries_that_overlap_take_no_more_than_the_archive_may() {
    let count = 4 << 20;
    let text = format!(
        "{{'descr': '>f2', 'fortran_order': False, 'shape': ({},)}}",
        count / 2
    );
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((text.len() as u16).to_le_bytes());
    array.extend(text.as_bytes());
    array.resize(array.len() + count, 0);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("first.npy", options).unwrap();
    archive.write_all(&array).unwrap();
    for number in 0..100 {
        archive
            .shallow_copy_file("first.npy", &format!("{number}.npy"))
            .unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let (result, peak) = read(Path::new("a"), bytes);
    assert!(result.is_err());
    assert!(peak < 400 * MIB, "{peak} bytes");
}
