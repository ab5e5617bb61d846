//! Whatever Python can write down beside the weights does no harm: `golden/torch_values/generate.py` has one value of each
//! kind.

use marque_weights::StateDict;
use std::path::{Path, PathBuf};

fn golden(file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/torch_values");
    folder.join(file)
}

fn assert_layer(weights: &StateDict, file: &str) {
    assert_eq!(weights.f32_values("fc.weight").unwrap()[..], [1.0; 4], "{file}");
    assert_eq!(weights.f32_values("fc.bias").unwrap()[..], [0.5, -0.5], "{file}");
}

#[test]
fn hyper_parameters_of_every_kind_are_data() {
    let kinds = std::fs::read_to_string(golden("kinds.txt")).unwrap();
    assert!(kinds.lines().count() > 55, "{kinds}");
    for file in ["values.pth", "protocol5.pth", "legacy.pth"] {
        let bytes = std::fs::read(golden(file)).unwrap();
        let kept = kinds
            .lines()
            .filter(|kind| bytes.windows(kind.len()).any(|window| window == kind.as_bytes()));
        assert_eq!(kept.count(), kinds.lines().count(), "{file}");
        let weights = StateDict::read(&golden(file)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(weights.len(), 2, "{file}");
        assert_layer(&weights, file);
        assert_eq!(weights.metadata["marque.source_key"], "state_dict", "{file}");
        assert_eq!(weights.metadata["epoch"], "3", "{file}");
    }
}

#[test]
fn values_among_tensors_are_left_out_by_name() {
    let weights = StateDict::read(&golden("flat.pth")).unwrap();
    assert_eq!(weights.len(), 3);
    assert_layer(&weights, "flat.pth");
    assert_eq!(
        weights.metadata["marque.left_out"],
        "fc._extra_state (_io.BytesIO), stage (__main__.Stage)"
    );
}
