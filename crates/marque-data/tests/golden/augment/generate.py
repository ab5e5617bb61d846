"""Shifts as Keras's ImageDataGenerator makes them, and colour factors as torchvision's.

Keras turns a shift of (rows, columns) pixels into a 3 x 3 matrix about the centre of the image and hands each channel to
scipy.ndimage.affine_transform with order 1 and mode "nearest"; it mirrors after that. Writes the picture as PNG and the
results, height x width x 3 from 0 to 255 in float32, to io.safetensors. The parameters of each result are stored as
<name>/plan: (row shift, column shift, flip) as fractions, or (brightness, contrast, saturation).
"""

from pathlib import Path

import numpy
import scipy
import torch
import torchvision
from PIL import Image
from safetensors.numpy import save_file
from scipy import ndimage
from torchvision.transforms import functional

HERE = Path(__file__).parent
SIZE = 24


def picture():
    generator = numpy.random.default_rng(4)
    y, x = numpy.mgrid[0:SIZE, 0:SIZE]
    channels = [10 * x + y / 2, 255 - 9 * y, 128 + 90 * numpy.sin(x * y / 40)]
    noise = generator.normal(0, 10, (SIZE, SIZE, 3))
    return numpy.clip(numpy.stack(channels, axis=-1) + noise, 0, 255).astype(numpy.uint8)


def shifted(pixels, row_fraction, column_fraction, flip):
    """The way of keras.preprocessing: matrix about the centre, then channel by channel."""
    to_centre = numpy.eye(3)
    to_centre[:2, 2] = SIZE / 2 - 0.5
    shift = numpy.eye(3)
    shift[:2, 2] = row_fraction * SIZE, column_fraction * SIZE
    matrix = to_centre @ shift @ numpy.linalg.inv(to_centre)
    channels = [
        ndimage.affine_transform(
            pixels[..., channel].astype(numpy.float32), matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest"
        )
        for channel in range(3)
    ]
    result = numpy.stack(channels, axis=-1)
    return result[:, ::-1] if flip else result


def recoloured(pixels, brightness, contrast, saturation):
    image = torch.from_numpy(pixels.astype(numpy.float32) / 255).permute(2, 0, 1)
    image = functional.adjust_brightness(image, brightness)
    image = functional.adjust_contrast(image, contrast)
    image = functional.adjust_saturation(image, saturation)
    return image.permute(1, 2, 0).numpy() * 255


def main():
    pixels = picture()
    Image.fromarray(pixels).save(HERE / "picture.png")
    tensors = {}
    shifts = [(0.1, 0, 0), (0, -0.1, 0), (0.0371, 0.0823, 1), (-0.0999, -0.0417, 0), (0, 0, 1), (-0.6, 0.9, 1)]
    for number, plan in enumerate(shifts):
        tensors[f"shift_{number}"] = shifted(pixels, *plan)
        tensors[f"shift_{number}/plan"] = numpy.array(plan)
    colors = [(1.3, 1, 1), (1, 0.65, 1), (1, 1.4, 1), (1, 1, 0.6), (1, 1, 1.4), (0.7, 1.35, 1.2), (1, 0, 1)]
    for number, plan in enumerate(colors):
        tensors[f"color_{number}"] = recoloured(pixels, *plan)
        tensors[f"color_{number}/plan"] = numpy.array(plan)
    save_file({k: numpy.ascontiguousarray(v, dtype=numpy.float32) for k, v in tensors.items()}, HERE / "io.safetensors")
    versions = f"scipy {scipy.__version__}\ntorchvision {torchvision.__version__}\nnumpy {numpy.__version__}\n"
    (HERE / "versions.txt").write_text(versions)


main()
