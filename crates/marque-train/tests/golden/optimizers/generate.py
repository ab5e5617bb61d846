"""Five consecutive steps of PyTorch's optimisers on a vector, with gradients by formula, in float32."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch

import marque_formula as formula
import marque_golden as golden

STEPS = 5
SHAPE = (37,)
# A learning rate far above the usual makes the steps large beside the rounding of the parameters.
CASES = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "adam_l2": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1),
    "adam_betas": lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.5, 0.9), eps=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "adamw_decay": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.5),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9),
    "sgd_momentum_l2": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True, weight_decay=0.1),
}


def gradient(step):
    """Gradients of every size from 1e-4 to 1, and a few zeros, which Adam must not divide by."""
    scale = (10.0 ** -(np.arange(SHAPE[0]) % 5)).astype(np.float32)
    values = formula.symmetric(f"gradient/{step}", SHAPE) * scale
    values[::9] = 0.0
    return values


def run(make, dtype):
    parameter = torch.nn.Parameter(torch.from_numpy(formula.symmetric("parameter", SHAPE)).to(dtype))
    optimizer = make([parameter])
    history = []
    for step in range(1, STEPS + 1):
        parameter.grad = torch.from_numpy(gradient(step)).to(dtype)
        optimizer.step()
        history.append(parameter.detach().clone().numpy())
    return np.stack(history)


torch.set_num_threads(1)
tensors = {"initial": formula.symmetric("parameter", SHAPE)}
tensors |= {f"gradient/{step}": gradient(step) for step in range(1, STEPS + 1)}
for name, make in CASES.items():
    tensors[name] = run(make, torch.float32)
    error = golden.relative_error(tensors[name], run(make, torch.float64))
    print(f"{name}: float32 differs from float64 by {error:.1e}")
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy", "torch")
