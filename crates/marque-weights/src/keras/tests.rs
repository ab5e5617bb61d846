use super::*;
use marque_hdf5::{Contents, Number};
use std::io::Read;
use std::path::PathBuf;

/// The bytes of a golden file, unpacked.
fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keras");
    let stored = std::fs::read(folder.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return stored;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&stored[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    unpacked
}

/// The formula of `generate.py`: eighths as little-endian bytes.
fn formula(path: &str, count: usize) -> Vec<u8> {
    let sum: usize = path.bytes().map(usize::from).sum();
    let numerators = (0..count).map(|index| ((7 * index + sum) % 64) as f32 - 32.0);
    numerators
        .flat_map(|numerator| (numerator / 8.0).to_le_bytes())
        .collect()
}

fn names<'c>(checkpoint: &'c Checkpoint<'_>) -> Vec<&'c str> {
    checkpoint
        .tensors
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect()
}

fn layers<'c>(checkpoint: &'c Checkpoint<'_>) -> Vec<(&'c str, &'c str, usize)> {
    let layers = checkpoint.layers.iter();
    let described = layers.map(|layer| {
        let class = layer.class.as_deref().unwrap_or("?");
        (layer.name.as_str(), class, layer.tensors.len())
    });
    described.collect()
}

/// The variables of the nested model by their own names.
const NESTED: [&str; 12] = [
    "stem/kernel",
    "stem/bias",
    "block1_sepconv1/depthwise_kernel",
    "block1_sepconv1/pointwise_kernel",
    "block1_sepconv1_bn/gamma",
    "block1_sepconv1_bn/beta",
    "block1_sepconv1_bn/moving_mean",
    "block1_sepconv1_bn/moving_variance",
    "zeta/kernel",
    "zeta/bias",
    "alpha/kernel",
    "alpha/bias",
];

fn config() -> String {
    String::from_utf8(golden("nested.config.json")).unwrap()
}

#[test]
fn keras_3_weights_with_their_configuration() {
    let bytes = golden("nested.weights.h5");
    let checkpoint = read(&bytes, Some(&config())).unwrap();
    assert_eq!(names(&checkpoint), NESTED);
    assert_eq!(checkpoint.order, LayerOrder::Listed);
    assert_eq!(checkpoint.skipped, 2);
    let expected = [
        ("image", "input_layer", 0),
        ("stem", "conv2d", 2),
        ("backbone", "functional", 0),
        ("input_layer", "input_layer", 0),
        ("block1_sepconv1", "separable_conv2d", 2),
        ("block1_sepconv1_bn", "batch_normalization", 4),
        ("zeta", "dense", 2),
        ("alpha", "dense", 2),
    ];
    assert_eq!(layers(&checkpoint), expected);
}

#[test]
fn keras_3_weights_alone() {
    let bytes = golden("nested.weights.h5");
    let checkpoint = read(&bytes, None).unwrap();
    assert_eq!(names(&checkpoint), NESTED);
    assert_eq!(checkpoint.order, LayerOrder::Written);
    let separable = checkpoint
        .tensors
        .iter()
        .find(|tensor| tensor.name.contains("depthwise"))
        .unwrap();
    let path = "/layers/functional/layers/separable_conv2d/vars/0";
    assert_eq!(
        (separable.dataset.path(), separable.dataset.shape()),
        (path, &[3, 3, 2, 1][..])
    );
}

#[test]
fn a_configuration_of_another_model_is_refused() {
    let bytes = golden("nested.weights.h5");
    let other = config().replace("\"zeta\"", "\"omega\"");
    let error = read(&bytes, Some(&other)).err().unwrap().to_string();
    assert_eq!(
        error,
        "its config.json calls the layer of /layers/dense \"omega\", the weights call it \"zeta\""
    );
}

#[test]
fn the_tenth_layer_comes_after_the_second() {
    let bytes = golden("twelve.weights.h5.gz");
    let checkpoint = read(&bytes, None).unwrap();
    let expected: Vec<String> = (0..12).map(|i| format!("layer_{i}/kernel")).collect();
    assert_eq!(names(&checkpoint), expected);
}

#[test]
fn legacy_weights() {
    let bytes = golden("legacy_weights.h5");
    let checkpoint = read(&bytes, None).unwrap();
    assert_eq!(names(&checkpoint), NESTED);
    assert_eq!(checkpoint.order, LayerOrder::Listed);
    assert_eq!(layers(&checkpoint)[1], ("stem", "?", 2));
    let checkpoint = read(&bytes, Some(&config())).unwrap();
    assert_eq!(layers(&checkpoint)[2], ("block1_sepconv1", "separable_conv2d", 2));
}

#[test]
fn a_legacy_model() {
    let bytes = golden("keras2_model.h5");
    let checkpoint = read(&bytes, None).unwrap();
    let expected = [
        "conv2d/kernel",
        "conv2d/bias",
        "bn1/gamma",
        "bn1/moving_mean",
        "inner/conv_10/kernel",
        "dense/kernel",
    ];
    assert_eq!(names(&checkpoint), expected);
    assert_eq!(checkpoint.skipped, 1);
    let expected = [
        ("input_1", "input_layer", 0),
        ("conv2d", "conv2d", 2),
        ("bn1", "batch_normalization", 2),
        ("inner/conv_10", "conv2d", 1),
        ("dense", "dense", 1),
    ];
    assert_eq!(layers(&checkpoint), expected);
}

#[test]
fn every_tensor_has_its_values() {
    for name in [
        "nested.weights.h5",
        "twelve.weights.h5.gz",
        "legacy_weights.h5",
        "keras2_model.h5",
    ] {
        let bytes = golden(name);
        let checkpoint = read(&bytes, None).unwrap();
        assert!(!checkpoint.tensors.is_empty());
        for tensor in &checkpoint.tensors {
            let dataset = &tensor.dataset;
            let Contents::InFile(range) = dataset.contents().unwrap() else {
                panic!("{} is contiguous", tensor.name);
            };
            assert_eq!(dataset.number(), Number::F32, "{}", tensor.name);
            let count = dataset.shape().iter().product();
            assert_eq!(
                bytes[range],
                formula(dataset.path(), count)[..],
                "{}",
                tensor.name
            );
        }
    }
}

#[test]
fn files_of_something_else_are_refused() {
    let file = "../marque-hdf5/tests/golden/hdf5/links.h5";
    let bytes = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let error = read(&bytes, None).err().unwrap().to_string();
    assert!(error.contains("/links/"), "{error}");
    assert!(matches!(
        read(b"PK", None),
        Err(KerasError::Hdf5(marque_hdf5::Error::NotHdf5))
    ));
    let nested = golden("nested.weights.h5");
    assert!(matches!(read(&nested, Some("{")), Err(KerasError::Config(_))));
}
