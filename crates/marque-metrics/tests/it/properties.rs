//! What must hold for any data.

use approx::assert_abs_diff_eq;
use marque_metrics::{
    ConfusionMatrix, Error, Metrics, Predictions, ProbabilityTable, RunningMetrics, bootstrap, read_labels,
};
use ndarray::{Array2, Axis, ShapeBuilder};
use proptest::prelude::*;

const CLASSES: usize = 6;

/// Labels and probabilities in twentieths, so that ties are common; the seed of a shuffle comes along.
fn samples() -> impl Strategy<Value = (Vec<usize>, Array2<f32>, u64)> {
    let sample = (0..CLASSES, prop::collection::vec(0_u8..8, CLASSES));
    (prop::collection::vec(sample, 1..60), any::<u64>()).prop_map(|(samples, seed)| {
        let (labels, weights): (Vec<usize>, Vec<Vec<u8>>) = samples.into_iter().unzip();
        let mut probabilities = Array2::from_shape_fn((labels.len(), CLASSES), |(sample, class)| {
            // One more for the first class, so that no row sums to 0.
            f32::from(weights[sample][class]) + if class == 0 { 1.0 } else { 0.0 }
        });
        for mut row in probabilities.axis_iter_mut(Axis(0)) {
            let sum = row.sum();
            row /= sum;
        }
        (labels, probabilities, seed)
    })
}

fn class_names() -> Vec<String> {
    (0..CLASSES).map(|class| format!("class {class}")).collect()
}

/// A permutation that depends on the seed alone (Fisher and Yates, with a linear congruential generator).
fn permutation(length: usize, mut seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (seed >> 33) as usize % (last + 1));
    }
    order
}

proptest! {
    #[test]
    fn merged_sums_are_those_of_the_whole((labels, probabilities, seed) in samples()) {
        let cut = seed as usize % (labels.len() + 1);
        let mut parts = [0, 1].map(|_| RunningMetrics::new(CLASSES).unwrap());
        for (sample, (&label, row)) in labels.iter().zip(probabilities.outer_iter()).enumerate() {
            parts[usize::from(sample >= cut)].record(label, &row.to_vec()).unwrap();
        }
        let [mut merged, last] = parts;
        merged.merge(&last).unwrap();
        let whole = Metrics::from_probabilities(&class_names(), &labels, probabilities.view()).unwrap();
        prop_assert_eq!(merged.confusion().to_rows(), whole.confusion);
        prop_assert_eq!(merged.top5_accuracy(), Some(whole.top5_accuracy));
        // Sums of at most sixty numbers, added in another order.
        for (found, expected) in [
            (merged.log_loss(), Some(whole.log_loss)),
            (merged.brier_score(), whole.brier_score),
            (merged.expected_calibration_error(), Some(whole.ece)),
            (merged.maximum_calibration_error(), whole.mce),
        ] {
            assert_abs_diff_eq!(found.unwrap(), expected.unwrap(), epsilon = 1e-12);
        }
    }

    /// Each interval takes a short way; the long one computes all metrics of every resample.
    #[test]
    fn intervals_are_those_of_the_metrics_of_resamples((labels, probabilities, seed) in samples()) {
        const RESAMPLES: usize = 20;
        const LEVEL: f64 = 0.8;
        let predictions = Predictions {
            class_names: class_names(),
            paths: (0..labels.len()).map(|sample| sample.to_string()).collect(),
            labels: labels.clone(),
            probabilities: probabilities.clone(),
        };
        let naive = |value: fn(&Metrics) -> Option<f64>| {
            bootstrap(labels.len(), RESAMPLES, LEVEL, seed, |indices| {
                let labels: Vec<usize> = indices.iter().map(|&sample| labels[sample]).collect();
                let rows = probabilities.select(Axis(0), indices);
                value(&Metrics::from_probabilities(&class_names(), &labels, rows.view()).unwrap())
            })
        };
        for (name, found, expected) in [
            ("accuracy", predictions.accuracy_interval(RESAMPLES, LEVEL, seed), naive(|m| Some(m.accuracy))),
            ("F1", predictions.macro_f1_interval(RESAMPLES, LEVEL, seed), naive(|m| Some(m.macro_average.f1))),
            ("log loss", predictions.log_loss_interval(RESAMPLES, LEVEL, seed), naive(|m| Some(m.log_loss))),
            ("AUC", predictions.macro_auc_interval(RESAMPLES, LEVEL, seed), naive(|m| m.auc.macro_ovr)),
        ] {
            let found = found.unwrap();
            prop_assert_eq!(found.map(|i| i.resamples), expected.map(|i| i.resamples), "{}", name);
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_abs_diff_eq!(found.lower, expected.lower, epsilon = 1e-12);
                assert_abs_diff_eq!(found.upper, expected.upper, epsilon = 1e-12);
            }
        }
    }

    #[test]
    fn the_order_of_samples_does_not_matter((labels, probabilities, seed) in samples()) {
        let order = permutation(labels.len(), seed);
        let shuffled: Vec<usize> = order.iter().map(|&sample| labels[sample]).collect();
        let rows = probabilities.select(Axis(0), &order);
        let metrics = Metrics::from_probabilities(&class_names(), &labels, probabilities.view()).unwrap();
        let mut other = Metrics::from_probabilities(&class_names(), &shuffled, rows.view()).unwrap();
        // The only sums of rounded numbers in sample order.
        assert_abs_diff_eq!(metrics.log_loss, other.log_loss, epsilon = 1e-13);
        assert_abs_diff_eq!(metrics.ece, other.ece, epsilon = 1e-13);
        assert_abs_diff_eq!(metrics.mce.unwrap(), other.mce.unwrap(), epsilon = 1e-13);
        assert_abs_diff_eq!(metrics.brier_score.unwrap(), other.brier_score.unwrap(), epsilon = 1e-13);
        (other.log_loss, other.ece) = (metrics.log_loss, metrics.ece);
        (other.mce, other.brier_score) = (metrics.mce, metrics.brier_score);
        prop_assert_eq!(metrics, other);
    }

    #[test]
    fn the_layout_in_memory_does_not_matter((labels, probabilities, _) in samples()) {
        let mut columns = Array2::zeros(probabilities.dim().f());
        columns.assign(&probabilities);
        let metrics = Metrics::from_probabilities(&class_names(), &labels, probabilities.view()).unwrap();
        let other = Metrics::from_probabilities(&class_names(), &labels, columns.view()).unwrap();
        prop_assert_eq!(metrics, other);
    }

    #[test]
    fn merged_parts_are_the_whole(pairs in prop::collection::vec((0..CLASSES, 0..CLASSES), 0..99), cut in 0_usize..99) {
        let (truth, predicted): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
        let cut = cut.min(pairs.len());
        let whole = ConfusionMatrix::from_labels(CLASSES, &truth, &predicted).unwrap();
        let mut parts = ConfusionMatrix::from_labels(CLASSES, &truth[..cut], &predicted[..cut]).unwrap();
        parts.merge(&ConfusionMatrix::from_labels(CLASSES, &truth[cut..], &predicted[cut..]).unwrap()).unwrap();
        prop_assert_eq!(&parts, &whole);

        let mut one_by_one = ConfusionMatrix::new(CLASSES).unwrap();
        for (truth, predicted) in pairs {
            one_by_one.record(truth, predicted).unwrap();
        }
        prop_assert_eq!(one_by_one, whole);
    }

    #[test]
    fn every_value_lies_in_its_range((labels, probabilities, _) in samples()) {
        let metrics = Metrics::from_probabilities(&class_names(), &labels, probabilities.view()).unwrap();
        let unit = 0.0..=1.0;
        let certain = [metrics.accuracy, metrics.balanced_accuracy, metrics.top5_accuracy, metrics.ece];
        let auc = metrics.auc;
        let areas = metrics.per_class.iter().flat_map(|class| [class.auc, class.average_precision]);
        let optional = areas.chain([auc.macro_ovr, auc.weighted_ovr, auc.micro]).flatten();
        prop_assert!(certain.into_iter().chain(optional).all(|value| unit.contains(&value)), "{:?}", metrics);
        prop_assert!(metrics.mcc.is_none_or(|value| value.abs() <= 1.0 + 1e-12));
        prop_assert!(metrics.log_loss >= 0.0);
        prop_assert!(metrics.top5_accuracy >= metrics.accuracy);
    }

    #[test]
    fn metrics_survive_json((labels, probabilities, _) in samples()) {
        let metrics = Metrics::from_probabilities(&class_names(), &labels, probabilities.view()).unwrap();
        let read: Metrics = serde_json::from_str(&serde_json::to_string(&metrics).unwrap()).unwrap();
        prop_assert_eq!(read, metrics);
    }

    #[test]
    fn no_table_is_a_panic(text in "(path,true,predicted,confidence,a,b\n)?[ab01.,;\"\n\r\t\u{e9}\u{feff}-]{0,80}") {
        // Whatever is accepted is consistent.
        if let Ok(predictions) = Predictions::read_csv(text.as_bytes()) {
            prop_assert!(predictions.validate().is_ok());
        }
        let class_names = ["a", "b"].map(str::to_owned);
        if let Ok(labels) = read_labels(text.as_bytes(), &class_names) {
            prop_assert!(labels.iter().all(|&label| label < 2));
        }
        if let Ok(table) = ProbabilityTable::read_csv(text.as_bytes()) {
            prop_assert!(!table.probabilities.is_empty());
        }
    }

    /// A table of good rows is read whole; one with a single stroke too many is never read with other rows.
    #[test]
    fn a_damaged_table_is_refused_or_has_its_rows(
        rows in prop::collection::vec(0..3_usize, 1..6),
        stroke in "[ab01.,;\"\n\r-]",
        place: prop::sample::Index,
    ) {
        let lines = ["x,a,a,1.0,1.0,0.0\n", "y,b,a,0.75,0.75,0.25\n", "z,b,b,1.0,0.0,1.0\n"];
        let header = "path,true,predicted,confidence,a,b\n";
        let mut text: String = header.to_owned() + &rows.iter().map(|&row| lines[row]).collect::<String>();
        let good = Predictions::read_csv(text.as_bytes()).unwrap();
        prop_assert_eq!(good.paths.len(), rows.len());
        text.insert_str(place.index(text.len() + 1), &stroke);
        if let Ok(read) = Predictions::read_csv(text.as_bytes()) {
            prop_assert!(read.validate().is_ok());
            prop_assert_eq!(read.paths.len(), rows.len(), "{}", text);
            // A digit more may still be within the tolerance of a sum.
            let differences = &read.probabilities - &good.probabilities;
            prop_assert!(differences.iter().all(|difference| difference.abs() < 2e-3), "{}", text);
        }
    }
}

#[test]
fn the_keys_of_metrics_json_are_in_their_order() {
    let probabilities = Array2::from_elem((1, 1), 1.0);
    let mut metrics = Metrics::from_probabilities(&["Sedan".to_owned()], &[0], probabilities.view()).unwrap();
    // The last digits of a logarithm are the platform's.
    metrics.log_loss = 0.25;
    let expected = concat!(
        r#"{"accuracy":1.0,"balanced_accuracy":1.0,"log_loss":0.25,"top5_accuracy":1.0,"#,
        r#""macro":{"precision":1.0,"recall":1.0,"f1":1.0},"weighted":{"precision":1.0,"recall":1.0,"f1":1.0},"#,
        r#""per_class":[{"name":"Sedan","precision":1.0,"recall":1.0,"f1":1.0,"support":1,"auc":null,"#,
        r#""average_precision":1.0}],"auc":{"macro_ovr":null,"weighted_ovr":null,"micro":null,"macro_ovo":null,"#,
        r#""weighted_ovo":null},"average_precision":{"macro":1.0,"weighted":1.0,"micro":1.0},"mcc":0.0,"#,
        r#""cohen_kappa":null,"ece":0.0,"mce":0.0,"brier_score":0.0,"confusion":[[1]]}"#,
    );
    assert_eq!(serde_json::to_string(&metrics).unwrap(), expected);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let names = class_names();
    let uniform = Array2::from_elem((2, CLASSES), 1.0 / CLASSES as f32);
    let fault = |names: &[String], labels: &[usize], probabilities: &Array2<f32>| {
        Metrics::from_probabilities(names, labels, probabilities.view())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        fault(&names, &[0], &uniform),
        "expected 1 rows of probabilities, one for each label, found 2"
    );
    assert_eq!(
        fault(&names[1..], &[0, 0], &uniform),
        "expected 5 columns of probabilities, one for each class, found 6"
    );
    assert_eq!(
        fault(&names, &[0, 6], &uniform),
        "true label 6 of sample 1 is out of range: expected less than 6"
    );
    assert_eq!(
        fault(&[], &[0], &Array2::zeros((1, 0))),
        "expected at least one class, found none"
    );
    assert_eq!(
        fault(&names, &[], &Array2::zeros((0, CLASSES))),
        "expected at least one sample, found none"
    );
    let logits = Array2::from_elem((1, CLASSES), 2.0);
    assert_eq!(
        fault(&names, &[0], &logits),
        "the probabilities of sample 0 sum to 12: expected 1 within 0.001"
    );
}

#[test]
fn predictions_must_fit_together() {
    let good = Predictions {
        class_names: vec!["a".to_owned(), "b".to_owned()],
        paths: vec!["1.jpg".to_owned()],
        labels: vec![1],
        probabilities: ndarray::array![[0.5, 0.5]],
    };
    assert_eq!(good.predicted().unwrap(), [0]);
    let fault = |change: fn(&mut Predictions)| {
        let mut changed = good.clone();
        change(&mut changed);
        let mut written = Vec::new();
        let error = changed.write_csv(&mut written).unwrap_err();
        assert!(written.is_empty(), "{error}");
        error
    };
    assert!(matches!(fault(|it| it.class_names.clear()), Error::NoClasses));
    assert!(matches!(
        fault(|it| it.class_names[1] = "a".to_owned()),
        Error::DuplicateClass { .. }
    ));
    assert!(matches!(
        fault(|it| it.class_names[1] = " ".to_owned()),
        Error::EmptyClassName { class: 1 }
    ));
    assert!(matches!(
        fault(|it| it.class_names.push("c".to_owned())),
        Error::LengthMismatch { .. }
    ));
    assert!(matches!(
        fault(|it| it.paths.clear()),
        Error::LengthMismatch {
            what: "paths, one for each label",
            ..
        }
    ));
    assert!(matches!(
        fault(|it| it.labels[0] = 2),
        Error::LabelOutOfRange { sample: Some(0), .. }
    ));
    assert!(matches!(
        fault(|it| it.labels.clear()),
        Error::LengthMismatch { .. }
    ));
    assert!(matches!(
        fault(|it| it.probabilities[(0, 1)] = f32::NAN),
        Error::InvalidProbability { .. }
    ));
    assert!(matches!(
        fault(|it| it.probabilities[(0, 1)] = 0.6),
        Error::RowSum { .. }
    ));
}

#[test]
fn a_table_of_predictions_is_refused_with_its_line() {
    let fault = |text: &str| {
        let text = text.replace("HEADER", "path,true,predicted,confidence,a,b");
        let error = Predictions::read_csv(text.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    };
    let columns = "line 1: expected the columns path,true,predicted,confidence, and one per class, found";
    assert_eq!(
        fault("path,true,predicted,confidence\n"),
        format!("{columns} path,true,predicted,confidence")
    );
    assert_eq!(fault("a,b\n"), format!("{columns} a,b"));
    assert_eq!(fault(""), format!("{columns} "));
    assert_eq!(fault("HEADER,a\n"), r#"the class name "a" occurs more than once"#);
    assert_eq!(
        fault("HEADER\nx,a,a,1,1,0\nx,a,a\n"),
        "line 3: expected 6 fields, found 3"
    );
    assert_eq!(
        fault("HEADER\n\"x\ny\",a,a,1,1,0\nx,c,a,1,1,0\n"),
        r#"line 4, column "true": expected the name of a class, found "c""#
    );
    assert_eq!(
        fault("HEADER\nx,a,b,1,1,0\n"),
        r#"line 2, column "predicted": expected the most probable class, found "b""#
    );
    assert_eq!(
        fault("HEADER\nx,a,a,0.9,1,0\n"),
        r#"line 2, column "confidence": expected the probability of the predicted class, found "0.9""#
    );
    assert_eq!(
        fault("HEADER\nx,a,a,1,1,zero\n"),
        r#"line 2, column "b": expected a probability, found "zero""#
    );
    assert_eq!(
        fault("HEADER\nx,a,a,1,0.5,0.5\ny,a,a,1,1,NaN\n").lines().next(),
        Some(r#"line 2, column "confidence": expected the probability of the predicted class, found "1""#)
    );
    assert_eq!(
        fault("HEADER\nx,a,a,1,1,0\ny,a,a,1,1,NaN\n"),
        "line 3: the numbers make no sense: \
         the probability of class 1 of sample 1 is NaN: expected a number from 0 to 1"
    );
}
