"""torchvision's residual networks, filled by formula: one training step in float32, as users run it.

The statistics of batch norms are fitted to formula images by one pass in training mode and stored, as float16
on both sides. float64 tells how much of a difference rounding explains.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from torchvision import models
from torchvision.models.resnet import Bottleneck, ResNet

import marque_formula as formula
import marque_golden as golden

NUM_CLASSES = 1000
FIT_IMAGES = (4, 3, 224, 224)
# The gradient of a rectifier jumps where its input is zero: one input of a million that rounding carries over
# zero moves a channel's gradient by a percent, in PyTorch itself from one memory format to another. These
# images, found by trying a few dozen, leave every input of every rectifier several times the typical rounding
# error away from zero. ResNet-50 has too many for that: bottlenecks are covered by a network of one per
# stage, and deep networks in float64 by the case `steps`.
TRAINED = {"resnet18": "training/26", "bottlenecks": "training/13"}
LARGEST_ROUNDING = 1e-4
TRAINING_IMAGES = (4, 3, 64, 64)
LABELS = (3, 250, 600, 999)
LEARNING_RATE = 1e-3
# What is sampled: both ends of the network, a block in its middle, a projection, batch norms, the classifier.
SHARED = (
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "layer1.0.conv1.weight",
    "layer2.0.downsample.0.weight",
    "layer2.0.downsample.1.weight",
    "layer3.0.conv2.weight",
    "layer3.0.bn2.bias",
    "layer4.0.conv2.weight",
    "layer4.0.bn2.weight",
    "fc.weight",
    "fc.bias",
)
PARAMETERS = {
    "resnet18": SHARED + ("layer3.1.conv1.weight", "layer4.1.bn2.weight"),
    "bottlenecks": SHARED + ("layer1.0.conv3.weight", "layer4.0.bn3.weight"),
}
NORMALISATIONS = ("bn1", "layer1.0.bn2", "layer2.0.downsample.1", "layer3.0.bn1", "layer4.0.bn2")


def empty(name):
    if name == "bottlenecks":
        return ResNet(Bottleneck, [1, 1, 1, 1], num_classes=NUM_CLASSES)
    return getattr(models, name)(num_classes=NUM_CLASSES)


def filled(name):
    """The network with every parameter by formula and fitted statistics that float16 can hold."""
    network = empty(name)
    state = network.state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(torch.from_numpy(formula.parameter(key, tuple(value.shape))))
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.from_numpy(formula.images(FIT_IMAGES, "fit")))
    for norm in norms:
        norm.momentum = 0.1
    for key, value in state.items():
        if key.endswith(("running_mean", "running_var")):
            value.copy_(value.half().float())
            smallest = value.abs().min() if key.endswith("running_var") else 1.0
            assert torch.isfinite(value).all() and smallest > 1e-3, f"{name} {key} does not suit float16"
    return network


def statistics(network):
    pairs = network.state_dict().items()
    return {key: value.half().numpy() for key, value in pairs if key.endswith(("running_mean", "running_var"))}


def training_step(name, salt, dtype, memory_format=torch.contiguous_format):
    """One step of Adam with PyTorch's defaults: what it found and what it changed."""
    network = filled(name).train().to(dtype, memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    images = torch.from_numpy(formula.images(TRAINING_IMAGES, salt)).to(dtype, memory_format=memory_format)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = network(images)
    loss = torch.nn.functional.cross_entropy(found, torch.tensor(LABELS))
    loss.backward()
    optimizer.step()
    parameters = dict(network.named_parameters())
    after = network.state_dict()
    tensors = {"loss": loss, "logits": found}
    for key in PARAMETERS[name]:
        tensors[f"gradient/{key}"] = formula.sample(parameters[key].grad)
        tensors[f"update/{key}"] = formula.sample(after[key] - before[key])
    norms = [parameter.grad.double().norm().float() for parameter in parameters.values()]
    tensors["gradient_norms"] = torch.stack(norms)
    for norm in NORMALISATIONS:
        for statistic in ("running_mean", "running_var"):
            key = f"{norm}.{statistic}"
            tensors[f"statistics/{key}"] = formula.sample(after[key])
    return {key: torch.as_tensor(value).detach().numpy() for key, value in tensors.items()}


def training(name, salt):
    tensors = training_step(name, salt, torch.float32)
    exact = training_step(name, salt, torch.float64)
    other = training_step(name, salt, torch.float32, torch.channels_last)
    print(f"{name} training: loss {tensors['loss']:.4f}; float32 off by at most (contiguous, channels last)")
    for kind in ("loss", "logits", "gradient_norms", "gradient/", "update/", "statistics/"):
        for variant in (tensors, other):
            errors = {key: golden.relative_error(variant[key], exact[key]) for key in exact if key.startswith(kind)}
            worst = max(errors, key=errors.get)
            print(f"  {errors[worst]:.1e} in {worst}")
            assert errors[worst] < LARGEST_ROUNDING, f"{name} with {salt} is not well conditioned"
    tensors["labels"] = np.array(LABELS, np.int64)
    tensors |= statistics(filled(name))
    golden.save_tensors(HERE / f"{name}_training.safetensors", tensors)


torch.set_num_threads(1)
for name, salt in TRAINED.items():
    training(name, salt)
golden.save_versions(HERE, "numpy", "torch", "torchvision")
