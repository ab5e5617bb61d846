//! Files of PyTorch, timm and Keras give what ONNX Runtime makes of them.

use crate::Imported;
use crate::testing::{filled, session};
use marque_arch::{ArchitectureOptions, Graph, architecture};
use marque_testkit::tolerance::Deviation;
use marque_testkit::{Golden, Tolerance, formula};
use marque_weights::StateDict;
use std::path::Path;

/// The answers are ONNX Runtime's in single precision, which sums in another order.
const TOLERANCE: f64 = 1e-4;

/// The name in the registry of what a file is, where the program folds batch norms and keeps the rest.
fn registered(name: &str) -> Option<&str> {
    let (network, _) = name.rsplit_once('-')?;
    match network {
        "timm_tf_efficientnet_lite0" => Some("tf_efficientnet_lite0"),
        "timm_legacy_xception" => Some("xception"),
        network => (!network.contains("timm_") && !network.starts_with("keras")).then_some(network),
    }
}

/// Compares all files of a golden file, and says how many they are.
fn compare(golden: &str) -> usize {
    let folder = env!("CARGO_MANIFEST_DIR");
    let golden = Golden::open(folder, &format!("programs/{golden}.safetensors")).unwrap();
    let names = golden.names().filter_map(|name| name.strip_prefix("logits/"));
    let names: Vec<&str> = names.collect();
    let failed = names.iter().filter_map(|name| differs(&golden, name).err());
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    names.len()
}

/// Why a file gives something else, if it does.
fn differs(golden: &Golden, name: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/programs/{name}.onnx"));
    let bytes = filled(&std::fs::read(&path).unwrap());
    let imported = Imported::parse(Path::new(name), &bytes).map_err(|error| error.to_string())?;
    let shape = golden.i64(&format!("shape/{name}")).unwrap();
    let shape: Vec<usize> = shape.iter().map(|&side| side as usize).collect();
    let images = formula::images(shape.try_into().unwrap(), &format!("programs/{name}"));
    let expected = golden.f32(&format!("logits/{name}")).unwrap();
    let compare = |graph: &Graph, weights: &StateDict| {
        let found = session(graph, weights).output(images.view()).unwrap();
        let deviation =
            Deviation::between(found.view(), expected.view()).ok_or(format!("{name}: shapes differ"))?;
        match deviation.is_within(Tolerance::relative(TOLERANCE)) {
            true => Ok(()),
            false => Err(format!("{name}: {deviation}")),
        }
    };
    compare(&imported.graph, &imported.weights)?;
    imported
        .graph
        .features()
        .ok_or(format!("{name} has no features"))?;
    if let Some(known) = registered(name) {
        let options = ArchitectureOptions {
            num_classes: 10,
            ..ArchitectureOptions::default()
        };
        let graph = architecture(known, options).unwrap();
        let weights = imported
            .weights_under(&graph)
            .ok_or(format!("{name} is not {known}"))?;
        compare(&graph, &weights)?;
    }
    Ok(())
}

#[test]
fn networks_of_pytorch_give_the_same_logits() {
    assert!(compare("torch") >= 10);
}

#[test]
fn networks_of_keras_give_the_same_logits() {
    assert!(compare("keras") >= 5);
}
