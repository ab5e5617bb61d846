//! What the fuzz targets share.

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
