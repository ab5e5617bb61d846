"""Writes scikit-learn's answers on data sets that a formula makes, all in results.json, and versions.txt.

`tests/it/formula.rs` makes the same data sets: labels and probabilities in f64 follow from whole numbers by additions,
one division and one multiplication, which round alike everywhere. Needs numpy, scipy and scikit-learn. Run without
arguments; the files appear beside this script.
"""

import json
import platform
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.metrics._base import _average_multiclass_ovo_score
from sklearn.metrics._ranking import _binary_roc_auc_score

HERE = Path(__file__).resolve().parent
# samples, classes (of the probabilities), classes that labels are drawn from, levels of a probability, knowledge
CASES = {
    "random": (500, 7, 7, 1 << 20, 0),
    "clever": (400, 12, 12, 1 << 20, 2),
    "imbalanced": (600, 5, -5, 1 << 20, 1),
    "ties": (300, 6, 6, 4, 1),
    "perfect": (90, 4, 4, 0, 1),
    "worst": (90, 4, 4, 0, -1),
    "absent": (120, 6, 4, 1 << 10, 1),
    "single": (40, 3, 1, 1 << 10, 1),
    "two": (200, 2, 2, 1 << 20, 1),
    "one_sample": (1, 3, 3, 1 << 10, 0),
    "thousand": (3000, 1000, 1000, 1 << 10, 3),
}


def splitmix(index):
    bits = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def data(samples, classes, label_classes, levels, knowledge):
    """Weights of 1 to `levels`, each of which sums to 1 with its row; the label's is multiplied by what is known."""
    draws = splitmix(np.arange(samples))
    if label_classes > 0:
        labels = (draws % np.uint64(label_classes)).astype(np.int64)
    else:
        # Class 0 has half of the samples, class 1 a quarter, and so on.
        bits = draws[:, None] >> np.arange(-label_classes - 1).astype(np.uint64) & np.uint64(1)
        labels = np.cumprod(bits, axis=1).sum(axis=1).astype(np.int64)
    if levels == 0:
        chosen = labels if knowledge > 0 else (labels + 1) % classes
        return labels, np.eye(classes)[chosen]
    draws = splitmix(samples + np.arange(samples * classes)).reshape(samples, classes)
    weights = (draws % np.uint64(levels)).astype(np.int64) + 1
    weights[np.arange(samples), labels] *= 1 + knowledge
    return labels, weights / weights.sum(axis=1, keepdims=True)


def number(value):
    return None if value is None or np.isnan(value) else float(value)


def several(values):
    """Few numbers as they are; many as their sum and their sum weighted by place."""
    values = np.array([np.nan if value is None else value for value in values], dtype=float)
    if len(values) <= 12:
        return [number(value) for value in values]
    filled = np.where(np.isnan(values), -1.0, values)
    return [float(filled.sum()), float((filled * np.arange(1, len(values) + 1)).sum() / len(values))]


def f_beta(labels, predicted, classes):
    answer = {}
    for beta in (2.0,):
        for name, zero_division in (("zero", 0), ("one", 1), ("undefined", np.nan)):
            for average in (None, "macro", "micro", "weighted"):
                scores = metrics.precision_recall_fscore_support(
                    labels, predicted, beta=beta, labels=classes, average=average, zero_division=zero_division
                )[:3]
                key = f"{beta} {name} {average}"
                answer[key] = [several(np.atleast_1d(score)) for score in scores]
    return answer


def curve(*columns):
    """The length of a curve, and the sum of each of its columns, infinity left out."""
    return [len(columns[0])] + [float(column[np.isfinite(column)].sum()) for column in columns]


def curves(indicator, scores):
    if indicator.all() or not indicator.any():
        return None
    return curve(*metrics.roc_curve(indicator, scores)), curve(*metrics.precision_recall_curve(indicator, scores))


def of_case(labels, probabilities):
    samples, num_classes = probabilities.shape
    classes = list(range(num_classes))
    predicted = probabilities.argmax(axis=1)
    truth = np.eye(num_classes, dtype=int)[labels]
    # Pairs of a thousand classes would take scikit-learn a quarter of an hour.
    present = len(set(labels)) > 1 and num_classes < 100
    areas = [number(metrics.roc_auc_score(truth[:, c], probabilities[:, c])) for c in classes]
    one_versus_one = lambda average: float(
        _average_multiclass_ovo_score(_binary_roc_auc_score, labels, probabilities, average)
    )
    precisions = [metrics.average_precision_score(truth[:, c], probabilities[:, c]) for c in classes]
    top = lambda k: float(metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=classes))
    average_precision = lambda way: float(metrics.average_precision_score(truth, probabilities, average=way))
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, predicted)),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "brier_score": float(metrics.brier_score_loss(labels, probabilities, labels=classes)),
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        "kappa": [
            number(metrics.cohen_kappa_score(labels, predicted, labels=classes, weights=weights))
            for weights in (None, "linear", "quadratic")
        ],
        "top_k": [top(k) for k in (1, 2, 3, 5) if k < num_classes] if num_classes > 2 else [],
        "auc": several(areas),
        "average_precision": several([p if s else None for p, s in zip(precisions, truth.any(axis=0))]),
        "averages": {
            "macro": average_precision("macro"),
            "weighted": average_precision("weighted"),
            "micro": average_precision("micro"),
        },
        "auc_averages": {
            "macro_ovr": number(metrics.roc_auc_score(truth, probabilities, average="macro")),
            "weighted_ovr": number(metrics.roc_auc_score(truth, probabilities, average="weighted")),
            "micro": number(metrics.roc_auc_score(truth, probabilities, average="micro")),
            "macro_ovo": one_versus_one("macro") if present else None,
            "weighted_ovo": one_versus_one("weighted") if present else None,
        },
        "f_beta": f_beta(labels, predicted, classes),
        "normalized": [
            several(metrics.confusion_matrix(labels, predicted, labels=classes, normalize=way).ravel())
            for way in ("true", "pred", "all")
        ],
        "curves": curves(truth[:, 0], probabilities[:, 0]),
        "micro_curves": curves(truth.ravel(), probabilities.ravel()) if samples * num_classes < 10_000 else None,
    }


def main():
    warnings.simplefilter("ignore")
    answer = {"cases": {name: of_case(*data(*case)) for name, case in CASES.items()}}
    pairs = [(0, 1), (1, 3), (5, 5), (3, 12), (17, 40), (120, 160), (400, 700), (9_900, 10_200), (498_000, 502_000)]
    answer["mcnemar"] = [[a, b, float(binomtest(a, a + b, 0.5).pvalue)] for a, b in pairs]
    (HERE / "results.json").write_text(json.dumps(answer, separators=(",", ":")) + "\n")
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
    (HERE / "versions.txt").write_text("".join(f"{name} {version}\n" for name, version in versions.items()))


if __name__ == "__main__":
    main()
