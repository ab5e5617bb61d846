use super::testing::{Damage, GOLDENS, datasets, exhaust, formula, golden};
use super::*;

fn root(bytes: &[u8]) -> Group<'_> {
    File::open(bytes).unwrap().root().unwrap()
}

fn f32_values(bytes: &[u8], path: &str) -> Vec<f32> {
    let contents = match root(bytes).dataset(path).unwrap().contents().unwrap() {
        Contents::InFile(range) => bytes[range].to_vec(),
        Contents::Decoded(decoded) => decoded,
    };
    contents
        .as_chunks()
        .0
        .iter()
        .map(|&quad| f32::from_le_bytes(quad))
        .collect()
}

/// Compares every dataset with the formula, but for the few that others tests look at.
fn check_values(name: &str) -> usize {
    let bytes = golden(name);
    let mut found = Vec::new();
    datasets(&bytes, &root(&bytes), &mut found).unwrap();
    let special = ["/holes", "/unwritten", "/links/twin"];
    found.retain(|(path, ..)| !path.contains("/many/") && !special.contains(&path.as_str()));
    for (path, number, contents) in &found {
        let count = contents.len() / number.size_bytes();
        assert_eq!(contents, &formula(path, *number, count), "{name}{path}");
    }
    found.len()
}

#[test]
fn every_value_of_every_golden_is_right() {
    let checked = GOLDENS.map(check_values);
    assert_eq!(checked, [17, 28, 2]);
}

#[test]
fn numbers_of_every_type_are_little_endian() {
    let bytes = golden("layouts_latest.h5.gz");
    let expected = [
        ("contiguous", Number::F32),
        ("half_big_endian", Number::F16),
        ("double", Number::F64),
        ("int64", Number::I64),
        ("int32_big_endian", Number::I32),
        ("uint8", Number::U8),
        ("bool", Number::Bool),
    ];
    for (name, number) in expected {
        let dataset = root(&bytes).dataset(name).unwrap();
        assert_eq!(dataset.number(), number);
        let is_in_file = matches!(dataset.contents().unwrap(), Contents::InFile(_));
        assert_eq!(is_in_file, !name.contains("big_endian"), "{name}");
    }
    assert_eq!(Number::Bf16.to_string(), "bf16");
}

#[test]
fn what_was_never_written_is_the_fill_value() {
    for name in ["layouts_earliest.h5.gz", "layouts_latest.h5.gz"] {
        let bytes = golden(name);
        assert_eq!(f32_values(&bytes, "unwritten"), [-1.5; 3]);
        let written = formula("/holes", Number::F32, 4);
        let written: Vec<f32> = written
            .as_chunks()
            .0
            .iter()
            .map(|&quad| f32::from_le_bytes(quad))
            .collect();
        let mut expected = [2.5; 16];
        expected[2..4].copy_from_slice(&written[..2]);
        expected[6..8].copy_from_slice(&written[2..]);
        assert_eq!(f32_values(&bytes, "holes"), expected);
    }
}

#[test]
fn attributes_of_every_kind_of_text() {
    for name in ["layouts_earliest.h5.gz", "layouts_latest.h5.gz"] {
        let bytes = golden(name);
        let group = root(&bytes).group("names").unwrap();
        let strings = |name: &str| group.attribute(name).unwrap().strings();
        assert_eq!(strings("fixed").unwrap(), ["alpha", "be", "été"]);
        assert_eq!(strings("fixed_scalar").unwrap(), ["tensorflow"]);
        assert_eq!(strings("variable").unwrap(), ["alpha", "be", "été", ""]);
        assert_eq!(strings("variable_scalar").unwrap(), ["2.11.0"]);
        assert!(strings("empty").unwrap().is_empty());
        let error = strings("number").unwrap_err().to_string();
        assert!(error.starts_with("attribute /names@number: byte "), "{error}");
        assert!(
            error.ends_with("a number where a text is expected is not supported"),
            "{error}"
        );
        let dense = root(&bytes).group("dense").unwrap();
        assert_eq!(dense.attributes().len(), 21);
        let huge = dense.attribute("huge").unwrap().strings().unwrap();
        assert_eq!((huge.len(), &huge[39]), (40, &"00039".repeat(50)));
        assert_eq!(
            dense.attribute("attribute_7").unwrap().strings().unwrap(),
            ["value_7"]
        );
    }
}

#[test]
fn members_by_name_with_their_order_of_creation() {
    let bytes = golden("layouts_latest.h5.gz");
    let names = root(&bytes).group("names").unwrap();
    let members: Vec<_> = names
        .members()
        .map(|member| (member.name, member.order))
        .collect();
    assert_eq!(
        members,
        [("alpha", Some(2)), ("mike", Some(1)), ("zulu", Some(0))]
    );
    for name in ["layouts_earliest.h5.gz", "layouts_latest.h5.gz"] {
        let bytes = golden(name);
        let many = root(&bytes).group("many").unwrap();
        assert_eq!(many.members().len(), 100);
        assert_eq!(many.dataset("w99").unwrap().shape(), [3, 5]);
    }
}

#[test]
fn errors_say_where() {
    let bytes = golden("links.h5");
    let root = root(&bytes);
    let message = |path: &str| root.dataset(path).err().unwrap().to_string();
    assert_eq!(
        message("links/loop"),
        "object /links/loop: link points back to an ancestor"
    );
    assert_eq!(message("nothing"), "group /: there is no \"nothing\"");
    assert_eq!(message("links"), "group /links: expected a dataset");
    assert_eq!(message("contiguous/x"), "dataset /contiguous: expected a group");
    assert!(message("links/soft").ends_with("a soft or external link is not supported"));
    assert!(message("links/external").ends_with("a soft or external link is not supported"));
    let mut cut = bytes.clone();
    cut.truncate(1000);
    let error = File::open(&cut).err().unwrap().to_string();
    assert_eq!(
        error,
        format!(
            "byte 0: the file, as its superblock says, needs {} bytes, 1000 are there",
            bytes.len()
        )
    );
    let mut flipped = bytes.clone();
    flipped[9] ^= 4;
    assert!(File::open(&flipped).is_err());
    assert!(matches!(File::open(b"PK\x03\x04"), Err(Error::NotHdf5)));
}

/// Where `needle` is in `bytes`.
fn places(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(needle.len()).enumerate();
    windows
        .filter(|(_, window)| *window == needle)
        .map(|(place, _)| place)
        .collect()
}

#[test]
fn a_tree_whose_nodes_share_their_children_ends() {
    // Each of forty nodes points twice to the next one: 2^40 ways to the members of the root group.
    let mut bytes = golden("layouts_earliest.h5.gz");
    let pointers: [u8; 16] = bytes[80..96].try_into().unwrap();
    let mut child = u64::from_le_bytes(pointers[..8].try_into().unwrap());
    for level in 1..=40 {
        let at = bytes.len() as u64;
        bytes.extend(b"TREE\x00");
        bytes.extend([level, 2, 0]);
        bytes.extend([0xff; 16]);
        for word in [0, child, 0, child, 0] {
            bytes.extend(word.to_le_bytes());
        }
        child = at;
    }
    let found = places(&bytes, &pointers);
    assert_eq!(found.len(), 2);
    for place in found {
        bytes[place..place + 8].copy_from_slice(&child.to_le_bytes());
    }
    let error = File::open(&bytes).unwrap().root().err().unwrap().to_string();
    assert!(error.ends_with("a B-tree node has two parents"), "{error}");
}

#[test]
fn promises_of_endless_data_are_refused_before_they_are_allocated() {
    let mut bytes = golden("layouts_earliest.h5.gz");
    // The shape and the largest shape of `holes`, [4, 4], become [2^20, 2^20].
    let dims: Vec<u8> = [4_u64; 4]
        .iter()
        .flat_map(|extent| extent.to_le_bytes())
        .collect();
    let found = places(&bytes, &dims);
    assert_eq!(found.len(), 1);
    let large: Vec<u8> = [1_u64 << 20; 4]
        .iter()
        .flat_map(|extent| extent.to_le_bytes())
        .collect();
    bytes[found[0]..found[0] + large.len()].copy_from_slice(&large);
    let error = root(&bytes)
        .dataset("holes")
        .unwrap()
        .contents()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("dataset /holes: reading its contents would take more than 67"),
        "{error}"
    );
}

#[test]
fn every_cut_is_survived() {
    for name in GOLDENS {
        let bytes = golden(name);
        for step in 0..150 {
            let cut = &bytes[..bytes.len() * step / 150];
            assert!(File::open(cut).is_err(), "{name} cut to {}", cut.len());
            exhaust(File::open_unverified(cut), cut)
                .map(drop)
                .unwrap_or_else(|error| drop(error.to_string()));
        }
    }
}

#[test]
fn damage_is_survived() {
    for name in GOLDENS {
        let bytes = golden(name);
        let mut damage = Damage(0x5eed);
        let (mut sound, mut broken) = (0, 0);
        for _ in 0..300 {
            let damaged = damage.apply(&bytes);
            for file in [File::open(&damaged), File::open_unverified(&damaged)] {
                match exhaust(file, &damaged) {
                    Ok(_) => sound += 1,
                    Err(_) => broken += 1,
                }
            }
        }
        assert!(sound > 0 && broken > 0, "{name}: {sound} {broken}");
    }
}
