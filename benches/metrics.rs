//! Metrics over a million predictions, on one thread. `scikit_learn.py` beside this file times the peer on the
//! same numbers.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints what it has measured"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use marque::metrics::{ConfusionMatrix, Metrics};
use ndarray::{Array2, Axis};

const SAMPLES: usize = 1_000_000;
const CLASSES: usize = 7;

/// A number from 0 to 1 that looks random, the same in `scikit_learn.py` (splitmix64).
fn uniform(index: usize) -> f64 {
    let mut bits = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Labels and the probabilities of a classifier that is right in about six of ten cases.
fn predictions() -> (Vec<usize>, Array2<f32>) {
    let labels: Vec<usize> = (0..SAMPLES)
        .map(|sample| (uniform(sample) * CLASSES as f64) as usize)
        .collect();
    let mut probabilities = Array2::from_shape_fn((SAMPLES, CLASSES), |(sample, class)| {
        let noise = uniform(SAMPLES + sample * CLASSES + class);
        let knowledge = if labels[sample] == class { 3.0 } else { 0.0 };
        (6.0 * noise + knowledge).exp() as f32
    });
    for mut row in probabilities.axis_iter_mut(Axis(0)) {
        let sum = row.sum();
        row /= sum;
    }
    (labels, probabilities)
}

fn metrics(criterion: &mut Criterion) {
    let (labels, probabilities) = predictions();
    let class_names: Vec<String> = (0..CLASSES).map(|class| format!("class {class}")).collect();
    let from_probabilities =
        || Metrics::from_probabilities(black_box(&class_names), black_box(&labels), probabilities.view());
    let first = from_probabilities().expect("probabilities sum to 1");
    println!(
        "accuracy {:.6}, log loss {:.6}, micro AUC {:?}, weighted one-versus-one {:?}",
        first.accuracy, first.log_loss, first.auc.micro, first.auc.weighted_ovo
    );
    println!(
        "micro average precision {:?}, maximum calibration error {:?}, Brier score {:?}",
        first.average_precision.micro, first.mce, first.brier_score
    );
    criterion.bench_function("metrics_1e6x7", |bencher| bencher.iter(from_probabilities));

    let predicted: Vec<usize> = (0..SAMPLES)
        .map(|sample| (uniform(2 * SAMPLES + sample) * CLASSES as f64) as usize)
        .collect();
    criterion.bench_function("confusion_1e6", |bencher| {
        bencher.iter(|| ConfusionMatrix::from_labels(CLASSES, black_box(&labels), black_box(&predicted)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = metrics
}
criterion_main!(benches);
