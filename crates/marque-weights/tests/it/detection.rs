//! Which format a file is of, whatever it is called, and what is said of files that are no checkpoints.

use crate::common::{assert_formula, golden};
use marque_weights::{Error, Foreign, Format, StateDict};
use std::path::Path;

fn found(bytes: &[u8]) -> Foreign {
    match StateDict::parse(Path::new("model.safetensors"), bytes.to_vec()).unwrap_err() {
        Error::UnknownFormat { found, .. } => found,
        error => panic!("{error}"),
    }
}

#[test]
fn the_ending_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (file, format) in [
        ("safetensors/kinds.safetensors", Format::Safetensors),
        (
            "safetensors/sharded/model.safetensors.index.json",
            Format::SafetensorsIndex,
        ),
        ("npz/kinds.npz", Format::Npz),
        ("keras/nested.weights.h5", Format::KerasWeights),
        ("keras/legacy_weights.h5", Format::KerasLegacy),
        ("keras/keras2_model.h5", Format::KerasLegacy),
        ("torch/zip.pth", Format::TorchZip),
        ("torch/protocol4.pth", Format::TorchZip),
        ("torch/legacy.pth", Format::TorchLegacy),
        ("torch/legacy_protocol5.pth", Format::TorchLegacy),
        ("torch/script.pt", Format::TorchScript),
        ("torch/folder.ot", Format::TorchScript),
    ] {
        let path = folder.path().join("model.jpg");
        std::fs::copy(golden(file), &path).unwrap();
        assert_eq!(Format::of_file(&path).unwrap(), format, "{file}");
        assert!(!StateDict::read(&golden(file)).unwrap().is_empty(), "{file}");
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn files_that_are_no_checkpoints_are_told_apart() {
    assert_eq!(found(b""), Foreign::Empty);
    assert_eq!(found(b"<!DOCTYPE html>"), Foreign::WebPage);
    assert_eq!(found(b"\x93NUMPY\x01\x00v\x00"), Foreign::Npy);
    assert_eq!(found(b"\x80\x04\x95\x00"), Foreign::Pickle);
    assert_eq!(found(b"PK\x05\x06"), Foreign::Zip { entry: None });
    assert!(matches!(
        found(b"PK\x03\x04 and no more"),
        Foreign::BrokenZip { .. }
    ));
    assert!(matches!(found(b"{\"a\": 1}"), Foreign::Text { .. }));
    let error = StateDict::parse(Path::new("a.pth"), b"Entry not found".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.pth is no checkpoint that can be read: it is text, which begins \"Entry not found\""
    );
}

#[test]
fn an_archive_of_other_things_is_named_by_one_of_them() {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive
        .add_directory("photos/", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive
        .start_file("photos/car.jpg", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.write_all(b"no photo").unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    let entry = Some("photos/car.jpg".to_owned());
    assert_eq!(found(&bytes), Foreign::Zip { entry });
}

#[test]
fn an_archive_that_is_cut_short_is_called_by_its_format() {
    let bytes = std::fs::read(golden("npz/kinds.npz")).unwrap();
    let error = StateDict::parse(Path::new("a"), bytes[..bytes.len() / 2].to_vec()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a is not a sound npz file: as a zip archive: "),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let error = StateDict::read(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("is a directory") && error.contains(&*folder.path().to_string_lossy()),
        "{error}"
    );
    let pipe = folder.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let error = StateDict::read(&pipe).unwrap_err().to_string();
    assert!(error.ends_with("pipe: not a regular file"), "{error}");
    let error = StateDict::read(Path::new("/dev/zero")).unwrap_err().to_string();
    assert_eq!(error, "cannot read /dev/zero: not a regular file");
}

#[test]
fn formats_are_written_by_ending() {
    for (name, format) in [
        ("a.safetensors", Format::Safetensors),
        ("a.PT", Format::TorchZip),
        ("a.npz", Format::Npz),
    ] {
        assert_eq!(Format::for_writing(Path::new(name)).unwrap(), format);
    }
    let error = Format::for_writing(Path::new("a.h5")).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot write a.h5: its ending is to tell the format, .safetensors, .pth, .pt or .npz"
    );
    let error = StateDict::default()
        .write_as(Path::new("a"), Format::KerasArchive)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "cannot write a: Keras 3 model files are read, not written");
}

#[test]
fn safetensors_of_the_formats_own_library_are_read() {
    let weights = StateDict::read(&golden("safetensors/kinds.safetensors")).unwrap();
    assert_eq!(weights.len(), 15);
    assert_formula(&weights);
    assert_eq!(weights.metadata["photo"], "Citroën");
    let error = StateDict::read(&golden("safetensors/float8.safetensors")).unwrap_err();
    assert!(matches!(error, Error::UnsupportedType { found, .. } if found == "F8_E4M3"));
}
