"""Writes scikit-learn's answers on small data sets, one JSON file per case, and versions.txt.

Needs numpy and scikit-learn. Run without arguments; the files appear beside this script.
"""

import json
import platform
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.metrics._base import _average_multiclass_ovo_score
from sklearn.metrics._ranking import _binary_roc_auc_score

HERE = Path(__file__).resolve().parent
SEVEN = ["Convertible", "Coupe", "Hatchback", "Pickup Truck", "SUV", "Sedan", "Van"]
EPS = np.finfo(np.float32).eps


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def noisy(labels, num_classes, strength, seed):
    """Probabilities that know something about the labels."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), num_classes))
    logits[np.arange(len(labels)), labels] += strength
    return softmax(logits)


def in_eighths(samples, num_classes, seed):
    """Probabilities that are multiples of 1/8: exact in f32, many ties, many zeros."""
    counts = np.random.default_rng(seed).multinomial(8, [1 / num_classes] * num_classes, size=samples)
    return (counts / 8).astype(np.float32)


def one_hot(classes, num_classes):
    return np.eye(num_classes, dtype=np.float32)[classes]


def labels_of(supports, seed):
    labels = np.repeat(np.arange(len(supports)), supports)
    return np.random.default_rng(seed).permutation(labels)


def none_if_nan(value):
    return None if np.isnan(value) else float(value)


def roc_auc(indicators, scores, average):
    """NaN becomes None. A single column has no rest to be compared with."""
    if indicators.ndim == 2 and indicators.shape[1] == 1:
        return None
    return none_if_nan(metrics.roc_auc_score(indicators, scores, average=average))


def log_loss(labels, probabilities):
    """scikit-learn's value for f32 input, but summed in f64: its own f32 sum has only seven digits."""
    num_classes = probabilities.shape[1]
    clipped = np.clip(probabilities, EPS, 1 - EPS).astype(np.float64)
    value = float(-np.log(clipped[np.arange(len(labels)), labels]).mean())
    if num_classes > 1:
        theirs = metrics.log_loss(labels, probabilities, labels=list(range(num_classes)))
        assert np.isclose(value, theirs, rtol=2e-6), (value, theirs)
    return value


def brier_score(labels, probabilities):
    """scikit-learn's value, but computed in f64."""
    num_classes = probabilities.shape[1]
    squares = (probabilities.astype(np.float64) - np.eye(num_classes)[labels]) ** 2
    value = float(squares.sum(axis=1).mean()) * (0.5 if num_classes < 3 else 1.0)
    if num_classes > 1:
        theirs = metrics.brier_score_loss(labels, probabilities, labels=list(range(num_classes)))
        assert np.isclose(value, theirs, rtol=2e-6, atol=1e-7), (value, theirs)
    return value


def one_versus_one(labels, probabilities, average):
    """Hand and Till's areas; the public function refuses two classes."""
    if len(set(labels)) < 2:
        return None
    return float(_average_multiclass_ovo_score(_binary_roc_auc_score, labels, probabilities, average))


def average_precision(indicators, probabilities, average):
    return float(metrics.average_precision_score(indicators, probabilities, average=average))


def calibration_errors(labels, probabilities):
    """Guo et al. 2017: fifteen bins ((m - 1) / 15, m / 15] of the highest probability; the mean and the largest gap."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.arange(1, 15, dtype=np.float32) / np.float32(15)
    bins = np.digitize(confidence, edges, right=True)
    gaps = []
    for index in range(15):
        inside = bins == index
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].astype(np.float64).mean())
            gaps.append((inside.mean() * gap, gap))
    weighted, plain = zip(*gaps)
    return float(sum(weighted)), float(max(plain))


def averages(labels, predicted, average, classes):
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, average=average, zero_division=0
    )
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def from_labels(names, labels, predicted):
    classes = list(range(len(names)))
    report = [
        metrics.classification_report(
            labels, predicted, labels=classes, target_names=names, digits=digits, zero_division=0
        )
        for digits in (2, 4)
    ]
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, average=None, zero_division=0
    )
    return {
        "reports": {"2": report[0], "4": report[1]},
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, predicted)),
        "macro": averages(labels, predicted, "macro", classes),
        "weighted": averages(labels, predicted, "weighted", classes),
        "per_class": [
            {"name": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
            for name, p, r, f, s in zip(names, precision, recall, f1, support)
        ],
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        "cohen_kappa": none_if_nan(metrics.cohen_kappa_score(labels, predicted)),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def normalized(labels, predicted, classes):
    return {
        way: metrics.confusion_matrix(labels, predicted, labels=classes, normalize=way).tolist()
        for way in ("true", "pred", "all")
    }


def from_probabilities(names, labels, probabilities):
    num_classes = len(names)
    predicted = probabilities.argmax(axis=1)
    answer = from_labels(names, labels, predicted)
    indicators = np.eye(num_classes, dtype=int)[labels]
    for index, entry in enumerate(answer["per_class"]):
        truth, scores = indicators[:, index], probabilities[:, index]
        entry["auc"] = roc_auc(truth, scores, "macro")
        entry["average_precision"] = float(metrics.average_precision_score(truth, scores)) if truth.any() else None
    answer["auc"] = {
        "macro_ovr": roc_auc(indicators, probabilities, "macro"),
        "weighted_ovr": roc_auc(indicators, probabilities, "weighted"),
        "micro": roc_auc(indicators, probabilities, "micro"),
        "macro_ovo": one_versus_one(labels, probabilities, "macro"),
        "weighted_ovo": one_versus_one(labels, probabilities, "weighted"),
    }
    answer["average_precision"] = {
        way: average_precision(indicators, probabilities, way) for way in ("macro", "weighted", "micro")
    }
    if num_classes > 2 and len(set(labels)) == num_classes:
        direct = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
        assert np.isclose(direct, answer["auc"]["macro_ovr"], rtol=1e-14)
    answer["log_loss"] = log_loss(labels, probabilities)
    answer["top5_accuracy"] = (
        float(metrics.top_k_accuracy_score(labels, probabilities, k=5, labels=list(range(num_classes))))
        if num_classes > 5
        else 1.0
    )
    answer["ece"], answer["mce"] = calibration_errors(labels, probabilities)
    answer["brier_score"] = brier_score(labels, probabilities)
    return answer


def probability_cases():
    random = labels_of([30] * 7, 1)
    imbalanced = labels_of([100, 41, 17, 8, 5, 2, 1], 2)
    ties = labels_of([12, 9, 20, 3, 15, 7, 14], 3)
    twelve = labels_of([5, 9, 2, 14, 7, 3, 8, 6, 11, 4, 10, 1], 4)
    absent = labels_of([20, 0, 15, 10], 5)
    two = labels_of([25, 35], 6)
    # Never given, though it has samples; and a class that is neither there nor ever given.
    unloved = noisy(labels_of([10, 10, 10, 0], 7), 4, 1.0, 7)
    unloved[:, [1, 3]] = 0
    unloved /= unloved.sum(axis=1, keepdims=True)
    constant = np.tile(np.float32([0.25, 0.5, 0.25]), (12, 1))
    # Widths are counted in characters: the longest name has more bytes than that.
    names = ["Citroën 2CV Fourgonnette à toit décapoté, série spéciale", "Van", "轿车", "SUV"]
    # Precisions and recalls such as 1/8, 3/8 and 1/32 lie exactly between two printed numbers.
    eighths_truth = np.repeat([0, 1, 2, 3], [8, 8, 32, 16])
    eighths_given = np.concatenate(
        [np.repeat([0, 3], [1, 7]), np.repeat([1, 0], [3, 5]), np.repeat([2, 0, 1, 3], [1, 2, 5, 24]), [3] * 16]
    )
    return {
        "random": (SEVEN, random, noisy(random, 7, 1.5, 11)),
        "imbalanced": (SEVEN, imbalanced, noisy(imbalanced, 7, 2.0, 12)),
        "ties": (SEVEN, ties, in_eighths(len(ties), 7, 13)),
        "twelve_classes": ([f"class {c}" for c in range(12)], twelve, noisy(twelve, 12, 1.0, 14)),
        "twelve_classes_ties": ([f"class {c}" for c in range(12)], twelve, in_eighths(len(twelve), 12, 15)),
        "perfect": (SEVEN, random, one_hot(random, 7)),
        "worst": (SEVEN, random, one_hot((random + 1) % 7, 7)),
        "absent_class": (SEVEN[:4], absent, noisy(absent, 4, 1.0, 16)),
        "never_predicted": (SEVEN[:4], labels_of([10, 10, 10, 0], 7), unloved),
        "one_true_class": (SEVEN[:3], np.zeros(9, dtype=int), noisy(np.zeros(9, dtype=int), 3, 0.5, 17)),
        "constant": (SEVEN[:3], labels_of([5, 4, 3], 8), constant),
        "single_class": (["Sedan"], np.zeros(4, dtype=int), np.ones((4, 1), dtype=np.float32)),
        "two_classes": (SEVEN[:2], two, noisy(two, 2, 1.0, 18)),
        "one_sample": (SEVEN[:3], np.array([1]), np.float32([[0.5, 0.3, 0.2]])),
        "long_names": (names, labels_of([6, 5, 4, 3], 9), noisy(labels_of([6, 5, 4, 3], 9), 4, 1.0, 19)),
        "half_way": (SEVEN[:4], eighths_truth, one_hot(eighths_given, 4)),
    }


def label_cases():
    generator = np.random.default_rng(21)
    many = generator.integers(0, 150, 1200)
    guesses = np.where(generator.random(1200) < 0.7, many, generator.integers(0, 150, 1200))
    thirds = np.repeat(np.arange(9), 3)
    return {
        "many_classes": ([f"{c:03}" for c in range(150)], many, guesses),
        "nine_classes": ([f"{c}" for c in range(9)], thirds, generator.permutation(thirds)),
    }


def write(name, case):
    text = json.dumps(case, ensure_ascii=False, separators=(",", ":"))
    assert len(text) < 200_000, (name, len(text))
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main():
    warnings.simplefilter("ignore")
    for name, (names, labels, probabilities) in probability_cases().items():
        predicted = probabilities.argmax(axis=1)
        case = {
            "class_names": names,
            "labels": labels.tolist(),
            "predicted": predicted.tolist(),
            # The shortest text that reads back as the same f32.
            "probabilities": [[float(str(value)) for value in row] for row in probabilities],
            "normalized": normalized(labels, predicted, list(range(len(names)))),
            "expected": from_probabilities(names, labels, probabilities),
        }
        write(name, case)
    for name, (names, labels, predicted) in label_cases().items():
        case = {
            "class_names": names,
            "labels": labels.tolist(),
            "predicted": predicted.tolist(),
            "expected": from_labels(names, labels, predicted),
        }
        write(name, case)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    (HERE / "versions.txt").write_text("".join(f"{name} {version}\n" for name, version in versions.items()))


if __name__ == "__main__":
    main()
