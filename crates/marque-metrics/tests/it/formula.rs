//! Every metric equals scikit-learn's on data sets that a formula makes; see `golden/formula/generate.py`.

use marque_metrics::{
    Average, ConfusionMatrix, KappaWeights, McNemar, Metrics, Normalize, PrecisionRecallCurve, RocCurve,
    ZeroDivision,
};
use ndarray::{Array1, Array2};
use serde_json::Value;

/// Both sides compute in f64; the order of up to some ten thousand additions of numbers below 1 differs.
const TOLERANCE: f64 = 1e-12;

/// Samples, classes, classes that labels are drawn from, levels of a probability, knowledge: as in the script.
const CASES: [(&str, [i64; 5]); 11] = [
    ("random", [500, 7, 7, 1 << 20, 0]),
    ("clever", [400, 12, 12, 1 << 20, 2]),
    ("imbalanced", [600, 5, -5, 1 << 20, 1]),
    ("ties", [300, 6, 6, 4, 1]),
    ("perfect", [90, 4, 4, 0, 1]),
    ("worst", [90, 4, 4, 0, -1]),
    ("absent", [120, 6, 4, 1 << 10, 1]),
    ("single", [40, 3, 1, 1 << 10, 1]),
    ("two", [200, 2, 2, 1 << 20, 1]),
    ("one_sample", [1, 3, 3, 1 << 10, 0]),
    ("thousand", [3000, 1000, 1000, 1 << 10, 3]),
];

fn splitmix(index: u64) -> u64 {
    let bits = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn data([samples, classes, label_classes, levels, knowledge]: [i64; 5]) -> (Vec<usize>, Array2<f64>) {
    let label = |sample: u64| {
        let draw = splitmix(sample);
        if label_classes > 0 {
            (draw % label_classes as u64) as usize
        } else {
            let most = (-label_classes - 1) as u32;
            (draw.trailing_ones()).min(most) as usize
        }
    };
    let labels: Vec<usize> = (0..samples as u64).map(label).collect();
    let size = (labels.len(), classes as usize);
    if levels == 0 {
        let chosen = |sample: usize| match knowledge > 0 {
            true => labels[sample],
            false => (labels[sample] + 1) % size.1,
        };
        let one_hot = Array2::from_shape_fn(size, |(sample, class)| {
            f64::from(u8::from(chosen(sample) == class))
        });
        return (labels, one_hot);
    }
    let mut weights = Array2::from_shape_fn(size, |(sample, class)| {
        let draw = splitmix((samples + sample as i64 * classes + class as i64) as u64);
        ((draw % levels as u64) as i64 + 1) as f64
    });
    for (sample, mut row) in weights.outer_iter_mut().enumerate() {
        row[labels[sample]] *= (1 + knowledge) as f64;
        // Sums of whole numbers are exact in any order.
        let sum = row.sum();
        row /= sum;
    }
    (labels, weights)
}

fn compare(place: &str, found: Option<f64>, expected: &Value) {
    match (found, expected.as_f64()) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0) => {}
        _ => panic!("{place}: found {found:?}, expected {expected}"),
    }
}

/// As `several` of the script.
fn compare_several(place: &str, found: &[Option<f64>], expected: &Value) {
    let expected = expected.as_array().unwrap();
    if found.len() <= 12 {
        assert_eq!(found.len(), expected.len(), "{place}");
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            compare(&format!("{place} {index}"), *found, expected);
        }
        return;
    }
    let filled = || found.iter().map(|value| value.unwrap_or(-1.0));
    let weighted: f64 = filled()
        .zip(1..)
        .map(|(value, place)| value * f64::from(place))
        .sum();
    compare(&format!("{place} sum"), Some(filled().sum()), &expected[0]);
    compare(
        &format!("{place} weighted"),
        Some(weighted / found.len() as f64),
        &expected[1],
    );
}

fn predicted(probabilities: &Array2<f64>) -> Vec<usize> {
    let first_of_the_largest = |row: ndarray::ArrayView1<'_, f64>| {
        (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
    };
    probabilities.outer_iter().map(first_of_the_largest).collect()
}

fn of_counts(name: &str, confusion: &ConfusionMatrix, expected: &Value) {
    compare(
        &format!("{name} accuracy"),
        confusion.accuracy(),
        &expected["accuracy"],
    );
    compare(
        &format!("{name} balanced accuracy"),
        confusion.balanced_accuracy(),
        &expected["balanced_accuracy"],
    );
    compare(
        &format!("{name} mcc"),
        confusion.matthews_correlation(),
        &expected["mcc"],
    );
    let kappas = [
        confusion.cohen_kappa(),
        confusion.weighted_kappa(KappaWeights::Linear),
        confusion.weighted_kappa(KappaWeights::Quadratic),
    ];
    compare_several(&format!("{name} kappa"), &kappas, &expected["kappa"]);
    for (way, expected) in [Normalize::TrueClass, Normalize::PredictedClass, Normalize::All]
        .into_iter()
        .zip(expected["normalized"].as_array().unwrap())
    {
        let found: Vec<Option<f64>> = confusion.normalized(way).iter().copied().map(Some).collect();
        compare_several(&format!("{name} {way:?}"), &found, expected);
    }
    for (zero_name, zero) in [
        ("zero", ZeroDivision::Zero),
        ("one", ZeroDivision::One),
        ("undefined", ZeroDivision::Undefined),
    ] {
        let of = |average: &str| &expected["f_beta"][format!("2.0 {zero_name} {average}")];
        let classes = confusion.f_beta_scores(2.0, zero).unwrap();
        for (index, score) in [
            classes.iter().map(|class| class.precision).collect::<Vec<_>>(),
            classes.iter().map(|class| class.recall).collect(),
            classes.iter().map(|class| class.f_beta).collect(),
        ]
        .iter()
        .enumerate()
        {
            compare_several(&format!("{name} {zero_name} {index}"), score, &of("None")[index]);
        }
        for (average_name, average) in [
            ("macro", Average::Macro),
            ("micro", Average::Micro),
            ("weighted", Average::Weighted),
        ] {
            let found = confusion.f_beta_average(average, 2.0, zero).unwrap();
            let found = [found.precision, found.recall, found.f_beta];
            for (index, found) in found.into_iter().enumerate() {
                let place = format!("{name} {zero_name} {average_name} {index}");
                compare(&place, found, &of(average_name)[index][0]);
            }
        }
    }
}

fn of_ranks(name: &str, metrics: &Metrics, expected: &Value) {
    for (key, found) in [
        ("log_loss", Some(metrics.log_loss)),
        ("brier_score", metrics.brier_score),
        ("accuracy", Some(metrics.accuracy)),
    ] {
        compare(&format!("{name} {key}"), found, &expected[key]);
    }
    let areas: Vec<Option<f64>> = metrics.per_class.iter().map(|class| class.auc).collect();
    compare_several(&format!("{name} auc"), &areas, &expected["auc"]);
    let precisions: Vec<Option<f64>> = metrics
        .per_class
        .iter()
        .map(|class| class.average_precision)
        .collect();
    compare_several(
        &format!("{name} average precision"),
        &precisions,
        &expected["average_precision"],
    );
    let found = serde_json::to_value(metrics.auc).unwrap();
    for (key, expected) in expected["auc_averages"].as_object().unwrap() {
        if expected.is_null() {
            continue;
        }
        compare(&format!("{name} {key}"), found[key].as_f64(), expected);
    }
}

/// Curves as the script sums them up: their lengths and the sums of their columns without infinity.
fn compare_curves(place: &str, positive: &[bool], scores: Array1<f64>, expected: &Value) {
    let roc = RocCurve::of(positive, scores.view()).unwrap();
    let recalls = PrecisionRecallCurve::of(positive, scores.view()).unwrap();
    if expected.is_null() {
        assert!(roc.is_none(), "{place}");
        return;
    }
    let (roc, recalls) = (roc.unwrap(), recalls.unwrap());
    let summed = |columns: [&[f64]; 3]| {
        let finite = |column: &[f64]| column.iter().filter(|value| value.is_finite()).sum::<f64>();
        let sums = columns.map(finite).map(Some);
        [&[Some(columns[0].len() as f64)][..], &sums].concat()
    };
    let found = summed([&roc.false_positive_rate, &roc.true_positive_rate, &roc.thresholds]);
    compare_several(&format!("{place} roc"), &found, &expected[0]);
    let found = summed([&recalls.precision, &recalls.recall, &recalls.thresholds]);
    compare_several(&format!("{place} precision recall"), &found, &expected[1]);
}

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/formula/results.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_metric_equals_scikit_learns() {
    let golden = golden();
    assert_eq!(golden["cases"].as_object().unwrap().len(), CASES.len());
    for (name, case) in CASES {
        let expected = &golden["cases"][name];
        let (labels, probabilities) = data(case);
        let classes = probabilities.ncols();
        let confusion = ConfusionMatrix::from_labels(classes, &labels, &predicted(&probabilities)).unwrap();
        of_counts(name, &confusion, expected);
        let class_names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let metrics = Metrics::from_probabilities(&class_names, &labels, probabilities.view()).unwrap();
        of_ranks(name, &metrics, expected);
        let first: Vec<bool> = labels.iter().map(|&label| label == 0).collect();
        compare_curves(
            name,
            &first,
            probabilities.column(0).to_owned(),
            &expected["curves"],
        );
        if !expected["micro_curves"].is_null() {
            let pairs = labels
                .iter()
                .flat_map(|&label| (0..classes).map(move |class| label == class));
            let scores = Array1::from_iter(probabilities.iter().copied());
            let place = format!("{name} micro");
            compare_curves(
                &place,
                &pairs.collect::<Vec<_>>(),
                scores,
                &expected["micro_curves"],
            );
        }
    }
}

#[test]
fn mcnemars_test_equals_scipys_binomial_test() {
    let golden = golden();
    let pairs = golden["mcnemar"].as_array().unwrap();
    assert_eq!(pairs.len(), 9);
    for pair in pairs {
        let [first, second] = [0, 1].map(|index| pair[index].as_u64().unwrap() as usize);
        let one_right = |first_one: bool| [vec![first_one; first], vec![!first_one; second]].concat();
        let found = McNemar::of(&one_right(true), &one_right(false)).unwrap();
        assert_eq!(
            [found.only_first_right, found.only_second_right],
            [first as u64, second as u64]
        );
        let expected = pair[2].as_f64().unwrap();
        // A sum of up to a million terms, each from logarithms of factorials.
        let error = (found.p_value - expected).abs() / expected;
        assert!(error < 1e-8, "{first} {second}: {} {expected}", found.p_value);
    }
}
