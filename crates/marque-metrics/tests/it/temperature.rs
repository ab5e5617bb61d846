//! Temperatures are those that PyTorch's L-BFGS finds.

use std::collections::BTreeMap;
use std::path::Path;

use marque_metrics::Predictions;
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    probabilities: Vec<Vec<f32>>,
    labels: Vec<usize>,
    temperature: f64,
    tempered: Vec<Vec<f32>>,
}

fn array(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn temperatures_are_those_of_the_reference() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/temperature/cases.json");
    let cases: BTreeMap<String, Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(cases.len(), 3);
    for (name, case) in cases {
        let predictions = Predictions {
            class_names: (0..7).map(|class| format!("class {class}")).collect(),
            paths: vec![String::new(); case.labels.len()],
            labels: case.labels,
            probabilities: array(&case.probabilities),
        };
        let found = predictions.temperature().unwrap();
        // The reference has logits in double precision; here are their probabilities in single: 6e-8 of them, and of the temperature.
        assert!(
            (found / case.temperature - 1.0).abs() < 1e-6,
            "{name}: {found} {}",
            case.temperature
        );
        let tempered = predictions.tempered(case.temperature).probabilities;
        for (found, expected) in tempered.iter().zip(&array(&case.tempered)) {
            assert!((found - expected).abs() < 1e-6, "{name}: {found} {expected}");
        }
    }
}
