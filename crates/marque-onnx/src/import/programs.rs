//! Files of PyTorch, timm and Keras give what ONNX Runtime makes of them.

use crate::Imported;
use crate::testing::{filled, session};
use marque_testkit::{Golden, Tolerance, assert_close, formula};
use std::path::Path;

/// The answers are ONNX Runtime's in single precision, which sums in another order.
const TOLERANCE: f64 = 1e-4;

fn compare(golden: &str) -> usize {
    let folder = env!("CARGO_MANIFEST_DIR");
    let golden = Golden::open(folder, &format!("programs/{golden}.safetensors")).unwrap();
    let names = golden.names().filter_map(|name| name.strip_prefix("logits/"));
    let compare = |name: &str| {
        let path = Path::new(folder).join(format!("tests/golden/programs/{name}.onnx"));
        let bytes = filled(&std::fs::read(&path).unwrap());
        let imported = Imported::parse(&path, &bytes).unwrap_or_else(|error| panic!("{error}"));
        let shape: Vec<usize> = golden
            .i64(&format!("shape/{name}"))
            .unwrap()
            .iter()
            .map(|&side| side as usize)
            .collect();
        let shape: [usize; 4] = shape.try_into().unwrap();
        let images = formula::images(shape, &format!("programs/{name}"));
        let found = session(&imported.graph, &imported.weights)
            .output(images.view())
            .unwrap();
        let expected = golden.f32(&format!("logits/{name}")).unwrap();
        assert_close(
            name,
            found.view(),
            expected.view(),
            Tolerance::relative(TOLERANCE),
        );
        assert!(imported.graph.features().is_some(), "{name}");
    };
    names.map(compare).count()
}

#[test]
fn networks_of_pytorch_give_the_same_logits() {
    assert!(compare("torch") >= 10);
}

#[test]
fn networks_of_keras_give_the_same_logits() {
    assert!(compare("keras") >= 5);
}
