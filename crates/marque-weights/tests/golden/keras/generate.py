"""Writes the HDF5 files beside it: tiny Keras models in every format.

    KERAS_BACKEND=torch .goldens-venv/bin/python crates/marque-weights/tests/golden/keras/generate.py

Value i of the dataset at path p is ((7 * i + sum of the bytes of p) % 64 - 32) / 8, which is exact in half
precision; integers hold the numerator. Paths are whole, with the leading slash. So no second file is needed.
"""

import gzip
import json
import os
import pathlib
import sys
import zipfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import h5py
import keras
import numpy as np
from keras import layers
from keras.src.legacy.saving import legacy_h5_format

HERE = pathlib.Path(__file__).parent


def values(path, shape, dtype="f4"):
    count = int(np.prod(shape, dtype=int))
    numerators = (7 * np.arange(count) + sum(path.encode())) % 64 - 32
    if np.dtype(dtype).kind == "f":
        numerators = numerators / 8
    if np.dtype(dtype).kind == "b":
        numerators = numerators % 2
    return numerators.reshape(shape).astype(dtype)


def fill(file):
    """Replaces every number of a file by the formula's."""
    with h5py.File(file, "r+") as f:

        def visit(_, item):
            if isinstance(item, h5py.Dataset):
                item[...] = values(item.name, item.shape, item.dtype)

        f.visititems(visit)


def pack(file):
    """These files are mostly zeros: the repository keeps them small."""
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    file.unlink()


def model():
    """A nested model, and layer names that are not those that Keras would count out."""
    inner_input = keras.Input((4, 4, 2))
    x = layers.SeparableConv2D(3, 3, name="block1_sepconv1", use_bias=False)(inner_input)
    x = layers.BatchNormalization(name="block1_sepconv1_bn")(x)
    inner = keras.Model(inner_input, x, name="backbone")
    image = keras.Input((4, 4, 1), name="image")
    x = layers.Conv2D(2, 1, name="stem")(image)
    x = inner(x)
    x = layers.Dense(3, name="zeta")(x)
    x = layers.Dense(2, name="alpha")(x)
    made = keras.Model(image, x, name="tiny")
    made.compile(optimizer=keras.optimizers.SGD(momentum=0.0), loss="mse")
    return made


def keras_files():
    keras.utils.clear_session()
    made = model()
    made.save(HERE / "nested.keras")
    with zipfile.ZipFile(HERE / "nested.keras") as archive:
        (HERE / "nested.weights.h5").write_bytes(archive.read("model.weights.h5"))
        (HERE / "nested.config.json").write_bytes(archive.read("config.json"))
    fill(HERE / "nested.weights.h5")
    (HERE / "nested.keras").unlink()

    # Twelve layers of a kind, so that the tenth sorts before the second as text.
    many = [layers.Dense(1, use_bias=False, name=f"layer_{i}") for i in range(12)]
    file = HERE / "twelve.weights.h5"
    keras.Sequential([keras.Input((1,)), *many]).save_weights(file)
    fill(file)
    pack(file)

    with h5py.File(HERE / "legacy_weights.h5", "w") as f:
        legacy_h5_format.save_weights_to_hdf5_group(f, made)
    fill(HERE / "legacy_weights.h5")


def keras_2_model():
    """What tf.keras 2 wrote for a whole model: `model_weights`, names that end in `:0`, a nested model."""
    weights = {
        "input_1": [],
        "conv2d": [("conv2d/kernel:0", (1, 1, 1, 2)), ("conv2d/bias:0", (2,))],
        "backbone": [("bn1/gamma:0", (2,)), ("inner/conv_10/kernel:0", (1, 1, 2, 2)), ("bn1/moving_mean:0", (2,))],
        "dense": [("dense/kernel:0", (2, 2))],
    }
    with h5py.File(HERE / "keras2_model.h5", "w", libver="latest") as f:
        f.attrs["keras_version"] = "2.11.0"
        f.attrs["backend"] = "tensorflow"
        f.attrs["model_config"] = json.dumps(
            {"class_name": "Functional", "config": {"name": "model", "layers": [
                {"class_name": "InputLayer", "config": {"name": "input_1"}},
                {"class_name": "Conv2D", "config": {"name": "conv2d"}},
                {"class_name": "Functional", "config": {"name": "backbone", "layers": [
                    {"class_name": "BatchNormalization", "config": {"name": "bn1"}},
                    {"class_name": "Conv2D", "config": {"name": "inner/conv_10"}},
                ]}},
                {"class_name": "Dense", "config": {"name": "dense"}},
            ]}}
        )
        group = f.create_group("model_weights")
        group.attrs["layer_names"] = list(weights)
        for layer, tensors in weights.items():
            layer_group = group.create_group(layer)
            names = [n.encode() for n, _ in tensors]
            if layer == "backbone":
                # How Keras stores lists of more than 64 kB.
                layer_group.attrs["weight_names0"] = names[:2]
                layer_group.attrs["weight_names1"] = names[2:]
            else:
                layer_group.attrs["weight_names"] = np.array(names, dtype="S" if tensors else "f8")
            for name, shape in tensors:
                data = layer_group.create_dataset(name, shape, dtype="f4")
                data[...] = values(data.name, shape)
        f.create_group("optimizer_weights").create_dataset("iterations:0", data=np.int64(7))


def main():
    keras_files()
    keras_2_model()
    versions = {"python": sys.version.split()[0], "keras": keras.__version__, "h5py": h5py.__version__}
    versions["hdf5"] = h5py.version.hdf5_version
    (HERE / "versions.txt").write_text("".join(f"{k} {v}\n" for k, v in versions.items()))


main()
