//! What strangers may send.

use crate::proto::{Message, field};
use crate::testing::{File, ints, tensor};
use crate::{Error, ExportOptions, Imported, export_bytes};
use marque_arch::{Conv2d, GraphBuilder, Linear, Op};
use std::path::Path;

fn images() -> File {
    File::new(&[0, 4, 0, 0])
}

fn message(found: Result<Imported, Error>) -> String {
    match found {
        Ok(_) => panic!("it was read"),
        Err(error) => error.to_string(),
    }
}

fn small() -> Vec<u8> {
    let mut builder = GraphBuilder::new("small", 3).unwrap();
    let maps = builder
        .conv2d("conv", builder.input(), Conv2d::new(3, 4, 3))
        .unwrap();
    let maps = builder.batch_norm2d("bn", maps).unwrap();
    let maps = builder.add("silu", Op::Silu, &[maps]).unwrap();
    let mean = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[mean]).unwrap();
    let end = builder.linear("fc", vector, Linear::new(4, 2)).unwrap();
    let graph = builder.build(end).unwrap();
    export_bytes(
        &graph,
        &crate::testing::weights(&graph),
        &ExportOptions::default(),
    )
    .unwrap()
}

/// Whatever the damage, there is a sound network or an error.
#[test]
fn damaged_files_are_errors_or_sound() {
    let whole = small();
    let read = |bytes: &[u8]| {
        if let Ok(found) = Imported::parse(Path::new("damaged"), bytes) {
            let shapes = found
                .graph
                .parameters()
                .into_iter()
                .map(|parameter| (parameter.name, parameter.shape));
            for (name, shape) in shapes {
                assert_eq!(
                    found.weights.get(&name).map(|tensor| tensor.shape()),
                    Some(&shape[..]),
                    "{name}"
                );
            }
        }
    };
    assert!(Imported::parse(Path::new("whole"), &whole).is_ok());
    for length in 0..whole.len() {
        read(&whole[..length]);
    }
    let mut damaged = whole.clone();
    for place in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            damaged[place] ^= change;
            read(&damaged);
            damaged[place] = whole[place];
        }
    }
}

#[test]
fn what_is_no_onnx_file_is_told() {
    for bytes in [
        &b""[..],
        b"\x08\x08",
        b"PK\x03\x04",
        b"<!DOCTYPE html>",
        &[0x08, 0x08, 0x3a, 0x00],
    ] {
        let found = message(Imported::parse(Path::new("x.onnx"), bytes));
        assert!(found.starts_with("x.onnx is not a sound ONNX file"), "{found}");
    }
    let old = images().opset(6).node("Relu", &["x"], "y", &[]);
    assert!(message(old.read("y")).contains("version 6"));
    let new = images().opset(1000).node("Relu", &["x"], "y", &[]);
    assert!(message(new.read("y")).contains("7 to 26 are read"));
    let missing = Imported::read(Path::new("/nowhere/x.onnx"));
    assert!(matches!(missing, Err(Error::Read { .. })));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Imported::read(folder.path()), Err(Error::Read { .. })));
}

#[test]
fn values_have_one_maker_that_comes_first() {
    let cycle = images()
        .node("Add", &["x", "b"], "a", &[])
        .node("Relu", &["a"], "b", &[]);
    assert!(message(cycle.read("b")).contains("node \"Add_a\" reads \"b\""));
    let itself = images().node("Add", &["x", "a"], "a", &[]);
    assert!(message(itself.read("a")).contains("reads \"a\""));
    let twice = images()
        .node("Relu", &["x"], "a", &[])
        .node("Sigmoid", &["x"], "a", &[]);
    assert!(message(twice.read("a")).contains("two values are called \"a\""));
    let stored = images().floats("a", &[1], &[1.0]).node("Relu", &["x"], "a", &[]);
    assert!(message(stored.read("a")).contains("two values are called \"a\""));
    let stored = images().floats("a", &[1], &[1.0]).floats("a", &[1], &[1.0]);
    assert!(message(stored.read("x")).contains("two values are called \"a\""));
    assert!(message(images().read("y")).contains("reads \"y\""));
    let constant = images().floats("y", &[1], &[1.0]);
    assert!(message(constant.read("y")).contains("is a constant"));
}

#[test]
fn sizes_and_places_that_lie_are_refused() {
    let conv = |tensor: Message| {
        let file = images().initializer(tensor);
        message(file.node("Conv", &["x", "w"], "y", &[]).read("y"))
    };
    assert!(conv(tensor("w", 1, &[1 << 40, 4, 1, 1], &[0; 16])).contains("needs"));
    assert!(conv(tensor("w", 1, &[usize::MAX >> 1, usize::MAX >> 1], &[])).contains("no memory holds"));
    assert!(conv(tensor("w", 1, &[4, 4, 1, 1], &[0; 63])).contains("63 bytes"));
    assert!(conv(tensor("w", 8, &[1], &[0; 4])).contains("type 8"));
    assert!(conv(tensor("w", 1, &[0, 4, 1, 1], &[])).contains("its weight is f32"));
    assert!(conv(tensor("w", 1, &[1 << 40, 0], &[])).contains("no memory holds"));
    let external = Message::new()
        .integers(field::tensor::DIMS, [4])
        .integer(field::tensor::DATA_TYPE, 1)
        .text(field::tensor::NAME, "w")
        .integer(field::tensor::DATA_LOCATION, 1);
    assert!(conv(external).contains("beside which nothing lies"));
}

/// Each list is the one before it twice: sixty of them would fill any memory.
#[test]
fn constants_that_grow_are_stopped() {
    let mut file = images().floats("c0", &[1024], &[1.0; 1024]);
    for step in 0..60 {
        let (from, to) = (format!("c{step}"), format!("c{}", step + 1));
        file = file.node("Concat", &[&from, &from], &to, &[crate::testing::int("axis", 0)]);
    }
    let file = file.node("Add", &["x", "c60"], "y", &[]);
    assert!(message(file.read("y")).contains("would take more than"));
    let huge = images()
        .integers("shape", &[1 << 20, 1 << 20, 1 << 20])
        .node("ConstantOfShape", &["shape"], "c", &[])
        .node("Add", &["x", "c"], "y", &[]);
    assert!(message(huge.read("y")).contains("not computed beforehand"));
    let mut sizes = images().node("Shape", &["x"], "s0", &[]);
    for step in 0..60 {
        let (from, to) = (format!("s{step}"), format!("s{}", step + 1));
        sizes = sizes.node("Concat", &[&from, &from], &to, &[crate::testing::int("axis", 0)]);
    }
    let sizes = sizes.node("Reshape", &["x", "s60"], "y", &[]);
    assert!(message(sizes.read("y")).contains("more extents than a shape has"));
}

#[test]
fn a_long_chain_is_read_in_time() {
    let mut file = images();
    for step in 0..20_000 {
        let (from, to) = (format!("v{step}"), format!("v{}", step + 1));
        let from = if step == 0 { "x".to_owned() } else { from };
        file = file.named("relu", "Relu", (&[&from], &to), &[]);
    }
    let found = file.read("v20000").unwrap();
    assert_eq!(found.graph.nodes().len(), 20_001);
    let wide = ints("perm", &[0, 1, 2, 3, 4]);
    assert!(message(images().node("Transpose", &["x"], "y", &[wide]).read("y")).contains("no order"));
}

#[test]
fn attributes_beyond_all_bounds_are_refused() {
    let conv = |attributes: &[Message]| {
        let file = images().parameter("w.weight", &[4, 4, 3, 3]);
        message(file.node("Conv", &["x", "w.weight"], "y", attributes).read("y"))
    };
    for value in [0, -1, i64::MAX, i64::MIN] {
        conv(&[ints("strides", &[value, value])]);
        conv(&[ints("dilations", &[value, value])]);
        let wide = images().parameter("w.weight", &[4, 4, 5, 5]);
        let dilations = [ints("dilations", &[value, value])];
        message(wide.node("Conv", &["x", "w.weight"], "y", &dilations).read("y"));
        conv(&[crate::testing::int("group", value)]);
        let pool = images().node("MaxPool", &["x"], "y", &[ints("kernel_shape", &[value, value])]);
        message(pool.read("y"));
        if value == 0 {
            continue;
        }
        conv(&[ints("pads", &[value, 1, 1, 1])]);
        let pads = images().integers("p", &[0, 0, value, 0, 0, value, 0, value]);
        message(pads.node("Pad", &["x", "p"], "y", &[]).read("y"));
    }
    assert!(conv(&[ints("unheard_of", &[1])]).contains("\"unheard_of\" is not known"));
}
