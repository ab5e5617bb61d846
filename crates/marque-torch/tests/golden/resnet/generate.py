"""torchvision's residual networks, filled by formula: logits in evaluation mode and one training step.

A deep network with unfit batch-norm statistics forgets its input and answers with its last bias, so the
statistics are fitted to formula images by one pass in training mode and stored, as float16 on both sides.
Everything is computed in float32, as users run it; float64 tells how much of a difference rounding explains.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from torchvision import models

import marque_formula as formula
import marque_golden as golden

NUM_CLASSES = 1000
SIZES = ((224, 224), (193, 225))
TRAINED = ("resnet18", "resnet50")
TRAINING_IMAGES = (4, 3, 64, 64)
LABELS = (3, 250, 600, 999)
LEARNING_RATE = 1e-3
# What is sampled: both ends of the network, a block in its middle, a projection, batch norms, the classifier.
PARAMETERS = (
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "layer1.0.conv1.weight",
    "layer2.0.downsample.0.weight",
    "layer2.0.downsample.1.weight",
    "layer3.1.conv2.weight",
    "layer3.1.bn2.bias",
    "layer4.1.conv2.weight",
    "layer4.1.bn2.weight",
    "fc.weight",
    "fc.bias",
)
NORMALISATIONS = ("bn1", "layer1.1.bn2", "layer2.0.downsample.1", "layer3.1.bn1", "layer4.1.bn2")


def filled(name):
    """The network with every parameter by formula and fitted statistics that float16 can hold."""
    network = getattr(models, name)(num_classes=NUM_CLASSES)
    state = network.state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(torch.from_numpy(formula.parameter(key, tuple(value.shape))))
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.from_numpy(formula.images((4, 3, *SIZES[0]), "fit")))
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


def logits(network, height, width):
    images = torch.from_numpy(formula.images((2, 3, height, width), f"evaluation/{height}x{width}"))
    with torch.no_grad():
        return network.eval()(images.to(network.fc.weight.dtype)).numpy()


def evaluation(name):
    """Statistics and logits, as one file."""
    network = filled(name)
    tensors = statistics(network)
    for height, width in SIZES:
        tensors[f"logits/{height}x{width}"] = logits(network, height, width)
    network.double()
    for height, width in SIZES:
        found = tensors[f"logits/{height}x{width}"]
        apart = golden.relative_error(found[0], found[1])
        assert apart > 0.1, f"{name} hardly looks at its input: its logits differ by {apart}"
        error = golden.relative_error(found, logits(network, height, width))
        size = np.abs(found).max()
        print(f"{name} {height}x{width}: logits up to {size:.2f}, apart {apart:.2f}, float32 off by {error:.1e}")
    golden.save_tensors(HERE / f"{name}.safetensors", tensors)


def training_step(name, dtype):
    """One step of Adam with PyTorch's defaults: what it found and what it changed."""
    network = filled(name).train().to(dtype)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    images = torch.from_numpy(formula.images(TRAINING_IMAGES, "training")).to(dtype)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = network(images)
    loss = torch.nn.functional.cross_entropy(found, torch.tensor(LABELS))
    loss.backward()
    parameters = dict(network.named_parameters())
    norms = [parameter.grad.norm() for parameter in parameters.values()]
    tensors = {"loss": loss, "logits": found, "gradient_norms": torch.stack(norms)}
    optimizer.step()
    after = network.state_dict()
    for key in PARAMETERS:
        tensors[f"gradient/{key}"] = golden.sample(parameters[key].grad)
        tensors[f"update/{key}"] = golden.sample(after[key] - before[key])
    for norm in NORMALISATIONS:
        for statistic in ("running_mean", "running_var"):
            key = f"{norm}.{statistic}"
            tensors[f"statistics/{key}"] = golden.sample(after[key])
    return {key: torch.as_tensor(value).detach().numpy() for key, value in tensors.items()}


def training(name):
    tensors = training_step(name, torch.float32)
    exact = training_step(name, torch.float64)
    errors = {key: golden.relative_error(value, exact[key]) for key, value in tensors.items()}
    print(f"{name} training: loss {tensors['loss']:.4f}; float32 off by at most")
    for kind in ("loss", "logits", "gradient_norms", "gradient/", "update/", "statistics/"):
        worst = max((key for key in errors if key.startswith(kind)), key=errors.get)
        print(f"  {errors[worst]:.1e} in {worst}")
    golden.save_tensors(HERE / f"{name}_training.safetensors", tensors | {"labels": np.array(LABELS, np.int64)})


torch.set_num_threads(1)
for name in ("resnet18", "resnet34", "resnet50"):
    evaluation(name)
for name in TRAINED:
    training(name)
golden.save_versions(HERE, "numpy", "torch", "torchvision")
