"""Fifty consecutive steps of PyTorch's and timm's optimisers on a small convolution, with gradients by formula: the first five in
float32, and some up to the last in float64."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import timm.optim
import torch

import marque_formula as formula
import marque_golden as golden

STEPS = 50
# Those whose results are kept.
SINGLE, DOUBLE = range(1, 6), (10, 50)
SHAPES = {"weight": (4, 5, 3, 3), "bias": (4,)}
# A learning rate far above the usual makes the steps large beside the rounding of the parameters.
LEARNING_RATE = 1e-2
CASES = {
    "adam": (torch.optim.Adam, {}),
    "adam_constants": (torch.optim.Adam, {"betas": (0.5, 0.9), "eps": 1e-3}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.5}),
    "sgd": (torch.optim.SGD, {}),
    "sgd_l2": (torch.optim.SGD, {"weight_decay": 0.5}),
    "sgd_momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "sgd_momentum_l2": (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.5}),
    "sgd_nesterov_l2": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.5}),
    "nadam": (torch.optim.NAdam, {}),
    "nadam_decoupled": (
        torch.optim.NAdam,
        {"betas": (0.8, 0.95), "momentum_decay": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True},
    ),
    "rmsprop": (torch.optim.RMSprop, {}),
    "rmsprop_momentum_l2": (torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.9, "weight_decay": 0.5}),
    "rmsprop_centered": (torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-3, "momentum": 0.5, "centered": True}),
    "lamb": (timm.optim.Lamb, {"weight_decay": 0.5, "max_grad_norm": None}),
    "lion": (timm.optim.Lion, {"weight_decay": 0.5}),
    "adan": (timm.optim.Adan, {"weight_decay": 0.5}),
}


def gradient(step, name):
    """Gradients of every size from 1e-4 to 1, and a few zeros, which Adam must not divide by."""
    shape = SHAPES[name]
    count = int(np.prod(shape))
    scale = (10.0 ** -(np.arange(count) % 5)).astype(np.float32)
    values = formula.symmetric(f"gradient/{step}/{name}", shape).reshape(-1) * scale
    values[::9] = 0.0
    return values.reshape(shape)


def run(optimizer, options, dtype):
    """The parameters after every step. The weight decays, the bias does not."""
    parameters = {
        name: torch.nn.Parameter(torch.from_numpy(formula.symmetric(name, shape)).to(dtype))
        for name, shape in SHAPES.items()
    }
    groups = [{"params": [parameters["weight"]]}, {"params": [parameters["bias"]], "weight_decay": 0.0}]
    optimizer = optimizer(groups, lr=LEARNING_RATE, **options)
    history = {}
    for step in range(1, STEPS + 1):
        for name, parameter in parameters.items():
            parameter.grad = torch.from_numpy(gradient(step, name)).to(dtype)
        optimizer.step()
        # A copy: NumPy's view of a tensor changes with it.
        history |= {f"{step}/{name}": parameter.detach().clone().numpy() for name, parameter in parameters.items()}
    return history


def kept(case, history, steps, word):
    """The results after these steps, under the names that the test looks for."""
    return {
        f"{case}/{word}{step}/{name}": history[f"{step}/{name}"] for step in steps for name in SHAPES
    }


torch.set_num_threads(1)
tensors = {f"gradient/{step}/{name}": gradient(step, name) for step in range(1, STEPS + 1) for name in SHAPES}
for case, (optimizer, options) in CASES.items():
    found = run(optimizer, options, torch.float32)
    exact = run(optimizer, options, torch.float64)
    error = max(golden.relative_error(found[key], exact[key]) for key in found)
    print(f"{case}: float32 differs from float64 by {error:.1e}")
    tensors |= kept(case, found, SINGLE, "") | kept(case, exact, DOUBLE, "double/")
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy", "timm", "torch")
