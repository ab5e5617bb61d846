//! NumPy's archives: those that NumPy wrote, and those that it is to read.

use crate::common::{assert_formula, golden};
use marque_testkit::python_or_skip;
use marque_weights::{DType, Error, Format, StateDict, Tensor};

fn read(name: &str) -> StateDict {
    let path = golden("npz").join(name);
    assert_eq!(Format::of_file(&path).unwrap(), Format::Npz);
    StateDict::read(&path).unwrap()
}

fn shape<'a>(weights: &'a StateDict, name: &str) -> &'a [usize] {
    weights.get(name).unwrap().shape()
}

#[test]
fn every_type_and_shape_is_read() {
    let weights = read("kinds.npz");
    assert_formula(&weights);
    let dtypes: Vec<DType> = weights
        .iter()
        .take(12)
        .map(|(_, tensor)| tensor.dtype())
        .collect();
    let others = DType::ALL.into_iter().filter(|dtype| !dtypes.contains(dtype));
    assert!(others.eq([DType::BF16]), "{dtypes:?}");
    assert!(shape(&weights, "scalar").is_empty());
    assert_eq!(shape(&weights, "none"), [0, 3]);
    assert_eq!(shape(&weights, "block/conv.weight"), [4, 2, 3, 3]);
    assert_eq!(
        weights.iter().next().unwrap().0,
        "of.f2",
        "the order is the file's"
    );
}

#[test]
fn every_order_becomes_little_endian_rows() {
    let weights = read("orders.npz");
    assert_eq!(weights.len(), 15);
    assert_formula(&weights);
    assert_eq!(shape(&weights, "kernel"), [3, 2, 4, 5]);
}

#[test]
fn packed_arrays_and_later_versions_are_read() {
    for (name, count) in [
        ("deflated.npz", 2),
        ("version2.npz", 1),
        ("version3.npz", 1),
        ("bfloat16.npz", 1),
    ] {
        let weights = read(name);
        assert_eq!(weights.len(), count, "{name}");
        assert_formula(&weights);
    }
    assert_eq!(read("bfloat16.npz").get("weight").unwrap().dtype(), DType::BF16);
}

#[test]
fn python_objects_are_refused() {
    let path = golden("npz/objects.npz");
    let error = StateDict::read(&path).unwrap_err();
    assert!(matches!(&error, Error::UnsupportedType { tensor, .. } if tensor == "bad"));
    assert_eq!(
        error.to_string(),
        format!(
            "tensor \"bad\" of {} has type Python objects, which are pickles and never read, which is not supported",
            path.display()
        )
    );
}

fn sample() -> StateDict {
    let bytes: Vec<u8> = (0..48).collect();
    let mut weights = StateDict::default();
    for dtype in DType::ALL {
        let numbers = match dtype {
            DType::Bool => vec![0, 1, 1, 0, 1, 0],
            _ => bytes[..6 * dtype.size_bytes()].to_vec(),
        };
        weights.insert(
            format!("of.{dtype}"),
            Tensor::new(dtype, &[2, 3], numbers).unwrap(),
        );
    }
    weights.insert(
        "block/Citroën.weight",
        Tensor::from_f32(&[1, 2], &[1.5, -2.5]).unwrap(),
    );
    weights.insert("scalar", Tensor::from_f32(&[], &[0.5]).unwrap());
    weights.insert("none.npy", Tensor::from_f32(&[0, 3], &[]).unwrap());
    weights
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    sample().write_npz(&path).unwrap();
    let found = StateDict::read(&path).unwrap();
    assert!(
        found
            .iter()
            .map(|(name, _)| name)
            .eq(sample().iter().map(|(name, _)| name))
    );
    for (name, tensor) in sample().iter() {
        let found = found.get(name).unwrap();
        if tensor.dtype() == DType::BF16 {
            assert_eq!((found.dtype(), found.to_f32()), (DType::F32, tensor.to_f32()));
        } else {
            assert_eq!(found, tensor, "{name}");
        }
        // In place in the file: at a multiple of 64 bytes of its beginning.
        assert_eq!(found.bytes().as_ptr() as usize % 64, 0, "{name}");
    }
    let again = folder.path().join("again.npz");
    sample().write_npz(&again).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), std::fs::read(again).unwrap());
}

#[test]
fn a_flipped_bit_of_a_number_is_noticed() {
    let path = golden("npz/kinds.npz");
    let mut bytes = std::fs::read(&path).unwrap();
    let expected = StateDict::parse(&path, bytes.clone()).unwrap();
    let numbers = expected.get("block/conv.weight").unwrap().bytes();
    let position = bytes
        .windows(numbers.len())
        .position(|window| window == numbers)
        .unwrap();
    bytes[position] ^= 1;
    let error = StateDict::parse(&path, bytes).unwrap_err().to_string();
    assert!(
        error.contains("\"block/conv.weight.npy\" cannot be unpacked: Invalid checksum"),
        "{error}"
    );
}

#[test]
fn numpy_reads_what_is_written() {
    const SCRIPT: &str = "
import sys, numpy
for name, array in numpy.load(sys.argv[1], allow_pickle=False).items():
    print(name, array.dtype.str, array.shape, array.astype('<f8').sum())
";
    let Some(mut python) = python_or_skip(&["numpy"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    sample().write_npz(&path).unwrap();
    let output = python
        .args(["-c", SCRIPT])
        .arg(&path)
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines.len(),
        sample().len(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "of.bool |b1 (2, 3) 3.0",
        "of.u8 |u1 (2, 3) 15.0",
        "of.i16 <i2 (2, 3) 9246.0",
        "block/Citroën.weight <f4 (1, 2) -1.0",
        "scalar <f4 () 0.5",
        "none.npy <f4 (0, 3) 0.0",
    ] {
        assert!(lines.contains(&line), "{line}:\n{printed}");
    }
    assert!(
        lines.iter().any(|line| line.starts_with("of.bf16 <f4 (2, 3)")),
        "{printed}"
    );
}
