//! Checkpoint files from the outside: round trips, damage, comparison with a network's needs.

use marque_weights::{DType, Error, StateDict, Tensor};
use proptest::prelude::*;
use std::path::Path;

fn sample() -> StateDict {
    let mut weights = StateDict::default();
    weights.insert(
        "conv1.weight",
        Tensor::from_f32(&[2, 1, 1, 2], &[1.0, -2.5, f32::MIN_POSITIVE, 4.0]).unwrap(),
    );
    weights.insert(
        "bn1.num_batches_tracked",
        Tensor::new(DType::I64, &[], vec![9, 0, 0, 0, 0, 0, 0, 0]).unwrap(),
    );
    weights.insert("empty", Tensor::from_f32(&[0, 3], &[]).unwrap());
    weights
        .metadata
        .insert("classes".into(), "[\"Citroën\", \"Pickup Truck\"]".into());
    weights
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    sample().write(&path).unwrap();
    let found = StateDict::read(&path).unwrap();
    assert_eq!(found, sample());
    assert_eq!(
        found.f32_values("conv1.weight").unwrap()[..],
        [1.0, -2.5, f32::MIN_POSITIVE, 4.0]
    );
}

#[test]
fn equal_contents_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut weights = sample();
    for key in ["a", "b", "c", "d", "e"] {
        weights.metadata.insert(key.into(), key.to_uppercase());
    }
    let files: Vec<Vec<u8>> = (0..8)
        .map(|number| {
            let path = folder.path().join(number.to_string());
            weights.write(&path).unwrap();
            std::fs::read(path).unwrap()
        })
        .collect();
    assert!(files.iter().all(|file| file == &files[0]));
}

#[test]
fn a_missing_file_is_named() {
    let error = StateDict::read(Path::new("no/such.safetensors")).unwrap_err();
    assert!(matches!(error, Error::Read { .. }) && error.to_string().contains("no/such.safetensors"));
}

#[test]
fn a_header_that_promises_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let header = br#"{"w":{"dtype":"F32","shape":[1073741824,1073741824],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&[0; 4]);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(StateDict::read(&path), Err(Error::Malformed { .. })));
    std::fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
    assert!(matches!(StateDict::read(&path), Err(Error::UnknownFormat { .. })));
}

/// A file of this header, with `behind` bytes of zero behind it.
fn with_header(header: &str, behind: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + behind, 0);
    bytes
}

#[test]
fn tensors_fill_the_file_exactly() {
    let pair = |a: &str, b: &str| {
        let entry = |offsets: &str| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}"#);
        format!(r#"{{"a":{},"b":{}}}"#, entry(a), entry(b))
    };
    let parse = |header: &str, behind| StateDict::parse(Path::new("a"), with_header(header, behind));
    assert_eq!(parse(&pair("[4,8]", "[0,4]"), 8).unwrap().len(), 2);
    for (header, behind, reason) in [
        (
            pair("[0,4]", "[4,8]"),
            9,
            "take 8 bytes behind the header, where the file has 9",
        ),
        (pair("[0,4]", "[4,8]"), 7, "is to lie at 4..8 of the 7 bytes"),
        (pair("[0,4]", "[0,4]"), 4, "the tensor before it ends at 4"),
        (pair("[0,4]", "[5,9]"), 9, "the tensor before it ends at 4"),
        (pair("[0,4]", "[4,0]"), 8, "is to lie at 4..0"),
        (
            pair("[0,4]", "[4,18446744073709551615]"),
            8,
            "is to lie at 4..18446744073709551615",
        ),
        (pair("[0,4]", "[4,9]"), 9, "needs 4 bytes, got 5"),
        (
            pair("[0,4]", "[4,8]").replace('b', "a"),
            8,
            "\"a\" is there twice",
        ),
    ] {
        let error = parse(&header, behind).unwrap_err().to_string();
        assert!(
            error.starts_with("a is not a sound safetensors file: ") && error.contains(reason),
            "{error}"
        );
    }
    let error = parse(r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor \"a\" of a has type F8_E4M3, which is not supported"
    );
}

#[test]
fn the_formats_own_library_reads_and_writes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    sample().write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), sample().len());
    for (name, tensor) in sample().iter() {
        let view = theirs.tensor(name).unwrap();
        assert_eq!((view.shape(), view.data()), (tensor.shape(), tensor.bytes()));
    }
    let rewritten = safetensors::serialize(theirs.tensors(), None).unwrap();
    let found = StateDict::parse(Path::new("a"), rewritten).unwrap();
    assert!(
        sample()
            .iter()
            .all(|(name, tensor)| found.get(name) == Some(tensor))
    );
}

#[test]
fn every_difference_is_listed() {
    let weights = sample();
    let fits: [(&str, &[usize]); 2] = [("conv1.weight", &[2, 1, 1, 2]), ("empty", &[0, 3])];
    weights.check(fits).unwrap();
    let needed: [(&str, &[usize]); 2] = [("conv1.weight", &[2, 1, 2, 1]), ("fc.bias", &[7])];
    let mismatch = weights.check(needed).unwrap_err();
    assert_eq!(
        mismatch.to_string(),
        "1 missing, 1 unexpected, 1 of another shape\n  missing      fc.bias\n  unexpected   empty\n  \
         wrong shape  conv1.weight: expected [2, 1, 2, 1], found [2, 1, 1, 2]"
    );
}

#[test]
fn numbers_of_another_type_are_not_reinterpreted() {
    let error = sample().f32_values("bn1.num_batches_tracked").unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor \"bn1.num_batches_tracked\" holds i64, expected floating-point numbers"
    );
    assert!(Tensor::from_f32(&[3], &[1.0]).is_err());
    assert!(Tensor::from_f32(&[usize::MAX, usize::MAX], &[1.0]).is_err());
}

proptest! {
    #[test]
    fn damaged_files_never_panic(position in 0usize..400, byte: u8, end in 0usize..400) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        sample().write(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let length = bytes.len();
        bytes[position % length] = byte;
        bytes.truncate(end.max(1));
        std::fs::write(&path, &bytes).unwrap();
        let _ = StateDict::read(&path);
    }
}
