"""Losses of PyTorch and timm, with their gradients, in float64."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
import torch.nn.functional as functional
from timm.loss import BinaryCrossEntropy

import marque_formula as formula
import marque_golden as golden

IMAGES, CLASSES = 6, 4
SMOOTHING, SHARE, GAMMA, THRESHOLD = 0.1, 0.7, 2.0, 0.2
LABELS = torch.tensor([0, 3, 1, 1, 2, 0])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)
# Each is mixed with the one before it.
ONE_HOT = functional.one_hot(LABELS, CLASSES).double()
MIXED = SHARE * ONE_HOT + (1 - SHARE) * ONE_HOT.roll(1, 0)


def smoothed(shares):
    return shares * (1 - SMOOTHING) + SMOOTHING / CLASSES


def focal(logits, shares, weights=None):
    """The definition: each class's part of the cross-entropy times (1 − p)^γ."""
    logarithms = functional.log_softmax(logits, 1)
    parts = -shares * logarithms * (1 - logarithms.exp()) ** GAMMA
    if weights is not None:
        parts = parts * weights
    return parts.sum(1).mean()


CASES = {
    "cross_entropy": lambda logits: functional.cross_entropy(logits, LABELS),
    "cross_entropy_smoothed": lambda logits: functional.cross_entropy(logits, LABELS, label_smoothing=SMOOTHING),
    "cross_entropy_weighted": lambda logits: functional.cross_entropy(
        logits, LABELS, WEIGHTS, label_smoothing=SMOOTHING
    ),
    "cross_entropy_mixed": lambda logits: functional.cross_entropy(logits, MIXED, label_smoothing=SMOOTHING),
    "cross_entropy_mixed_weighted": lambda logits: functional.cross_entropy(logits, MIXED, WEIGHTS),
    "focal": lambda logits: focal(logits, ONE_HOT),
    "focal_smoothed_weighted": lambda logits: focal(logits, smoothed(ONE_HOT), WEIGHTS),
    "focal_mixed": lambda logits: focal(logits, MIXED),
    "binary": lambda logits: BinaryCrossEntropy(smoothing=0.0)(logits, LABELS),
    "binary_smoothed": lambda logits: BinaryCrossEntropy(smoothing=SMOOTHING)(logits, LABELS),
    "binary_weighted": lambda logits: BinaryCrossEntropy(smoothing=0.0, weight=WEIGHTS)(logits, LABELS),
    # timm smooths labels where it mixes them.
    "binary_mixed_smoothed": lambda logits: BinaryCrossEntropy()(logits, smoothed(MIXED)),
    "binary_mixed_threshold": lambda logits: BinaryCrossEntropy(target_threshold=THRESHOLD)(logits, MIXED),
}

values = 3 * formula.symmetric("logits", (IMAGES, CLASSES)).astype(np.float64)
tensors = {"logits": values, "labels": LABELS.numpy(), "weights": WEIGHTS.numpy()}
for case, loss in CASES.items():
    logits = torch.tensor(values, requires_grad=True)
    value = loss(logits)
    value.backward()
    tensors |= {f"{case}/loss": value.detach().numpy().reshape(1), f"{case}/gradient": logits.grad.numpy()}
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy", "timm", "torch")
