"""Times scikit-learn on the predictions of the criterion bench `metrics`, one thread; prints JSON.

    OMP_NUM_THREADS=1 python scikit_learn.py

Everything that `metrics.json` has is asked for. Nothing is computed twice that a careful user would compute once: averages over
the classes come from the classes, both averages over pairs of classes from the pairs.
"""

import json
import time
import warnings

import numpy as np
import sklearn
from sklearn import metrics

SAMPLES, CLASSES, REPEATS = 1_000_000, 7, 3


def uniform(index):
    """Numbers from 0 to 1 that look random, the same as in metrics.rs (splitmix64)."""
    bits = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def predictions():
    samples = np.arange(SAMPLES)
    labels = (uniform(samples) * CLASSES).astype(np.int64)
    noise = uniform(SAMPLES + np.arange(SAMPLES * CLASSES)).reshape(SAMPLES, CLASSES)
    knowledge = 3.0 * (labels[:, None] == np.arange(CLASSES))
    weights = np.exp(6.0 * noise + knowledge).astype(np.float32)
    return labels, weights / weights.sum(axis=1, keepdims=True)


def calibration_errors(labels, predicted, probabilities):
    """The expected and the maximum calibration error over 15 bins; scikit-learn has neither."""
    confidence = probabilities.max(axis=1)
    bins = np.digitize(confidence, np.arange(1, 15, dtype=np.float32) / np.float32(15), right=True)
    correct = np.bincount(bins, predicted == labels, 15)
    gaps = np.abs(correct - np.bincount(bins, confidence, 15))
    count = np.bincount(bins, minlength=15)
    return gaps.sum() / len(labels), (gaps[count > 0] / count[count > 0]).max()


def areas_of_pairs(labels, probabilities):
    """One against one (Hand and Till 2001): the mean area of each pair of classes, and the share of its samples."""
    areas, shares = [], []
    for first in range(CLASSES):
        for second in range(first + 1, CLASSES):
            either = (labels == first) | (labels == second)
            truth = labels[either] == first
            one = metrics.roc_auc_score(truth, probabilities[either, first])
            other = metrics.roc_auc_score(~truth, probabilities[either, second])
            areas.append((one + other) / 2)
            shares.append(either.mean())
    return np.array(areas), np.array(shares)


def everything(labels, probabilities):
    classes = list(range(CLASSES))
    predicted = probabilities.argmax(axis=1)
    truth = np.eye(CLASSES, dtype=np.int8)[labels]
    areas = np.array([metrics.roc_auc_score(truth[:, c], probabilities[:, c]) for c in classes])
    precisions = np.array([metrics.average_precision_score(truth[:, c], probabilities[:, c]) for c in classes])
    pairs, shares = areas_of_pairs(labels, probabilities)
    per_class = metrics.precision_recall_fscore_support(labels, predicted, labels=classes)
    support = per_class[3]
    ece, mce = calibration_errors(labels, predicted, probabilities)
    return {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, probabilities, labels=classes),
        "top5_accuracy": metrics.top_k_accuracy_score(labels, probabilities, k=5, labels=classes),
        "macro": [np.mean(values) for values in per_class[:3]],
        "weighted": [np.average(values, weights=support) for values in per_class[:3]],
        "per_class": per_class,
        "auc": areas,
        "average_precision": precisions,
        "macro_average_precision": precisions.mean(),
        "weighted_average_precision": np.average(precisions, weights=support),
        "micro_average_precision": metrics.average_precision_score(truth.ravel(), probabilities.ravel()),
        "macro_ovr": areas.mean(),
        "weighted_ovr": np.average(areas, weights=support),
        "micro": metrics.roc_auc_score(truth.ravel(), probabilities.ravel()),
        "macro_ovo": pairs.mean(),
        "weighted_ovo": np.average(pairs, weights=shares),
        "mcc": metrics.matthews_corrcoef(labels, predicted),
        "cohen_kappa": metrics.cohen_kappa_score(labels, predicted),
        "ece": ece,
        "mce": mce,
        "brier_score": metrics.brier_score_loss(labels, probabilities, labels=classes),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=classes),
    }


def best_seconds(work):
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main():
    warnings.simplefilter("ignore")
    labels, probabilities = predictions()
    answer = everything(labels, probabilities)
    predicted = (uniform(2 * SAMPLES + np.arange(SAMPLES)) * CLASSES).astype(np.int64)
    confusion = lambda: metrics.confusion_matrix(labels, predicted, labels=list(range(CLASSES)))
    print(
        json.dumps(
            {
                "scikit-learn": sklearn.__version__,
                "accuracy": round(answer["accuracy"], 6),
                "micro": answer["micro"],
                "log_loss": round(answer["log_loss"], 6),
                "weighted_ovo": answer["weighted_ovo"],
                "micro_average_precision": answer["micro_average_precision"],
                "mce": answer["mce"],
                "brier_score": answer["brier_score"],
                "metrics_1e6x7_seconds": best_seconds(lambda: everything(labels, probabilities)),
                "confusion_1e6_seconds": best_seconds(confusion),
            }
        )
    )


if __name__ == "__main__":
    main()
