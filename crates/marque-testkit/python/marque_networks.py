"""The PyTorch networks that marque's are compared with, under marque's names.

Most come out of torchvision or timm as they are. Where no library has a variant, torchvision's own modules are
changed in one place: the stride, or the shortcut. The networks with pre-activations, which neither has for small images,
are written down here from their paper.
"""

import numpy as np
import timm
import torch
from torch.nn import functional
from torchvision import models
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet, conv1x1

import marque_formula as formula
import marque_statistics as statistics

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
RESNET_VARIANTS = ("resnet50-v1", "resnet101-v1", "resnet152-v1", "plain18", "plain34", "resnet34-a", "resnet34-c")
DENSENETS = ("densenet121", "densenet161", "densenet169", "densenet201")
VGGS = tuple(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))
INCEPTIONS = ("googlenet", "inception_v3")
GROUPED_RESNETS = ("resnext50_32x4d", "wide_resnet50_2")
MOBILENETS = ("mobilenet_v3_small", "mobilenet_v3_large")
# With the height and width of the images that each was published for: timm's first, then torchvision's.
EFFICIENTNETS = {f"tf_efficientnet_lite{number}": size for number, size in enumerate((224, 240, 260, 300, 380))}
FULL_EFFICIENTNETS = {f"efficientnet_b{number}": size for number, size in enumerate((224, 240, 288, 300, 380))}
FULL_EFFICIENTNETS |= {"efficientnet_v2_s": 384}
REGNETS = tuple(f"regnet_y_{cost}" for cost in ("400mf", "800mf", "1_6gf", "3_2gf"))
CONVNEXTS = ("convnext_tiny", "convnext_small")
PREACTIVATIONS = {f"preact_resnet{depth}": depth for depth in (20, 56, 110)}
NAMES = RESNETS + RESNET_VARIANTS + DENSENETS + VGGS + INCEPTIONS + ("xception",)
NAMES += GROUPED_RESNETS + ("mobilenet_v2",) + tuple(EFFICIENTNETS) + MOBILENETS + tuple(FULL_EFFICIENTNETS)
NAMES += REGNETS + CONVNEXTS + tuple(PREACTIVATIONS)
WITH_AUXILIARY = ("googlenet", "inception_v3")

# The variance at the end of a residual branch is taken so many times as large, so that the branch adds a
# quarter of its usual share. Fifty blocks that each double what comes in would make the rounding errors of
# float32 as large as the tolerance, and images, all but the most unusual one, alike.
BRANCH_DAMPING = 16.0
# In a deep network without shortcuts every rectifier makes the share of rounding errors larger. There means are
# taken some deviations lower, so that most of what arrives at a rectifier passes it as it is.
MEAN_SHIFTS = {"plain34": 0.5, "inception_v3": 1.0}


def usual_size(name) -> int:
    """Height and width of the images that the network was published for."""
    if name in PREACTIVATIONS:
        return 32
    return (EFFICIENTNETS | FULL_EFFICIENTNETS).get(name, 299 if name.startswith(("inception", "xception")) else 224)


class PlainBlock(BasicBlock):
    """A basic block without its shortcut."""

    def __init__(self, in_channels, channels, stride=1, downsample=None, *others, **options):
        super().__init__(in_channels, channels, stride, None, *others, **options)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)))


class PaddedShortcut(torch.nn.Module):
    """Option A: every other pixel, and zeros for the channels that are new."""

    def __init__(self, new_channels):
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x):
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))


class BlockA(BasicBlock):
    """A basic block whose shortcut never has parameters."""

    def __init__(self, in_channels, channels, stride=1, downsample=None, *others, **options):
        shortcut = PaddedShortcut(channels - in_channels) if downsample is not None else None
        super().__init__(in_channels, channels, stride, shortcut, *others, **options)


class BlockC(BasicBlock):
    """A basic block whose shortcut is always a projection."""

    def __init__(self, in_channels, channels, stride=1, downsample=None, *others, **options):
        projection = torch.nn.Sequential(conv1x1(in_channels, channels, stride), torch.nn.BatchNorm2d(channels))
        super().__init__(in_channels, channels, stride, projection, *others, **options)


class PreactivationUnit(torch.nn.Module):
    """He et al. 2016, figure 4 (e): norm and rectifier stand before each of the two convolutions.

    The first unit of a network splits behind its first rectifier; all others hand on what came in.
    """

    def __init__(self, in_channels, channels):
        super().__init__()
        self.is_first = False
        grows = channels != in_channels
        self.bn1 = torch.nn.BatchNorm2d(in_channels)
        self.conv1 = torch.nn.Conv2d(in_channels, channels, 3, 2 if grows else 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(channels)
        self.conv2 = torch.nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.shortcut = PaddedShortcut(channels - in_channels) if grows else torch.nn.Identity()

    def forward(self, x):
        activated = functional.relu(self.bn1(x))
        residual = self.conv2(functional.relu(self.bn2(self.conv1(activated))))
        return self.shortcut(activated if self.is_first else x) + residual


class PreactivationNetwork(torch.nn.Module):
    """The networks of 6n + 2 layers for CIFAR: n units of 16 channels, n of 32, n of 64."""

    def __init__(self, depth, num_classes):
        super().__init__()
        count, rest = divmod(depth - 2, 6)
        assert rest == 0
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.layer1 = self.stage(16, 16, count)
        self.layer2 = self.stage(16, 32, count)
        self.layer3 = self.stage(32, 64, count)
        self.layer1[0].is_first = True
        self.bn = torch.nn.BatchNorm2d(64)
        self.fc = torch.nn.Linear(64, num_classes)

    @staticmethod
    def stage(in_channels, channels, count):
        rest = [PreactivationUnit(channels, channels) for _ in range(count - 1)]
        return torch.nn.Sequential(PreactivationUnit(in_channels, channels), *rest)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(functional.relu(self.bn(x)).mean((2, 3)))


ADAPTED = {
    "plain18": (PlainBlock, [2, 2, 2, 2]),
    "plain34": (PlainBlock, [3, 4, 6, 3]),
    "resnet34-a": (BlockA, [3, 4, 6, 3]),
    "resnet34-c": (BlockC, [3, 4, 6, 3]),
}


def first_version(network):
    """Moves the stride of every bottleneck to its first convolution, where the paper has it."""
    for block in network.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    return network


def network(name, num_classes=1000, auxiliary=False):
    """An unfilled network; with `auxiliary` the one of GoogLeNet or Inception-v3 with its auxiliary heads."""
    assert not auxiliary or name in WITH_AUXILIARY
    if name in WITH_AUXILIARY:
        make = getattr(models, name)
        return make(num_classes=num_classes, aux_logits=auxiliary, transform_input=False, init_weights=False)
    if name == "xception":
        return timm.create_model("legacy_xception", pretrained=False, num_classes=num_classes)
    if name in EFFICIENTNETS:
        return timm.create_model(name, pretrained=False, num_classes=num_classes)
    if name in PREACTIVATIONS:
        return PreactivationNetwork(PREACTIVATIONS[name], num_classes)
    if name.endswith("-v1"):
        return first_version(getattr(models, name.removesuffix("-v1"))(num_classes=num_classes))
    if name in ADAPTED:
        return ResNet(*ADAPTED[name], num_classes=num_classes)
    return getattr(models, name)(num_classes=num_classes)


def state(network) -> dict:
    """The state_dict without the counters of batches, which marque does not keep."""
    return {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}


def norms(network) -> dict:
    """The batch norms under their names, in the order of the state_dict."""
    return {key: module for key, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}


def layer_norms(network) -> dict:
    """The layer norms under their names."""
    return {key: module for key, module in network.named_modules() if isinstance(module, torch.nn.LayerNorm)}


def heads_on(network):
    """Evaluation mode in which GoogLeNet and Inception-v3 answer with their auxiliary heads too, if they have any."""
    network.eval()
    network.training = getattr(network, "aux_logits", False)
    return network


def fill(network):
    """Gives every parameter and statistic its value by formula."""
    for key, value in state(network).items():
        value.copy_(torch.from_numpy(formula.parameter(key, tuple(value.shape))))
    return network


def branch_ends(network):
    """The last batch norm of every branch that is added to a shortcut."""
    for key, module in network.named_modules():
        if isinstance(module, (BasicBlock, Bottleneck)) and not isinstance(module, PlainBlock):
            yield f"{key}.bn3" if isinstance(module, Bottleneck) else f"{key}.bn2"
        elif getattr(module, "use_res_connect", False):
            # MobileNetV2 has the norm beside the convolution, its successors in a module with it.
            has_pairs = hasattr(module, "block")
            yield f"{key}.block.{len(module.block) - 1}.1" if has_pairs else f"{key}.conv.{len(module.conv) - 1}"
        elif getattr(module, "has_skip", False):
            yield f"{key}.bn3"
        elif isinstance(module, ResBottleneckBlock):
            yield f"{key}.f.c.1"


def fit(network, images, mean_shift=0.0) -> dict:
    """Fits the statistics to images, layer by layer, to values that a byte can hold; returns codes and ranges.

    A layer sees what the layers before it make of the images with statistics that are already quantised, so
    the coarseness of one does not add up with that of the next.
    """
    found = {}
    damped = set(branch_ends(network))

    def hook(key):
        def before(norm, inputs):
            values = inputs[0].double()
            variance = values.var((0, 2, 3), correction=0) * (BRANCH_DAMPING if key in damped else 1.0)
            mean = values.mean((0, 2, 3)) - mean_shift * variance.sqrt()
            codes, ranges = statistics.quantise(mean, variance)
            set_statistics(norm, *statistics.dequantise(codes, ranges))
            found[key] = codes, ranges

        return before

    handles = [norm.register_forward_pre_hook(hook(key)) for key, norm in norms(network).items()]
    with torch.no_grad():
        heads_on(network)(images)
    for handle in handles:
        handle.remove()
    return {key: found[key] for key in norms(network)}


def set_statistics(norm, mean, variance):
    norm.running_mean.copy_(torch.from_numpy(np.asarray(mean)))
    norm.running_var.copy_(torch.from_numpy(np.asarray(variance)))


def filled(name, golden=None, auxiliary=False):
    """The network with parameters by formula and, if it has batch norms, the statistics of a golden file."""
    result = fill(network(name, auxiliary=auxiliary))
    layers = norms(result).values()
    if layers:
        pairs = statistics.unpack(golden, [norm.num_features for norm in layers])
        for norm, (mean, variance) in zip(layers, pairs):
            set_statistics(norm, mean, variance)
    return result
