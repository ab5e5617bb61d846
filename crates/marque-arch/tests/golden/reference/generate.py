"""Names, shapes, order and costs of the networks of torchvision and timm, and of variants made out of them.

`networks.txt` has a paragraph per network. After its numbers come the entries of its state_dict, one a line:
how many characters the name shares with the line before, the rest of the name, the shape. A name that ends in
`*` stands for the four entries of a batch norm: weight, bias, running_mean, running_var.
"""

import sys
from os.path import commonprefix
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import marque_golden as golden
import marque_networks as networks

UNUSUAL_SIZE = (193, 225)
NUM_CLASSES = (1000, 7)
NORM = ("weight", "bias", "running_mean", "running_var")

# What papers and documentations say of these networks, so that a mistake in this script would show.
KNOWN_PARAMETERS = {
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "xception": 22_855_952,
    "googlenet": 6_624_904,
    "inception_v3": 23_834_568,
    "vgg19": 143_667_240,
}
KNOWN_BILLIONS = {
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet101": 7.801,
    "resnet152": 11.514,
    "densenet121": 2.834,
    "densenet161": 7.728,
    "densenet169": 3.360,
    "densenet201": 4.291,
    "vgg19": 19.632,
    "googlenet": 1.498,
    "inception_v3": 5.713,
}


def multiply_adds(network, height, width):
    """PyTorch's own count for one image; it counts a multiplication and its addition as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, height, width, device="meta"))
    return counter.get_total_flops() // 2


def one(values):
    """The only value among these, or a dash if there are none."""
    found = set(values)
    assert len(found) <= 1, found
    return found.pop() if found else "-"


def entries(network):
    """The state_dict as (name, shape), with the four entries of a batch norm as one."""
    shapes = [(key, tuple(value.shape)) for key, value in networks.state(network).items()]
    norms = networks.norms(network)
    while shapes:
        layer, _ = shapes[0][0].rsplit(".", 1)
        if layer in norms:
            assert [key for key, _ in shapes[:4]] == [f"{layer}.{role}" for role in NORM]
            yield f"{layer}.*", one(shape for _, shape in shapes[:4])
            del shapes[:4]
        else:
            yield shapes.pop(0)


def listing(network):
    """One line per entry, without the start that its name shares with the name before."""
    before = ""
    for name, shape in entries(network):
        shared = len(commonprefix([before, name]))
        yield " ".join([str(shared), name[shared:], *map(str, shape)])
        before = name


def check(name, trained, billions):
    """Compares with what is known from elsewhere."""
    assert KNOWN_PARAMETERS.get(name, trained) == trained, f"{name} has {trained} parameters"
    assert abs(KNOWN_BILLIONS.get(name, billions) - billions) < 5.1e-4, f"{name} takes {billions} billion"
    if name == "resnet50-v1":
        # The paper says 3.8.
        assert 3.8 <= billions < 3.9, f"{name} takes {billions} billion"
    if name in models.list_models():
        published = models.get_model_weights(name).DEFAULT.meta
        assert abs(published["_ops"] - billions) < 5.1e-4, f"{name} takes {billions} billion"
        if name != "inception_v3":
            assert published["num_params"] == trained, f"{name} has {trained} parameters"


def describe(name, num_classes):
    """The paragraph of a network; the list of entries, which hardly depends on the classes, only once."""
    # RegNets compute their widths with tensors, which must have values there.
    with torch.device("cpu" if name in networks.REGNETS else "meta"):
        network = networks.network(name, num_classes).to("meta").eval()
    trained = sum(parameter.numel() for parameter in network.parameters())
    sizes = ((networks.usual_size(name),) * 2, UNUSUAL_SIZE)
    costs = {size: multiply_adds(network, *size) for size in sizes}
    norms = networks.norms(network).values()
    eps, momentum = one(norm.eps for norm in norms), one(norm.momentum for norm in norms)
    print(f"{name} {num_classes}: {trained:,} parameters, {', '.join(f'{cost:,}' for cost in costs.values())}")
    yield f"network {name} {num_classes}"
    yield f"trained {trained}"
    yield f"norms {eps} {momentum}"
    if layer_norms := networks.layer_norms(network).values():
        yield f"layer_norms {one(norm.eps for norm in layer_norms)}"
    for (height, width), cost in costs.items():
        yield f"multiply_adds {height} {width} {cost}"
    if num_classes == NUM_CLASSES[0]:
        check(name, trained, costs[sizes[0]] / 1e9)
        yield from listing(network)
    yield ""


def describe_auxiliary(name):
    """The paragraph of a network with its auxiliary heads: its entries alone."""
    with torch.device("meta"):
        network = networks.network(name, auxiliary=True)
    yield f"network {name}-aux {NUM_CLASSES[0]}"
    yield f"trained {sum(parameter.numel() for parameter in network.parameters())}"
    yield from listing(network)
    yield ""


lines = [line for name in networks.NAMES for count in NUM_CLASSES for line in describe(name, count)]
lines += [line for name in networks.WITH_AUXILIARY for line in describe_auxiliary(name)]
golden.save_text(HERE / "networks.txt", "\n".join(lines))
golden.save_versions(HERE, "timm", "torch", "torchvision")
