"""What PyTorch answers, in float64, where the naive reference kernels are asked the same."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
import torch.nn.functional as F

import marque_formula as formula
import marque_golden as golden

torch.set_num_threads(1)


def tensor(name, shape):
    return torch.from_numpy(formula.parameter(name, shape)).double()


def images(name, shape):
    return torch.from_numpy(formula.images(shape, name)).double()


# Paddings are (left, right, top, bottom), as F.pad has them.
def convolve(input, weight, bias, pads, **options):
    return F.conv2d(F.pad(input, pads), weight, bias, **options)


def pool(input, kernel, pads, **options):
    return F.max_pool2d(F.pad(input, pads, value=-torch.inf), kernel, **options)


def batch_norm(mode):
    input = images("batch_norm", (4, 6, 5, 7))
    mean, variance = tensor("bn.running_mean", (6,)), tensor("bn.running_var", (6,))
    gamma, beta = tensor("bn.weight", (6,)), tensor("bn.bias", (6,))
    output = F.batch_norm(input, mean, variance, gamma, beta, training=mode == "training", momentum=1.0, eps=1e-3)
    return output, mean, variance


small = images("convolution", (2, 4, 9, 8))
tensors = {
    "conv/plain": convolve(small, tensor("plain.weight", (6, 4, 3, 3)), None, (0, 0, 0, 0)),
    "conv/strided": convolve(small, tensor("strided.weight", (6, 4, 3, 3)), tensor("strided.bias", (6,)), (1, 1, 1, 1), stride=2),
    "conv/rectangular": convolve(small, tensor("rectangular.weight", (3, 4, 1, 5)), None, (2, 2, 0, 0), stride=(2, 1)),
    "conv/dilated": convolve(small, tensor("dilated.weight", (2, 4, 3, 3)), None, (2, 2, 2, 2), dilation=2),
    "conv/grouped": convolve(small, tensor("grouped.weight", (6, 2, 3, 3)), tensor("grouped.bias", (6,)), (1, 1, 1, 1), groups=2),
    "conv/depthwise": convolve(small, tensor("depthwise.weight", (8, 1, 3, 3)), None, (1, 1, 1, 1), groups=4),
    "conv/same_as_keras": convolve(small, tensor("same.weight", (5, 4, 3, 3)), None, (0, 1, 1, 1), stride=2),
    "pool/resnet": pool(small, 3, (1, 1, 1, 1), stride=2),
    "pool/same_as_keras": pool(small, 3, (0, 1, 1, 1), stride=2),
    "pool/dilated": pool(small, 2, (0, 0, 0, 0), stride=1, dilation=3),
}
for mode in ("training", "evaluation"):
    output, mean, variance = batch_norm(mode)
    tensors |= {f"norm/{mode}": output, f"norm/{mode}/mean": mean, f"norm/{mode}/variance": variance}
golden.save_tensors(HERE / "io.safetensors", {name: value.numpy().astype(np.float32) for name, value in tensors.items()})
golden.save_versions(HERE, "numpy", "torch")
