//! Checkpoints in several files.

use crate::common::{assert_formula, golden};
use marque_weights::{Format, StateDict, Tensor};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const INDEX: &str = "safetensors/sharded/model.safetensors.index.json";

#[test]
fn all_files_make_one_checkpoint() {
    let weights = StateDict::read(&golden(INDEX)).unwrap();
    assert_formula(&weights);
    let names: Vec<&str> = weights.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["conv.bias", "conv.weight", "fc.bias", "fc.weight"]);
    assert_eq!(weights.metadata["format"], "pt");
}

fn with_index(weight_map: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut one = StateDict::default();
    for name in ["a", "b"] {
        one.insert(name, Tensor::from_f32(&[1], &[1.0]).unwrap());
    }
    one.write(&folder.path().join("one")).unwrap();
    one.write_npz(&folder.path().join("two")).unwrap();
    let index = folder.path().join("index");
    std::fs::write(&index, format!("{{\"weight_map\": {weight_map}}}")).unwrap();
    (folder, index)
}

#[test]
fn an_index_that_does_not_fit_its_files_is_refused() {
    for (weight_map, reason) in [
        (
            r#"{"a": "one"}"#,
            "\"one\" has a tensor \"b\" that it does not list there",
        ),
        (
            r#"{"a": "one", "b": "one", "c": "one"}"#,
            "promises tensor \"c\" in \"one\", which has no such tensor",
        ),
        (
            r#"{"a": "three"}"#,
            "names the file \"three\", which cannot be read: ",
        ),
        (
            r#"{"a": "index"}"#,
            "names the file \"index\", which is an index itself",
        ),
        (
            r#"{"a": "../one"}"#,
            "names the file \"../one\"; its files must be in its own folder",
        ),
        (r#"{"a": "/dev/zero"}"#, "its files must be in its own folder"),
        (r#"{"a": "one", "a": "one"}"#, "\"a\" is there twice"),
        (r#"{"a": 3}"#, "as JSON: "),
        (r#"{"a": "one"#, "as JSON: "),
    ] {
        let (_folder, index) = with_index(weight_map);
        assert_eq!(Format::of_file(&index).unwrap(), Format::SafetensorsIndex);
        let error = StateDict::read(&index).unwrap_err().to_string();
        let start = format!("{} is not a sound safetensors index file: ", index.display());
        assert!(error.starts_with(&start) && error.contains(reason), "{error}");
    }
}

#[test]
fn files_of_other_formats_will_do() {
    let (_folder, index) = with_index(r#"{"a": "two", "b": "two"}"#);
    assert_eq!(StateDict::read(&index).unwrap().len(), 2);
}

#[test]
fn bytes_have_no_files_beside_them() {
    let bytes = std::fs::read(golden(INDEX)).unwrap();
    let error = StateDict::parse(Path::new(INDEX), bytes).unwrap_err().to_string();
    assert!(error.contains("it was given as bytes"), "{error}");
}
