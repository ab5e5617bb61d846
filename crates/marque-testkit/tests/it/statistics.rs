//! Statistics of batch norms are decoded to the same bits in Rust and in Python.

use marque_testkit::{Error, Golden, Tolerance, assert_close, statistics};
use ndarray::Array1;

const LAYERS: [(&str, usize); 4] = [("every_code", 256), ("single", 1), ("alike", 5), ("usual", 96)];

fn golden() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "statistics/io.safetensors").unwrap()
}

#[test]
fn every_layer_has_the_bits_of_its_python_twin() {
    let golden = golden();
    let found = statistics::unpack(&golden, &LAYERS.map(|(_, channels)| channels)).unwrap();
    assert_eq!(found.len(), LAYERS.len());
    for ((layer, _), found) in LAYERS.iter().zip(found) {
        for (role, values) in [("running_mean", found.mean), ("running_var", found.variance)] {
            let name = format!("{layer}.{role}");
            let expected = golden.f32(&name).unwrap();
            let found = Array1::from(values).into_dyn();
            assert_close(&name, found.view(), expected.view(), Tolerance::exact());
        }
    }
}

#[test]
fn other_layers_are_an_error() {
    for channels in [&[256, 1, 5, 95][..], &[256, 1, 101], &[]] {
        let error = statistics::unpack(&golden(), channels).unwrap_err();
        assert!(
            matches!(&error, Error::Shape { found, .. } if found == "358 channels and ranges of shape [4, 4]"),
            "{error}"
        );
    }
}
