//! What the fuzz targets share.

mod engine;
mod graphs;
mod photos;

pub use engine::{model, onnx, run_graph, run_model, run_onnx};
pub use photos::{decode_photo, scan_photos};

use marque_hdf5::{Contents, File, Group, Object};
use marque_weights::StateDict;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Reads bytes as a checkpoint, and every number in it. An error is as good as a checkpoint; a panic is not.
pub fn read(bytes: Vec<u8>) {
    match StateDict::parse(Path::new("fuzzed"), bytes) {
        Ok(weights) => {
            for (_, tensor) in weights.iter() {
                let expected: usize = tensor.shape().iter().product::<usize>() * tensor.dtype().size_bytes();
                assert_eq!(tensor.bytes().len(), expected);
                let sum: f32 = tensor.to_f32().map_or(0.0, |values| values.iter().sum());
                std::hint::black_box(sum);
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("fuzzed") || text.contains("tensor"), "{text}");
            assert!(text.len() < 10_000, "{} bytes of text", text.len());
        }
    }
}

/// Reads every object of an HDF5 file and the texts that a checkpoint may have.
pub fn read_hdf5(bytes: &[u8]) {
    let read = File::open(bytes)
        .and_then(|file| file.root())
        .and_then(|root| walk(bytes, &root));
    if let Err(error) = read {
        let text = error.to_string();
        assert!(text.len() < 10_000, "{} bytes of text", text.len());
    }
}

fn walk(bytes: &[u8], group: &Group<'_>) -> Result<(), marque_hdf5::Error> {
    for name in [
        "layer_names",
        "weight_names",
        "keras_version",
        "name",
        "fixed",
        "variable",
    ] {
        std::hint::black_box(group.attribute(name).map(|attribute| attribute.strings()));
    }
    for member in group.members() {
        match group.member(member.name) {
            Ok(Object::Group(inner)) => walk(bytes, &inner)?,
            Ok(Object::Dataset(dataset)) => {
                let length = match dataset.contents()? {
                    Contents::InFile(range) => bytes[range].len(),
                    Contents::Decoded(decoded) => decoded.len(),
                };
                let extents = dataset.shape().iter();
                let count = extents.fold(1_usize, |count, &extent| count.saturating_mul(extent));
                assert_eq!(length, count * dataset.number().size_bytes());
            }
            // An object that cannot be opened does not hide the others.
            Err(error) => drop(error.to_string()),
        }
    }
    Ok(())
}

/// An `.npz` archive of one array.
pub fn npz(array: &[u8]) -> Vec<u8> {
    archive(&[("array.npy", array)])
}

/// An archive of `torch.save` with this pickle, and two storages for it to refer to.
pub fn torch_zip(pickle: &[u8]) -> Vec<u8> {
    const STORAGE: [u8; 256] = [0x3f; 256];
    archive(&[
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &STORAGE),
        ("archive/data/1", &STORAGE),
        ("archive/version", b"3\n"),
    ])
}

/// A `.keras` archive; the first two bytes say how much of the rest is its configuration.
pub fn keras_archive(bytes: &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 2], &[]));
    let (config, weights) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
    archive(&[
        ("metadata.json", b"{}"),
        ("config.json", config),
        ("model.weights.h5", weights),
    ])
}

/// A zip archive of stored entries. A fuzzer that works on what is in an archive need not guess its checksums.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in entries {
        archive.start_file(*name, options).expect("names are valid");
        archive.write_all(contents).expect("memory takes everything");
    }
    archive.finish().expect("memory takes everything").into_inner()
}
