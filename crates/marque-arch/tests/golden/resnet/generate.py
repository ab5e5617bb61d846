"""Names, shapes and costs of torchvision's residual networks, as JSON."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import marque_golden as golden

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
SIZES = ((224, 224), (193, 225))
NUM_CLASSES = (1000, 7)


def multiply_adds(network, height, width):
    """PyTorch's own count for one image; it counts a multiplication and its addition as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, height, width, device="meta"))
    return counter.get_total_flops() // 2


def describe(name, num_classes):
    with torch.device("meta"):
        network = getattr(models, name)(num_classes=num_classes).eval()
    entries = [
        [key, list(value.shape)]
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    ]
    return {
        "name": name,
        "num_classes": num_classes,
        "trained_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "multiply_adds": [
            {"height": height, "width": width, "count": multiply_adds(network, height, width)}
            for height, width in SIZES
        ],
        # The list is the same for every number of classes but for its last two entries.
        "state": entries if num_classes == NUM_CLASSES[0] else entries[-2:],
    }


networks = [describe(name, num_classes) for name in NAMES for num_classes in NUM_CLASSES]
for network in networks:
    costs = ", ".join(f"{cost['count']:,}" for cost in network["multiply_adds"])
    print(f"{network['name']} {network['num_classes']}: {network['trained_parameters']:,} parameters, {costs}")
lines = ",\n".join(json.dumps(network, separators=(",", ":")) for network in networks)
golden.save_text(HERE / "networks.json", f"[\n{lines}\n]\n")
golden.save_versions(HERE, "torch", "torchvision")
