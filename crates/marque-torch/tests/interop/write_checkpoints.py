"""Writes networks as the files that today's PyTorch, safetensors, Keras and h5py make, in old layouts too.

`python write_checkpoints.py FOLDER` says `file NAME` on standard output for each, and writes the next when a line comes
on standard input: the reader may have deleted the file by then, and together they have 2.3 GB. Beside a file lies
`logits.safetensors`: what the network that was saved answers to `formula.images((2, 3, 96, 96), "checkpoints")`, in
PyTorch computed in float64, in Keras in float32.
"""

import copy
import json
import os
import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "marque-testkit" / "python"))
os.environ["KERAS_BACKEND"] = "torch"

import absl.logging
import h5py
import keras
import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks

SIDE = 96
IMAGES = formula.images((2, 3, SIDE, SIDE), "checkpoints")
TORCH = ("resnet50", "densenet121", "xception")
# By marque's names.
KERAS = {
    "resnet50-v1": keras.applications.ResNet50,
    "densenet121-keras": keras.applications.DenseNet121,
    "xception-keras": keras.applications.Xception,
}


class Checkpoints:
    """The folder for the files of one network."""

    def __init__(self, folder, name, logits):
        assert golden.relative_error(*logits) > 0.1, f"{name} hardly looks at its input"
        self.folder, self.name = folder, name
        save_file({"logits": np.ascontiguousarray(logits, np.float32)}, folder / "logits.safetensors")

    def write(self, kind, save):
        """Has `save(path)` write a file, and waits until it has been read."""
        path = self.folder / f"{self.name}.{kind}"
        save(path)
        print(f"file {path.name}", flush=True)
        if not sys.stdin.readline():
            sys.exit("nobody reads these files")


def save_legacy(state):
    """Writes as PyTorch did before 1.6."""
    return lambda path: torch.save(state, path, _use_new_zipfile_serialization=False)


def torch_files(folder, name):
    network = networks.fill(networks.network(name))
    networks.fit(network, torch.from_numpy(IMAGES))
    network.eval()
    with torch.no_grad():
        logits = copy.deepcopy(network).double()(torch.from_numpy(IMAGES).double()).numpy()
    state = network.state_dict()
    checkpoints = Checkpoints(folder, name, logits)
    checkpoints.write("zip.pth", lambda path: torch.save(state, path))
    checkpoints.write("legacy.pth", save_legacy(state))
    checkpoints.write("safetensors", lambda path: save_torch_file(state, path))
    checkpoints.write("nested.pth", lambda path: torch.save(training_state(network), path))
    if name == "densenet121":
        checkpoints.write("dotted.pth", save_legacy(dotted(networks.state(network))))
    if name == "xception":
        flat = flattened(networks.state(network))
        checkpoints.write("flat.pth", save_legacy(flat))
        last_linear = {key.replace("fc.", "last_linear."): value for key, value in flat.items()}
        checkpoints.write("last_linear.pth", save_legacy(last_linear))


def training_state(network):
    """What a training script with several GPUs saves."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    wrapped = torch.nn.DataParallel(network)
    return {"epoch": 7, "state_dict": wrapped.state_dict(), "best_acc1": 0.5, "optimizer": optimizer.state_dict()}


def dotted(state):
    """Names as in torchvision's DenseNets of 2017."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])\.")
    return {pattern.sub(r"\1.\2.", key): value for key, value in state.items()}


def flattened(state):
    """Pointwise kernels as in the Xception of `pretrainedmodels` of 2017: matrices."""
    squeeze = lambda key, value: value[:, :, 0, 0] if key.endswith("pointwise.weight") else value
    return {key: squeeze(key, value) for key, value in state.items()}


def keras_files(folder, name, make):
    # The session is not cleared in between: numbers of layers without a name go on, as they do in files found anywhere.
    model = make(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    images = np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1))
    for variable in model.weights:
        variable.assign(value_of(variable))
    with torch.no_grad():
        fit(model, images)
        logits = keras.ops.convert_to_numpy(model(images, training=False))
    checkpoints = Checkpoints(folder, name, logits)
    checkpoints.write("keras", model.save)
    checkpoints.write("weights.h5", model.save_weights)
    checkpoints.write("whole.h5", model.save)
    checkpoints.write("old.h5", lambda path: save_old(path, model))
    checkpoints.write("old_whole.h5", lambda path: save_old_whole(path, model))


def value_of(variable):
    """As `formula.parameter` has it, for kernels whose outputs come last."""
    shape = tuple(variable.shape)
    if len(shape) > 1:
        inputs = shape[:2] if variable.name == "depthwise_kernel" else shape[:-1]
        return formula.uniform(variable.path, shape, 0.0, np.sqrt(6.0 / np.prod(inputs)))
    if variable.name == "gamma":
        return formula.uniform(variable.path, shape, 1.0, 0.5)
    return formula.uniform(variable.path, shape, 0.0, 0.1)


def fit(model, images):
    """Gives each batch norm the statistics of what arrives; ends of residual branches are damped as in PyTorch's."""

    def fitting(norm, usual):
        def call(x, training=None, mask=None):
            values = keras.ops.convert_to_numpy(x)
            norm.moving_mean.assign(values.mean((0, 1, 2)))
            damping = networks.BRANCH_DAMPING if norm.name.endswith("_3_bn") else 1.0
            norm.moving_variance.assign(values.var((0, 1, 2)) * damping)
            return usual(x, training=False)

        return call

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [norm.call for norm in norms]
    for norm, call in zip(norms, usual):
        norm.call = fitting(norm, call)
    model(images, training=False)
    for norm, call in zip(norms, usual):
        norm.call = call


def write_old_group(group, model):
    """Weights as Keras 2 laid them out in `save_weights`."""
    group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = b"2.2.4"
    for layer in model.layers:
        own = group.create_group(layer.name)
        names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
        own.attrs["weight_names"] = [name.encode() for name in names]
        for name, variable in zip(names, layer.weights):
            own.create_dataset(name, data=keras.ops.convert_to_numpy(variable.value))


def save_old(path, model):
    with h5py.File(path, "w") as file:
        write_old_group(file, model)


def save_old_whole(path, model):
    """The same in a whole model, with its description and the state of an optimiser."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": model.get_config()}, default=str)
        write_old_group(file.create_group("model_weights"), model)
        optimizer = file.create_group("optimizer_weights")
        optimizer.attrs["weight_names"] = [b"training/Adam/iterations:0"]
        optimizer.create_dataset("training/Adam/iterations:0", data=np.int64(3))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    # That its `.h5` is an old format is known.
    absl.logging.set_verbosity(absl.logging.ERROR)
    warnings.simplefilter("ignore")
    for name in TORCH:
        torch_files(folder, name)
    for name, make in KERAS.items():
        keras_files(folder, name, make)


main()
