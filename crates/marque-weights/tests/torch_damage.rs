//! Damaged PyTorch checkpoints and hand-made bad ones: an error that names the file, or other numbers where the damage hit
//! numbers; never a panic.

use marque_weights::{Error, StateDict};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

/// Of a file that makes the reader walk as far as it may, fewer.
const FLIPS: usize = 2000;
const SLOW: &str = "laughing_modules.pth";
const SLOW_FLIPS: usize = 50;
const SEED: u64 = 4;

fn goldens() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/torch");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_checkpoint = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ["pth", "pt", "ot"].iter().any(|&e| ending == e))
    };
    let mut paths: Vec<PathBuf> = entries.filter(is_checkpoint).collect();
    paths.sort();
    assert!(paths.len() > 25, "only {} files", paths.len());
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Reads bytes and all numbers in them.
fn read(path: &Path, bytes: Vec<u8>) -> Result<StateDict, Error> {
    let read = StateDict::parse(path, bytes);
    match &read {
        Ok(weights) => {
            for (_, tensor) in weights.iter() {
                std::hint::black_box(tensor.to_f32());
            }
        }
        Err(error) => {
            let text = error.to_string();
            let name = path.file_name().unwrap().to_string_lossy();
            assert!(text.contains(&*name), "{text}");
            assert!(text.len() < 2000, "{name}: an error of {} bytes", text.len());
        }
    }
    read
}

#[test]
fn a_file_cut_short_is_an_error() {
    for (path, bytes) in goldens() {
        // Everywhere near the ends, else at every seventh byte.
        let cuts = (0..bytes.len()).filter(|&cut| cut < 200 || bytes.len() - cut < 200 || cut % 11 == 0);
        for cut in cuts {
            let found = read(&path, bytes[..cut].to_vec());
            assert!(found.is_err(), "{} cut at {cut} was read", path.display());
        }
    }
}

#[test]
fn flipped_bits_are_survived() {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for (path, bytes) in goldens() {
        let flips = if path.ends_with(SLOW) { SLOW_FLIPS } else { FLIPS };
        for _ in 0..flips {
            let mut damaged = bytes.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..damaged.len());
                damaged[at] ^= 1 << random.random_range(0..8);
            }
            let _either = read(&path, damaged);
        }
    }
}

/// The legacy stream around an object's pickle; it has no checksum, so that anything can be said in it.
fn stream(object: &[u8], keys: &[&str], storages: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02".to_vec();
    bytes.extend(object);
    bytes.extend(b"\x80\x02](");
    keys.iter().for_each(|key| bytes.extend(text(key)));
    bytes.extend(b"e.");
    bytes.extend(storages);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: i64) -> Vec<u8> {
    [b"\x8a\x08", &number.to_le_bytes()[..]].concat()
}

fn numbers(all: &[i64]) -> Vec<u8> {
    [
        b"(".to_vec(),
        all.iter().flat_map(|&one| number(one)).collect(),
        b"t".to_vec(),
    ]
    .concat()
}

/// `_rebuild_tensor_v2` on a storage of `claimed` numbers of type f32.
fn tensor(claimed: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("s"),
        text("cpu"),
        number(claimed),
        b"NtQ".to_vec(),
        number(offset),
        numbers(shape),
        numbers(strides),
        b"\x89}tR".to_vec(),
    ]
    .concat()
}

/// A stream with one tensor in a storage of four numbers.
fn with_tensor(tensor: &[u8]) -> Vec<u8> {
    let object = [b"}", &text("a")[..], tensor, b"s."].concat();
    let storage = [&4_u64.to_le_bytes()[..], &[0; 16]].concat();
    stream(&object, &["s"], &storage)
}

#[test]
fn tensors_that_lie_about_their_place_are_refused() {
    assert!(read(Path::new("lie.pth"), with_tensor(&tensor(4, 0, &[2, 2], &[1, 2]))).is_ok());
    for (tensor, reason) in [
        (tensor(4, 0, &[5], &[1]), "does not lie within"),
        (tensor(4, 1, &[2, 2], &[2, 1]), "does not lie within"),
        (tensor(4, i64::MAX, &[2], &[1]), "does not lie within"),
        (
            tensor(4, 0, &[i64::MAX, i64::MAX], &[0, 0]),
            "does not lie within",
        ),
        (
            tensor(4, 0, &[i64::MAX, i64::MAX, 0], &[0, 0, 0]),
            "does not lie within",
        ),
        (tensor(4, 0, &[2], &[i64::MAX]), "does not lie within"),
        (tensor(4, 0, &[1 << 40], &[0]), "repeats"),
        (tensor(4, 0, &[-1], &[1]), "shape"),
        (tensor(4, -1, &[1], &[1]), "offset"),
        (tensor(4, 0, &[1], &[-1]), "strides"),
        (tensor(4, 0, &[1, 1], &[1]), "strides"),
        (tensor(4, 0, &[1; 65], &[1; 65]), "shape"),
        (tensor(5, 0, &[4], &[1]), "should have 20 bytes and has 16"),
        (tensor(i64::MAX, 0, &[4], &[1]), "more memory"),
        (tensor(-4, 0, &[4], &[1]), "storage"),
    ] {
        let error = read(Path::new("lie.pth"), with_tensor(&tensor))
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "expected {reason:?}: {error}");
    }
}

#[test]
fn streams_that_lie_about_their_storages_are_refused() {
    let object = [b"}", &text("a")[..], &tensor(4, 0, &[4], &[1]), b"s."].concat();
    for (keys, storages, reason) in [
        (&["s"][..], &[][..], "ends within the numbers"),
        (&["s"], &u64::MAX.to_le_bytes(), "ends within the numbers"),
        (&["s"], &(1_u64 << 62).to_le_bytes(), "ends within the numbers"),
        (&[], &[], "no storage \"s\""),
        (&["t"], &[0; 8], "a storage that a tensor uses"),
    ] {
        let error = read(Path::new("lie.pth"), stream(&object, keys, storages))
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "expected {reason:?}: {error}");
    }
}

#[test]
fn copies_are_bounded_by_the_size_of_the_file() {
    // A transposed view of all numbers for each of many names: little in the file, much in memory.
    let side = 64;
    let count = side * side;
    let transposed = tensor(count, 0, &[side, side], &[1, side]);
    let entries: Vec<u8> = (0..2000)
        .flat_map(|index| [text(&format!("t{index}")), transposed.clone()].concat())
        .collect();
    let object = [b"}(", &entries[..], b"u."].concat();
    let storage = [&(count as u64).to_le_bytes()[..], &vec![0; 4 * count as usize]].concat();
    let error = read(Path::new("lie.pth"), stream(&object, &["s"], &storage))
        .unwrap_err()
        .to_string();
    assert!(error.contains("more memory"), "{error}");
}

#[test]
fn deep_nests_do_no_harm() {
    let deep = 500_000;
    let dictionaries = [b"}".repeat(deep), [&text("a")[..], b"N"].concat()].concat();
    let nested = [&b"(".repeat(deep)[..], b"N", &b"t".repeat(deep), b"."].concat();
    for object in [nested, [&dictionaries[..], b"s."].concat()] {
        let error = read(Path::new("deep.pth"), stream(&object, &[], &[]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no dictionary of tensors"), "{error}");
    }
    // Modules that hold each other, each the next one's only child, and at last one that holds itself.
    let module = |inner: &[u8]| {
        let state = [b"}", &text("_modules")[..], b"}", &text("m"), inner, b"ssb"].concat();
        [b"cnet\nNet\n)\x81", &state[..]].concat()
    };
    let nest = (0..200).fold(b"N".to_vec(), |inner, _| module(&inner));
    let cycle = [
        b"cnet\nNet\n)\x81q\x00}",
        &text("_modules")[..],
        b"}",
        &text("m"),
        b"h\x00ssb",
    ]
    .concat();
    for object in [nest, cycle] {
        let object = [&object[..], b"."].concat();
        let error = read(Path::new("deep.pth"), stream(&object, &[], &[]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("64 deep"), "{error}");
    }
}

#[test]
fn an_object_where_a_tensor_belongs_is_named() {
    let strange = b"csome.library\nQuantTensor\n)\x81";
    let two = [
        text("a"),
        tensor(4, 0, &[4], &[1]),
        text("c"),
        tensor(4, 0, &[2], &[1]),
    ]
    .concat();
    let object = [b"}(", &two[..], &text("b"), strange, b"u."].concat();
    let storage = [&4_u64.to_le_bytes()[..], &[0; 16]].concat();
    let error = read(Path::new("strange.pth"), stream(&object, &["s"], &storage)).unwrap_err();
    assert!(error.to_string().contains("some.library.QuantTensor"), "{error}");
}

#[test]
fn a_dictionary_without_names_is_no_state_dict() {
    let object = [b"}K\x01", &tensor(4, 0, &[4], &[1])[..], b"s."].concat();
    let storage = [&4_u64.to_le_bytes()[..], &[0; 16]].concat();
    let error = read(Path::new("numbered.pth"), stream(&object, &["s"], &storage)).unwrap_err();
    assert!(
        error.to_string().contains("a dictionary of other things"),
        "{error}"
    );
}

#[test]
fn long_names_make_no_long_errors() {
    let name = "n".repeat(100_000);
    let object = [b"}", &text(&name)[..], &tensor(4, 9, &[4], &[1]), b"s."].concat();
    let storage = [&4_u64.to_le_bytes()[..], &[0; 16]].concat();
    assert!(read(Path::new("long.pth"), stream(&object, &["s"], &storage)).is_err());
}
