//! Every number and every character equals scikit-learn's on the golden cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use approx::abs_diff_eq;
use marque_metrics::{ClassificationReport, ConfusionMatrix, Metrics, Normalize, Predictions};
use ndarray::Array2;
use serde::Deserialize;
use serde_json::Value;

/// Both sides compute in f64 from the same whole numbers; only the order of up to a thousand additions differs.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    class_names: Vec<String>,
    labels: Vec<usize>,
    predicted: Vec<usize>,
    probabilities: Option<Vec<Vec<f32>>>,
    normalized: Option<BTreeMap<String, Value>>,
    expected: Value,
}

impl Case {
    fn confusion(&self) -> ConfusionMatrix {
        ConfusionMatrix::from_labels(self.class_names.len(), &self.labels, &self.predicted).unwrap()
    }

    fn probabilities(&self) -> Option<Array2<f32>> {
        let rows = self.probabilities.as_ref()?;
        Some(Array2::from_shape_vec((rows.len(), self.class_names.len()), rows.concat()).unwrap())
    }

    fn metrics(&self) -> Option<Metrics> {
        let probabilities = self.probabilities()?;
        Some(Metrics::from_probabilities(&self.class_names, &self.labels, probabilities.view()).unwrap())
    }
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/classification");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 18, "{paths:?}");
    paths
        .into_iter()
        .map(|path| {
            let case = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), case)
        })
        .collect()
}

/// Compares what `expected` holds; `found` may hold more. Null, text and whole numbers must be equal.
fn assert_matches(place: &str, found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (key, expected) in expected {
                assert_matches(&format!("{place}.{key}"), &found[key], expected);
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_matches(&format!("{place}[{index}]"), found, expected);
            }
        }
        (Value::Number(found), Value::Number(expected)) if found.is_f64() => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!(
                abs_diff_eq!(found, expected, epsilon = TOLERANCE),
                "{place}: {found}, expected {expected}"
            );
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

#[test]
fn metrics_equal_scikit_learns() {
    let mut compared = 0;
    for (name, case) in cases() {
        let Some(metrics) = case.metrics() else { continue };
        let mut expected = case.expected.clone();
        expected.as_object_mut().unwrap().remove("reports");
        let found = serde_json::to_value(&metrics).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(&expected), "{name}");
        assert_matches(&name, &found, &expected);
        compared += 1;
    }
    assert_eq!(compared, 16);
}

#[test]
fn scores_from_labels_alone_equal_scikit_learns() {
    for (name, case) in cases() {
        let matrix = case.confusion();
        let found = serde_json::json!({
            "accuracy": matrix.accuracy(),
            "balanced_accuracy": matrix.balanced_accuracy(),
            "macro": matrix.macro_average(),
            "weighted": matrix.weighted_average(),
            "mcc": matrix.matthews_correlation(),
            "cohen_kappa": matrix.cohen_kappa(),
            "confusion": matrix.to_rows(),
        });
        for key in found.as_object().unwrap().keys() {
            assert_matches(&format!("{name}.{key}"), &found[key], &case.expected[key]);
        }
        let expected = case.expected["per_class"].as_array().unwrap();
        assert_eq!(matrix.class_scores().len(), expected.len());
        for (scores, expected) in matrix.class_scores().iter().zip(expected) {
            let scores = serde_json::to_value(scores).unwrap();
            for key in ["precision", "recall", "f1", "support"] {
                assert_matches(&format!("{name}.per_class.{key}"), &scores[key], &expected[key]);
            }
        }
    }
}

/// The text report rounds averages to a few digits; where one lies half-way, its last bit decides.
#[test]
fn averages_equal_scikit_learns_to_the_last_bit() {
    for (name, case) in cases() {
        let matrix = case.confusion();
        let [macro_average, weighted_average] = [matrix.macro_average(), matrix.weighted_average()]
            .map(|averages| serde_json::to_value(averages).unwrap());
        assert_eq!(macro_average, case.expected["macro"], "{name}");
        assert_eq!(weighted_average, case.expected["weighted"], "{name}");
        assert_eq!(
            matrix.balanced_accuracy(),
            case.expected["balanced_accuracy"].as_f64(),
            "{name}"
        );
    }
}

#[test]
fn reports_equal_scikit_learns_character_by_character() {
    for (name, case) in cases() {
        let from_matrix = ClassificationReport::new(&case.confusion(), &case.class_names).unwrap();
        let reports = [
            Some(from_matrix),
            case.metrics().map(|metrics| metrics.classification_report()),
        ];
        for report in reports.into_iter().flatten() {
            for digits in [2, 4] {
                let expected = case.expected["reports"][digits.to_string()].as_str().unwrap();
                let found = report.clone().with_digits(digits).to_string();
                assert!(
                    found == expected,
                    "{name}, {digits} digits:\n{found}\nexpected:\n{expected}"
                );
            }
        }
    }
}

#[test]
fn normalized_matrices_equal_scikit_learns() {
    let mut compared = 0;
    for (name, case) in cases() {
        let Some(normalized) = &case.normalized else {
            continue;
        };
        for (way, expected) in normalized {
            let normalize = match way.as_str() {
                "true" => Normalize::TrueClass,
                "pred" => Normalize::PredictedClass,
                "all" => Normalize::All,
                other => panic!("{name}: {other}"),
            };
            let found = case.confusion().normalized(normalize);
            let found: Vec<Vec<f64>> = found.rows().into_iter().map(|row| row.to_vec()).collect();
            assert_matches(&format!("{name}.{way}"), &found.into(), expected);
            compared += 1;
        }
    }
    assert_eq!(compared, 3 * 16);
}

#[test]
fn predictions_survive_the_table_bit_by_bit() {
    for (name, case) in cases() {
        let Some(probabilities) = case.probabilities() else {
            continue;
        };
        let paths = (0..case.labels.len())
            .map(|index| format!("test/\"a, b\"/{index}.jpg"))
            .collect();
        let (class_names, labels) = (case.class_names.clone(), case.labels.clone());
        let predictions = Predictions {
            class_names,
            paths,
            labels,
            probabilities,
        };
        assert_eq!(predictions.predicted().unwrap(), case.predicted, "{name}");
        let mut table = Vec::new();
        predictions.write_csv(&mut table).unwrap();
        let read = Predictions::read_csv(&table[..]).unwrap();
        assert_eq!(read, predictions, "{name}");
        assert_eq!(Some(read.metrics().unwrap()), case.metrics(), "{name}");
    }
}
