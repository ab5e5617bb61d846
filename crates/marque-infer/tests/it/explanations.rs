//! Class activation maps, against what the `grad-cam` package for PyTorch computes by gradients: for these networks both are the same.

use crate::common::{fitted_statistics, golden, weights};
use marque_arch::{ArchitectureOptions, architecture};
use marque_infer::{ClassMaps, Error, Session, SessionOptions};
use marque_model::{Engine, Explain};
use marque_testkit::{Tolerance, assert_close, formula};
use ndarray::{Array4, Ix3};

const SIZE: [usize; 2] = [192, 224];
/// The script stores every sixteenth pixel, from the eighth on.
const EVERY: usize = 16;
/// Maps go from 0 to 1; both sides compute in single precision.
const TOLERANCE: f32 = 1e-4;

fn class_maps(name: &str) -> ClassMaps {
    let graph = architecture(name, ArchitectureOptions::default()).unwrap();
    let weights = weights(&graph, &fitted_statistics(name, &graph));
    ClassMaps::new(graph, &weights, SessionOptions::default()).unwrap()
}

fn images() -> Array4<f32> {
    formula::images([2, 3, SIZE[0], SIZE[1]], "grad_cam")
}

#[test]
fn maps_are_those_of_the_package() {
    let golden = golden("grad_cam", "maps");
    for (name, node) in [("resnet18", "layer4.1.relu"), ("xception", "act4")] {
        let engine = class_maps(name);
        let class = golden.i64(&format!("{name}/class")).unwrap()[[]] as usize;
        let features = engine.graph().features().unwrap();
        assert_eq!(engine.graph().nodes()[features.index()].name, node);
        let found = engine
            .activation_maps(images().view(), Some(&[class; 2]), features)
            .unwrap();
        assert_eq!(found.classes, [class; 2]);
        let heats = [0, 1].map(|image| found.heat(image, SIZE[0], SIZE[1]).unwrap());
        let expected = golden.f32(&format!("{name}/{node}")).unwrap();
        let expected = expected.into_dimensionality::<Ix3>().unwrap();
        let mut largest = 0f32;
        for ((image, row, column), &expected) in expected.indexed_iter() {
            let place = [EVERY / 2 + row * EVERY, EVERY / 2 + column * EVERY];
            largest = largest.max((heats[image][place] - expected).abs());
        }
        println!("{name}: {largest:.1e}");
        assert!(largest < TOLERANCE, "{name}: off by {largest}");
    }
}

/// A network with an auxiliary head, which is left out, and one whose last maps are a batch norm's.
#[test]
fn logits_are_those_of_the_network_and_their_largest_is_explained() {
    for name in ["googlenet-aux", "densenet121"] {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let weights = weights(&graph, &fitted_statistics(name, &graph));
        let session = Session::new(graph, &weights, SessionOptions::default()).unwrap();
        let engine = class_maps(name);
        let expected = session.logits(images().view()).unwrap();
        let logits = engine.logits(images().view()).unwrap();
        let tolerance = Tolerance::relative(1e-5);
        assert_close(
            name,
            logits.view().into_dyn(),
            expected.view().into_dyn(),
            tolerance,
        );
        let found = engine
            .activation_maps(images().view(), None, engine.graph().features().unwrap())
            .unwrap();
        for (class, logits) in found.classes.into_iter().zip(expected.outer_iter()) {
            assert!(logits.iter().all(|&logit| logit <= logits[class]));
        }
    }
}

#[test]
fn what_cannot_be_explained_is_said() {
    let engine = class_maps("resnet18");
    let fault = |classes: Option<&[usize]>, node: &str| {
        let node = engine.graph().find(node).unwrap();
        let fault = engine
            .activation_maps(images().view(), classes, node)
            .unwrap_err();
        assert!(matches!(fault, Error::WrongArray { .. }), "{fault}");
        fault.to_string()
    };
    let place = "class activation mapping expects";
    assert_eq!(
        fault(Some(&[1]), "layer4.1.relu"),
        format!("{place} 2 classes, one per image, got 1")
    );
    assert_eq!(
        fault(Some(&[1, 1000]), "layer4.1.relu"),
        format!("{place} classes less than 1000, got 1000")
    );
    assert_eq!(
        fault(None, "layer3.1.relu"),
        format!(
            "{place} the last feature maps, those of layer4.1.relu, since others need gradients, got layer3.1.relu"
        )
    );
    let graph = architecture("vgg11", ArchitectureOptions::default()).unwrap();
    let weights = weights(&graph, &fitted_statistics("vgg11", &graph));
    let error = ClassMaps::new(graph, &weights, SessionOptions::default()).unwrap_err();
    assert!(
        matches!(error, Error::Graph(marque_arch::Error::NoClassMaps { .. })),
        "{error}"
    );
}
