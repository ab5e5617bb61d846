"""What torchvision's operations make of an 8-bit image, and the strengths and pairs of its policies."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import AutoAugmentPolicy, functional as F

import marque_formula as formula
import marque_golden as golden

WIDTH, HEIGHT = 40, 30


def smooth():
    """Neighbours differ by a few levels, so that a place that is rounded to the other side shows as no more than that."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    channels = [6 * x, 8 * y, 3 * (x + y) + 20]
    return np.stack(channels).clip(0, 255).astype(np.uint8)


def noisy():
    """Any level beside any other, with few levels in the last channel."""
    values = ((formula.symmetric("noise", (3, HEIGHT, WIDTH)) + 1) * 128).clip(0, 255).astype(np.uint8)
    values[2] = values[2] // 64 * 60 + 30
    return values


def affine(image, **changes):
    arguments = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]} | changes
    return F.affine(image, **arguments)


CORNERS = [[0, 0], [WIDTH - 1, 0], [WIDTH - 1, HEIGHT - 1], [0, HEIGHT - 1]]
MOVED = [[3, 2], [WIDTH - 1 - 7, 4], [WIDTH - 1 - 1, HEIGHT - 1 - 5], [6, HEIGHT - 1]]
SMOOTH = {
    "horizontal_flip": F.horizontal_flip,
    "vertical_flip": F.vertical_flip,
    "rotate_nearest": lambda image: F.rotate(image, 33.0),
    "rotate_bilinear": lambda image: F.rotate(image, -71.5, interpolation="bilinear"),
    "rotate_quarter": lambda image: F.rotate(image, 90.0),
    "shear_x": lambda image: affine(image, shear=[np.degrees(np.arctan(0.27)), 0.0], center=[0, 0]),
    "shear_y": lambda image: affine(image, shear=[0.0, np.degrees(np.arctan(-0.43))], center=[0, 0]),
    "translate": lambda image: affine(image, translate=[-7, 5]),
    "affine": lambda image: affine(image, angle=17.0, translate=[3, -4], scale=1.3, shear=[11.0, -6.0]),
    "affine_bilinear": lambda image: affine(
        image, angle=-40.0, translate=[-2, 1], scale=0.7, shear=[-20.0, 5.0], interpolation="bilinear"
    ),
    "perspective": lambda image: F.perspective(image, CORNERS, MOVED, interpolation="bilinear"),
}
NOISY = {
    "brightness": lambda image: F.adjust_brightness(image, 1.37),
    "contrast": lambda image: F.adjust_contrast(image, 1.6),
    "contrast_less": lambda image: F.adjust_contrast(image, 0.3),
    "saturation": lambda image: F.adjust_saturation(image, 1.8),
    "saturation_less": lambda image: F.adjust_saturation(image, 0.25),
    "hue": lambda image: F.adjust_hue(image, 0.13),
    "hue_back": lambda image: F.adjust_hue(image, -0.4),
    "sharpness": lambda image: F.adjust_sharpness(image, 1.9),
    "sharpness_less": lambda image: F.adjust_sharpness(image, 0.1),
    "posterize": lambda image: F.posterize(image, 3),
    "posterize_none": lambda image: F.posterize(image, 0),
    "solarize": lambda image: F.solarize(image, 255.0 * 0.6),
    "auto_contrast": F.autocontrast,
    "equalize": F.equalize,
    "invert": F.invert,
    "grayscale": lambda image: F.rgb_to_grayscale(image, 3),
    "gaussian_blur": lambda image: F.gaussian_blur(image, [5, 5], [1.3, 1.3]),
}

tensors = {}
for made, cases in [(smooth(), SMOOTH), (noisy(), NOISY)]:
    image = torch.from_numpy(made)
    word = "smooth" if cases is SMOOTH else "noisy"
    tensors[word] = made.transpose(1, 2, 0)
    tensors |= {f"{word}/{case}": change(image).numpy().transpose(1, 2, 0) for case, change in cases.items()}
golden.save_tensors(HERE / "io.safetensors", tensors)


def strengths(policy, bins):
    """For every operation its strengths, whether they have two signs, and how many bins there are."""
    space = {}
    for name, (magnitudes, signed) in policy._AUGMENTATION_SPACE.items():
        found = magnitudes(bins, HEIGHT, WIDTH)
        space[name] = {"signed": signed, "strengths": None if found is None else [float(value) for value in found]}
    return space


policies = {
    "trivial_augment": strengths(v2.TrivialAugmentWide, 31),
    "rand_augment": strengths(v2.RandAugment, 31),
    "auto_augment": strengths(v2.AutoAugment, 10),
    "aug_mix": strengths(v2.AugMix, 10),
}
pairs = v2.AutoAugment(AutoAugmentPolicy.IMAGENET)._policies
golden.save_text(HERE / "policies.json", json.dumps({"spaces": policies, "imagenet": pairs}) + "\n")
golden.save_versions(HERE, "numpy", "torch", "torchvision")
