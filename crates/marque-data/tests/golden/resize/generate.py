"""Pillow's bilinear resize, and torchvision's Resize + CenterCrop on Pillow images, of textured pictures.

Writes the pictures as PNG beside this file and the results, height x width x 3, to io.safetensors as float16 (0 to 255,
exact), under the names picture/squash/size and picture/crop/shorter side/size.
"""

from pathlib import Path

import numpy
import PIL
import torchvision
from PIL import Image
from safetensors.numpy import save_file
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

HERE = Path(__file__).parent


def picture(height, width, seed):
    """Waves, an edge and noise: smooth pictures would hide an error in the filter."""
    generator = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = 110 + 60 * numpy.sin(x / 3.0 + y / 11.0) + 30 * numpy.cos(y / 2.3)
    edge = 70.0 * (x + 2 * y > width)
    channels = [waves, edge + 90, 255 - waves]
    noise = generator.normal(0, 12, (height, width, 3))
    return numpy.clip(numpy.stack(channels, axis=-1) + noise, 0, 255).astype(numpy.uint8)


def main():
    pictures = {"wide": picture(45, 83, 1), "tall": picture(71, 40, 2), "long": picture(20, 201, 3)}
    results = {}
    for name, pixels in pictures.items():
        image = Image.fromarray(pixels)
        image.save(HERE / f"{name}.png")
        for size in [16, 40, 64]:
            squashed = image.resize((size, size), Image.Resampling.BILINEAR)
            results[f"{name}/squash/{size}"] = numpy.asarray(squashed)
        # Odd margins to both sides of a half: 71 rows of 40 columns become 49 rows (margin 12.5) at 28, and so on.
        for shorter_side, size in [(28, 24), (36, 33), (25, 25), (48, 41)]:
            steps = [Resize(shorter_side, InterpolationMode.BILINEAR), CenterCrop(size)]
            results[f"{name}/crop/{shorter_side}/{size}"] = numpy.asarray(Compose(steps)(image))
    tensors = {name: numpy.ascontiguousarray(pixels, dtype=numpy.float16) for name, pixels in results.items()}
    save_file(tensors, HERE / "io.safetensors")
    versions = f"pillow {PIL.__version__}\ntorchvision {torchvision.__version__}\nnumpy {numpy.__version__}\n"
    (HERE / "versions.txt").write_text(versions)


main()
