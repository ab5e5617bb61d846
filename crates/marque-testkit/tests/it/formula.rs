//! The formula gives the same bits in Rust and in Python.

use marque_testkit::{Golden, Tolerance, assert_close, formula};

#[test]
fn every_tensor_has_the_bits_of_its_python_twin() {
    let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "formula/io.safetensors").unwrap();
    let mut compared = 0;
    for name in golden.names() {
        let expected = golden.f32(name).unwrap();
        let shape = expected.shape();
        let found = match name.split_once('/').unwrap() {
            ("parameter", parameter) => formula::parameter(parameter, shape),
            ("images", salt) => formula::images([shape[0], shape[1], shape[2], shape[3]], salt).into_dyn(),
            ("symmetric", symmetric) => formula::uniform(symmetric, shape, 0.0, 1.0),
            ("sample", sampled) => {
                formula::sample(formula::uniform(sampled, &[64, 4, 16], 0.0, 1.0).view()).into_dyn()
            }
            (kind, _) => panic!("no formula for {kind}"),
        };
        assert_close(name, found.view(), expected.view(), Tolerance::exact());
        compared += 1;
    }
    assert_eq!(compared, 13);
}

#[test]
fn images_differ_by_place_salt_and_number() {
    let images = formula::images([2, 3, 16, 16], "some");
    let others = formula::images([2, 3, 16, 16], "other");
    assert_ne!(images, others);
    let (first, second) = (
        images.index_axis(ndarray::Axis(0), 0),
        images.index_axis(ndarray::Axis(0), 1),
    );
    assert_ne!(first, second);
    assert_eq!(
        first,
        formula::images([1, 3, 16, 16], "some").index_axis(ndarray::Axis(0), 0),
        "of any batch"
    );
}
