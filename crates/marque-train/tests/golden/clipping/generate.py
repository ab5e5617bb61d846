"""Clipped gradients of PyTorch and timm, in float64."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import torch
from timm.utils import adaptive_clip_grad
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

import marque_formula as formula
import marque_golden as golden

# As in the cases of the optimisers.
SHAPES = {"weight": (4, 5, 3, 3), "bias": (4,)}
CASES = {
    "norm": lambda parameters: clip_grad_norm_(parameters, 1.0),
    "norm_above": lambda parameters: clip_grad_norm_(parameters, 1000.0),
    "value": lambda parameters: clip_grad_value_(parameters, 0.25),
    "adaptive": lambda parameters: adaptive_clip_grad(parameters, 0.1),
    # Some channels lie within the bound, others beyond it.
    "adaptive_some": lambda parameters: adaptive_clip_grad(parameters, 1.0),
}


def parameters():
    found = []
    for name, shape in SHAPES.items():
        parameter = torch.nn.Parameter(torch.from_numpy(formula.symmetric(name, shape)).double())
        parameter.grad = torch.from_numpy(formula.symmetric(f"gradient/{name}", shape)).double()
        found.append(parameter)
    return found


tensors = {}
for case, clip in CASES.items():
    changed = parameters()
    clip(changed)
    tensors |= {f"{case}/{name}": parameter.grad.numpy() for name, parameter in zip(SHAPES, changed)}
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy", "timm", "torch")
