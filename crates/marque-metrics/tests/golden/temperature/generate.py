"""The temperature that minimises the cross-entropy of logits/T, by PyTorch's L-BFGS, as in Guo et al. 2017, in float64."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
import torch.nn.functional as functional

import marque_formula as formula
import marque_golden as golden

SAMPLES, CLASSES = 100, 7
# How far apart the logits are, and the share of labels that are those of the largest logit.
CASES = {"sure": (12.0, 0.7), "doubtful": (1.5, 0.9), "many_mistakes": (4.0, 0.3)}


def fitted(logits, labels):
    logarithm = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logarithm], lr=0.5, max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits / logarithm.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return logarithm.exp().item()


cases = {}
for case, (scale, right) in CASES.items():
    logits = torch.from_numpy(formula.symmetric(f"{case}/logits", (SAMPLES, CLASSES))).double() * scale
    drawn = (formula.symmetric(f"{case}/labels", (SAMPLES,)) + 1) / 2
    other = ((formula.symmetric(f"{case}/other", (SAMPLES,)) + 1) / 2 * CLASSES).astype(np.int64)
    labels = torch.where(torch.from_numpy(drawn < right), logits.argmax(1), torch.from_numpy(other))
    temperature = fitted(logits, labels)
    print(f"{case}: {temperature:.4f}")
    cases[case] = {
        "probabilities": functional.softmax(logits, 1).float().tolist(),
        "labels": labels.tolist(),
        "temperature": temperature,
        "tempered": functional.softmax(logits / temperature, 1).float().tolist(),
    }
golden.save_text(HERE / "cases.json", json.dumps(cases) + "\n")
golden.save_versions(HERE, "numpy", "torch")
