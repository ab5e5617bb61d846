"""Grad-CAM of formula-filled networks by the `grad-cam` package, on a grid of pixels.

Needs, beside the pinned libraries, `pip install grad-cam==1.5.5`. Maps come out at the size of the image, from 0
to 1; every sixteenth pixel is stored. The class is the predicted one of the first image for both, so that one of the
maps explains a class that may not be the likeliest.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.numpy import load_file

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks

HEIGHT, WIDTH, EVERY = 192, 224, 16
# The node's name in marque's graph, and the module whose output it is: none that a rectifier overwrites in place.
TARGETS = {
    "resnet18": {"layer4.1.relu": lambda net: net.layer4[1], "layer3.0.relu": lambda net: net.layer3[0]},
    "densenet121": {"features.denseblock4.denselayer16.concat": lambda net: net.features.denseblock4},
    "xception": {"act4": lambda net: net.act4},
}


def maps(name):
    network = networks.filled(name, load_file(HERE.parent / "networks" / f"{name}.safetensors")).eval()
    images = torch.from_numpy(formula.images((2, 3, HEIGHT, WIDTH), "grad_cam"))
    with torch.no_grad():
        chosen = int(network(images)[0].argmax())
    stored = {f"{name}/class": np.int64(chosen)}
    for node, module in TARGETS[name].items():
        with GradCAM(network, [module(network)]) as explained:
            found = explained(input_tensor=images, targets=[ClassifierOutputTarget(chosen)] * 2)
        assert found.shape == (2, HEIGHT, WIDTH) and found.max() > 0.9
        print(f"{name} {node}: class {chosen}, mean {found.mean():.3f}, apart {np.abs(found[0] - found[1]).max():.3f}")
        stored[f"{name}/{node}"] = found[:, EVERY // 2 :: EVERY, EVERY // 2 :: EVERY].astype(np.float32)
    return stored


tensors = {}
for name in TARGETS:
    tensors |= maps(name)
golden.save_tensors(HERE / "maps.safetensors", tensors)
golden.save_versions(HERE, "grad-cam", "numpy", "timm", "torch", "torchvision")
