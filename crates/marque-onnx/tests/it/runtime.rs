//! ONNX's checker finds nothing wrong with the files, and ONNX Runtime gives the logits of marque's own engine.

use crate::common;
use marque_arch::{ArchitectureOptions, Graph, ImageSize, architecture, architecture_names};
use marque_infer::{Session, SessionOptions};
use marque_onnx::{ExportOptions, Normalization, export};
use marque_testkit::{formula, printed_by, python_or_skip};
use marque_weights::{StateDict, Tensor};
use ndarray::{Array2, Array4};
use std::fs;
use std::path::Path;

/// Two engines in single precision: what each may be off from the exact answer by.
const TOLERANCE: f64 = 1e-4;

/// Reads a file by ONNX Runtime, for each pair of images and logits, and prints how far its logits are off: of the largest.
const SCRIPT: &str = "
import sys, numpy as np, onnx, onnxruntime
path, *cases = sys.argv[1:]
onnx.checker.check_model(path, full_check=True)
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
source, = session.get_inputs()
target, = session.get_outputs()
assert target.name == 'logits', target.name
for case in cases:
    file, kind, *shape = case.split(',')
    shape = [int(extent) for extent in shape]
    images = np.fromfile(file + '.images', kind).reshape(shape)
    logits = session.run(None, {source.name: images})[0]
    expected = np.fromfile(file + '.logits', '<f4').reshape(logits.shape)
    print(np.abs(logits - expected).max() / np.abs(expected).max())
";

/// One file, and the images that it is asked about.
struct Case {
    name: String,
    sizes: Vec<ImageSize>,
    options: ExportOptions,
}

/// How far the runtime's logits are off from ours, for each size.
fn deviations(graph: &Graph, weights: &StateDict, case: &Case) -> Option<Vec<f64>> {
    let mut python = python_or_skip(&["numpy", "onnx", "onnxruntime"])?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    export(&path, graph, weights, &case.options).unwrap();
    let session = Session::new(graph.clone(), weights, SessionOptions::default()).unwrap();
    python.args(["-c", SCRIPT]).arg(&path);
    for size in &case.sizes {
        let shape = [2, graph.input_channels(), size.height, size.width];
        let images = formula::images(shape, &format!("evaluation/{}x{}", size.height, size.width));
        let file = folder.path().join(size.height.to_string());
        let (bytes, images, kind) = match &case.options.normalization {
            None => (of_floats(images.iter()), images, "<f4"),
            Some(normalization) => {
                let photos = images.mapv(|value| (value.clamp(-2.0, 2.0) * 63.0 + 127.0) as u8);
                let last = photos.clone().permuted_axes([0, 2, 3, 1]);
                (
                    last.iter().copied().collect(),
                    normal(&photos, normalization),
                    "u1",
                )
            }
        };
        let logits: Array2<f32> = session.logits(images.view()).unwrap();
        fs::write(file.with_extension("images"), bytes).unwrap();
        fs::write(file.with_extension("logits"), of_floats(logits.iter())).unwrap();
        let shape = match kind {
            "u1" => [2, size.height, size.width, shape[1]],
            _ => shape,
        };
        let [count, first, second, third] = shape;
        python.arg(format!(
            "{},{kind},{count},{first},{second},{third}",
            file.display()
        ));
    }
    let printed = printed_by(&mut python);
    Some(printed.lines().map(|line| line.parse().unwrap()).collect())
}

fn of_floats<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values.flat_map(|value| value.to_le_bytes()).collect()
}

fn normal(photos: &Array4<u8>, normalization: &Normalization) -> Array4<f32> {
    Array4::from_shape_fn(photos.dim(), |(image, channel, y, x)| {
        let value = f32::from(photos[(image, channel, y, x)]) / 255.0;
        (value - normalization.mean[channel]) / normalization.std[channel]
    })
}

/// Weights by formula, with statistics that suit them where a golden file has such.
fn weights(name: &str, graph: &Graph) -> StateDict {
    let base = name.trim_end_matches("-keras").trim_end_matches("-v1");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../marque-torch/tests/golden/networks");
    let is_known = [name, base]
        .iter()
        .any(|name| folder.join(format!("{name}.safetensors")).exists());
    if is_known {
        return common::weights(graph, &common::fitted_statistics(name, graph));
    }
    let filled = graph.parameters().into_iter().map(|parameter| {
        let values = formula::parameter(&parameter.name, &parameter.shape);
        let values: Vec<f32> = values.iter().copied().collect();
        let tensor = Tensor::from_f32(&parameter.shape, &values).unwrap();
        (parameter.name, tensor)
    });
    filled.collect()
}

/// The cases of a network: one file for both sizes, or one for each.
fn cases(name: &str) -> Vec<Case> {
    let wide = |height: usize| ImageSize {
        height,
        width: height + 32,
    };
    let sizes = match name {
        _ if name.starts_with("inception") => [wide(299), wide(331)],
        _ if name.starts_with("preact") => [wide(32), wide(41)],
        _ => [wide(97), wide(128)],
    };
    let case = |sizes: &[ImageSize], image_size: Option<ImageSize>| Case {
        name: name.to_owned(),
        sizes: sizes.to_vec(),
        options: ExportOptions {
            image_size,
            ..ExportOptions::default()
        },
    };
    match name.starts_with("vgg") {
        true => sizes.iter().map(|size| case(&[*size], Some(*size))).collect(),
        false => vec![case(&sizes, None)],
    }
}

fn check(name: &str) -> bool {
    let graph = architecture(name, ArchitectureOptions::default()).unwrap();
    let weights = weights(name, &graph);
    for case in cases(name) {
        let Some(found) = deviations(&graph, &weights, &case) else {
            return false;
        };
        assert_eq!(found.len(), case.sizes.len());
        println!("{}: {found:?}", case.name);
        assert!(
            found.iter().all(|&deviation| deviation < TOLERANCE),
            "{name}: {found:?}"
        );
    }
    true
}

#[test]
fn onnx_runtime_gives_the_same_logits() {
    for name in ["mobilenet_v3_small", "densenet121-keras", "preact_resnet20"] {
        if !check(name) {
            return;
        }
    }
}

/// The names in three parts, of some minutes each.
fn parts() -> [Vec<&'static str>; 3] {
    let is_vgg = |name: &&str| name.starts_with("vgg");
    let is_light = |name: &&str| {
        let families = [
            "mobilenet",
            "tf_efficientnet",
            "efficientnet",
            "regnet",
            "convnext",
            "preact",
        ];
        families.iter().any(|family| name.starts_with(family))
    };
    let is_other = |name: &&str| !is_vgg(name) && !is_light(name);
    [
        architecture_names().filter(is_other).collect(),
        architecture_names().filter(is_vgg).collect(),
        architecture_names().filter(is_light).collect(),
    ]
}

/// Checks all names of a part: `cargo test -p marque-onnx -- --ignored --nocapture`.
fn check_part(part: usize) {
    let names = &parts()[part];
    assert!(names.len() >= 8);
    let _ = names.iter().all(|name| check(name));
}

#[test]
fn the_parts_are_all_names() {
    let count: usize = parts().iter().map(Vec::len).sum();
    assert_eq!(count, architecture_names().count());
}

#[test]
#[ignore = "it writes and runs many networks, which takes minutes"]
fn every_residual_dense_and_inception_network() {
    check_part(0);
}

#[test]
#[ignore = "it writes and runs many networks, which takes minutes"]
fn every_vgg() {
    check_part(1);
}

#[test]
#[ignore = "it writes and runs many networks, which takes minutes"]
fn every_light_network() {
    check_part(2);
}

#[test]
fn a_file_that_takes_photos_normalises_them() {
    let graph = architecture("preact_resnet20", ArchitectureOptions::default()).unwrap();
    let weights = weights("preact_resnet20", &graph);
    let normalization = Normalization {
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
    };
    let case = Case {
        name: "photos".to_owned(),
        sizes: vec![ImageSize {
            height: 32,
            width: 40,
        }],
        options: ExportOptions {
            normalization: Some(normalization),
            class_names: vec!["sedan".to_owned(), "wagon".to_owned()],
            ..ExportOptions::default()
        },
    };
    if let Some(found) = deviations(&graph, &weights, &case) {
        assert!(found[0] < TOLERANCE, "{found:?}");
    }
}
