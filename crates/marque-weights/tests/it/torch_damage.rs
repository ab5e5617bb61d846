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

/// How many of the golden files are checkpoints that are read.
const SOUND: usize = 19;

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

/// Those that are sound before they are damaged.
fn sound_goldens() -> Vec<(PathBuf, Vec<u8>)> {
    let mut sound = goldens();
    sound.retain(|(path, bytes)| read(path, bytes.clone()).is_ok());
    assert_eq!(sound.len(), SOUND);
    sound
}

#[test]
fn a_file_cut_short_is_an_error_of_its_contents() {
    for (path, bytes) in sound_goldens() {
        // Everywhere near the ends, else at every eleventh byte.
        let cuts = (0..bytes.len()).filter(|&cut| cut < 200 || bytes.len() - cut < 200 || cut % 11 == 0);
        for cut in cuts {
            let error = read(&path, bytes[..cut].to_vec()).expect_err("it was cut short");
            let is_of_contents = matches!(error, Error::Malformed { .. } | Error::UnknownFormat { .. });
            assert!(is_of_contents, "{} cut at {cut}: {error}", path.display());
        }
    }
}

/// Damages a file `count` times in one to three bits; how often it was read all the same.
fn flip(random: &mut ChaCha8Rng, path: &Path, bytes: &[u8], count: usize) -> usize {
    let mut read_all_the_same = 0;
    for _ in 0..count {
        let mut damaged = bytes.to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..damaged.len());
            damaged[at] ^= 1 << random.random_range(0..8);
        }
        read_all_the_same += usize::from(read(path, damaged).is_ok());
    }
    read_all_the_same
}

#[test]
fn flipped_bits_are_survived() {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for (path, bytes) in goldens() {
        let flips = if path.ends_with(SLOW) { SLOW_FLIPS } else { FLIPS };
        let sound = read(&path, bytes.clone()).is_ok();
        let read = flip(&mut random, &path, &bytes, flips);
        // Some hit what tells the format or the shapes, others only numbers or what nobody reads.
        assert!(read < flips, "{}: no damage was noticed", path.display());
        assert!(read > 0 || !sound, "{}: nothing was survived", path.display());
    }
}

#[test]
fn no_flipped_bit_of_a_pickle_in_an_archive_goes_unnoticed() {
    let (path, bytes) = sound_goldens()
        .into_iter()
        .find(|(path, _)| path.ends_with("zip.pth"))
        .unwrap();
    let start = bytes.windows(2).position(|pair| pair == b"\x80\x02").unwrap();
    let end = start + bytes[start..].windows(2).position(|pair| pair == b"PK").unwrap();
    assert!(end - start > 300, "{start}..{end}");
    for bit in start * 8..end * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&path, damaged).is_err(), "bit {bit}");
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
    let object = [b"}(", &two[..], &text("b.weight"), strange, b"u."].concat();
    let storage = [&4_u64.to_le_bytes()[..], &[0; 16]].concat();
    let error = read(Path::new("strange.pth"), stream(&object, &["s"], &storage)).unwrap_err();
    assert!(error.to_string().contains("some.library.QuantTensor"), "{error}");
}

/// What an unknown function gives, with no arguments.
const UNKNOWN: &[u8] = b"csome.library\nfunction\n)R";

#[test]
fn a_weight_that_only_a_call_would_give_is_refused() {
    let module = |state: &[u8]| [b"cnet\nNet\n)\x81}(", state, b"ub"].concat();
    let entry = |name: &str, value: &[u8]| [b"}", &text(name)[..], value, b"s"].concat();
    let sound = [&text("_parameters")[..], &entry("w", &tensor(4, 0, &[4], &[1]))].concat();
    let rebuilt = |arguments: &[u8]| [b"ctorch._utils\n_rebuild_parameter\n(", arguments, b"tR"].concat();
    let storage = [
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        UNKNOWN,
        b"K\x00))\x89}tR",
    ]
    .concat();
    let shape = [&text("_modules")[..], &entry("m", UNKNOWN)].concat();
    let unsound = [&text("_parameters")[..], &entry("w", UNKNOWN)].concat();
    let mut count = 0;
    for (object, reason) in [
        (
            UNKNOWN.to_vec(),
            "an object of class some.library.function and no",
        ),
        (entry("state_dict", UNKNOWN), "a dictionary of other things"),
        (entry("w", &rebuilt(UNKNOWN)), "type function"),
        (entry("w", &storage), "its storage is not written"),
        (
            module(&[&sound[..], &shape].concat()),
            "\"m\" is an object of class some.library.function",
        ),
        (
            module(&unsound),
            "\"w\" is an object of class some.library.function where a tensor",
        ),
    ] {
        let object = [&object[..], b"."].concat();
        let error = read(Path::new("unknown.pth"), stream(&object, &[], &[]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "expected {reason:?}: {error}");
        count += 1;
    }
    assert_eq!(count, 6);
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
