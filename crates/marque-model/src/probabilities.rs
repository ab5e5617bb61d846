use ndarray::{Array2, Axis};

/// Class probabilities of logits, N×K → N×K: each row is e^x over its sum, and sums to 1. The largest logit is subtracted first, so
/// that no finite logits overflow.
///
/// ```
/// let probabilities = marque_model::softmax(ndarray::array![[1000.0, 1000.0], [0.0, f32::NEG_INFINITY]]);
/// assert_eq!(probabilities, ndarray::array![[0.5, 0.5], [1.0, 0.0]]);
/// ```
pub fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.axis_iter_mut(Axis(0)) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|logit| (logit - largest).exp());
        let sum = row.sum();
        row.mapv_inplace(|exponential| exponential / sum);
    }
    logits
}
