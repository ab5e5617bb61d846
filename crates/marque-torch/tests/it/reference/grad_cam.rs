//! Grad-CAM, against the `grad-cam` package for PyTorch; see `golden/grad_cam/generate.py`.

use super::common::{fitted_statistics, golden, weights};
use marque_arch::{ArchitectureOptions, architecture};
use marque_testkit::formula;
use marque_torch::{Error, Mode, Network, NetworkOptions, array_from_tensor, tensor_from_images};
use ndarray::{Array4, Ix3, Ix4};

const SIZE: [usize; 2] = [192, 224];
/// The script stores every sixteenth pixel, from the eighth on.
const EVERY: usize = 16;
/// Maps go from 0 to 1; both sides compute in single precision and are up to 6e-6 apart.
const TOLERANCE: f32 = 1e-4;

fn network(name: &str) -> Network {
    let graph = architecture(name, ArchitectureOptions::default()).unwrap();
    let weights = weights(&graph, &fitted_statistics(name, &graph));
    Network::with_weights(graph, &weights, NetworkOptions::default()).unwrap()
}

fn images() -> Array4<f32> {
    formula::images([2, 3, SIZE[0], SIZE[1]], "grad_cam")
}

fn compare(name: &str, nodes: &[&str]) {
    let golden = golden("grad_cam", "maps");
    let class = golden.i64(&format!("{name}/class")).unwrap()[[]] as usize;
    let mut network = network(name);
    // A network that is wholly frozen is explained as well as one that is trained.
    network
        .train_from(&[network.graph().nodes().last().unwrap().name.clone()])
        .unwrap();
    for &node in nodes {
        let expected = golden.f32(&format!("{name}/{node}")).unwrap();
        let id = network.graph().find(node).unwrap();
        let found = network.grad_cam(images().view(), Some(&[class; 2]), id).unwrap();
        assert_eq!(found.classes, [class; 2]);
        let heats = [0, 1].map(|image| found.heat(image, SIZE[0], SIZE[1]).unwrap());
        assert_eq!(found.heat(2, 8, 8), None);
        let mut largest = 0f32;
        let expected = expected.into_dimensionality::<Ix3>().unwrap();
        for ((image, row, column), &expected) in expected.indexed_iter() {
            let place = [EVERY / 2 + row * EVERY, EVERY / 2 + column * EVERY];
            largest = largest.max((heats[image][place] - expected).abs());
        }
        println!("{name} {node}: {largest:.1e}");
        assert!(largest < TOLERANCE, "{name} {node}: off by {largest}");
    }
}

#[test]
fn resnet18_explains_as_the_package() {
    compare("resnet18", &["layer4.1.relu", "layer3.0.relu"]);
}

#[test]
fn densenet121_explains_as_the_package() {
    compare("densenet121", &["features.denseblock4.denselayer16.concat"]);
}

#[test]
fn xception_explains_as_the_package() {
    compare("xception", &["act4"]);
}

#[test]
fn without_classes_the_predicted_ones_are_explained() {
    let network = network("resnet18");
    let node = network.graph().features().unwrap();
    let found = network.grad_cam(images().view(), None, node).unwrap();
    let logits = network.predict(images().view()).unwrap();
    let best = |row: ndarray::ArrayView1<'_, f32>| {
        (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
    };
    let predicted: Vec<usize> = logits.outer_iter().map(best).collect();
    assert_eq!(found.classes, predicted);
    let explicit = network.grad_cam(images().view(), Some(&predicted), node).unwrap();
    assert_eq!(found, explicit);
    // A mean over all places is all that stands between these maps and the logits: the classifier's weights are the
    // channels' weights, up to the number of places.
    let images = tensor_from_images(images().view(), network.device()).unwrap();
    let maps = &network.outputs_of(&images, Mode::Evaluation, &[node]).unwrap()[0];
    let maps = array_from_tensor(maps)
        .unwrap()
        .into_dimensionality::<Ix4>()
        .unwrap();
    let classifier = array_from_tensor(&network.var_store().variables()["fc.weight"]).unwrap();
    let (_, channels, height, width) = maps.dim();
    for image in 0..2 {
        for (y, x) in [(0, 0), (2, 3), (height - 1, width - 1)] {
            let sum: f32 = (0..channels)
                .map(|channel| classifier[[predicted[image], channel]] * maps[[image, channel, y, x]])
                .sum();
            let expected = (sum / (height * width) as f32).max(0.0);
            let found = found.maps[[image, y, x]];
            assert!(
                (found - expected).abs() <= 1e-5 * expected.max(1.0),
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn what_cannot_be_explained_is_said() {
    let network = network("resnet18");
    let graph = network.graph();
    let fault = |classes: Option<&[usize]>, node: &str| {
        let node = graph.find(node).unwrap();
        let fault = network.grad_cam(images().view(), classes, node).unwrap_err();
        assert!(matches!(fault, Error::WrongTensor { .. }), "{fault}");
        fault.to_string()
    };
    assert_eq!(
        fault(Some(&[1]), "layer4.1.relu"),
        "Grad-CAM expects 2 classes, one per image, got 1"
    );
    assert_eq!(
        fault(Some(&[1, 1000]), "layer4.1.relu"),
        "Grad-CAM expects classes less than 1000, got 1000"
    );
    assert_eq!(
        fault(None, "flatten"),
        "Grad-CAM expects a node whose output is N×C×h×w, got [2, 512]"
    );
    assert_eq!(
        fault(None, "fc"),
        "Grad-CAM expects a node that the logits depend on, got fc"
    );
}
