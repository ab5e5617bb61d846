"""One forward and backward pass in training mode, in float64, of a network of each family.

The gradient of a rectifier jumps where its input is zero. Of the millions of inputs of a deep network, float32
carries a few over zero, and each moves some gradients by a percent; float64 practically none. Parameters and
images are the float32 values of the formula, widened; dropout and stochastic depth are off. Images are as small
as all of these networks take them.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from safetensors.numpy import load_file
from torch.nn.functional import cross_entropy
from torchvision.ops import StochasticDepth

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks

NAMES = (
    "resnet34",
    "resnet50",
    "densenet121",
    "xception",
    "googlenet",
    "googlenet-aux",
    "inception_v3",
    "resnext50_32x4d",
    "mobilenet_v2",
    "tf_efficientnet_lite0",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "regnet_y_400mf",
    "convnext_tiny",
    "preact_resnet20",
)
IMAGES = (4, 3, 96, 96)
LABELS = (3, 250, 600, 999)
AUXILIARY_SHARE = 0.3
LARGEST_ROUNDING = 1e-9


def spread(values, count):
    """So many of these, from first to last; none of none."""
    places = np.linspace(0, len(values) - 1, count if values else 0).round().astype(int)
    return [values[place] for place in places]


def step(name, memory_format):
    """What a pass finds: the loss, the logits, gradients, and the statistics that it leaves behind."""
    stored = load_file(HERE.parent / "networks" / f"{name}.safetensors")
    base, auxiliary = name.removesuffix("-aux"), name.endswith("-aux")
    network = networks.filled(base, stored, auxiliary=auxiliary)
    for module in network.modules():
        if isinstance(module, (torch.nn.Dropout, StochasticDepth)):
            module.p = 0.0
    network.train().to(torch.float64, memory_format=memory_format)
    images = torch.from_numpy(formula.images(IMAGES, "step")).to(torch.float64, memory_format=memory_format)
    answers = network(images)
    labels = torch.tensor(LABELS)
    if auxiliary:
        loss = cross_entropy(answers.logits, labels)
        heads = (answers.aux_logits1, answers.aux_logits2)
        loss = loss + AUXILIARY_SHARE * sum(cross_entropy(head, labels) for head in heads)
        answers = answers.logits
    else:
        loss = cross_entropy(answers, labels)
    loss.backward()
    found = {"loss": loss, "logits": formula.sample(answers.detach())}
    parameters = list(network.named_parameters())
    found["gradient_norms"] = torch.stack([parameter.grad.norm() for _, parameter in parameters])
    # What a batch norm's bias adds before a 1×1 convolution with a batch norm behind it has no influence: of such gradients there are
    # rounding errors alone.
    norms = found["gradient_norms"]
    telling = [entry for entry, norm in zip(parameters, norms) if norm > LARGEST_ROUNDING * norms.max()]
    # The last two are the classifier's.
    for key, parameter in spread(telling, 7) + parameters[-2:-1]:
        found[f"gradient/{key}"] = formula.sample(parameter.grad)
    for key, norm in spread(list(networks.norms(network).items()), 3):
        found[f"statistics/{key}.running_mean"] = formula.sample(norm.running_mean)
        found[f"statistics/{key}.running_var"] = formula.sample(norm.running_var)
    return {key: torch.as_tensor(value).detach().numpy() for key, value in found.items()}


def training(name):
    found = step(name, torch.contiguous_format)
    other = step(name, torch.channels_last)
    assert all(values.dtype == np.float64 for values in found.values())
    errors = {key: golden.relative_error(other[key], found[key]) for key in found}
    worst = max(errors, key=errors.get)
    print(f"{name}: loss {found['loss']:.4f}; channels last is off by {errors[worst]:.1e} in {worst}", flush=True)
    assert errors[worst] < LARGEST_ROUNDING, f"{name} is not well conditioned"
    golden.save_tensors(HERE / f"{name}.safetensors", found | {"labels": np.array(LABELS, np.int64)})


torch.set_num_threads(1)
for name in sys.argv[1:] or NAMES:
    training(name)
golden.save_versions(HERE, "numpy", "timm", "torch", "torchvision")
