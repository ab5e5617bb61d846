"""Keras's networks (on its PyTorch backend), filled under the names that marque gives their parameters."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

import marque_networks as networks
import marque_statistics as statistics

DENSENETS = ("densenet121-keras", "densenet169-keras", "densenet201-keras")
NAMES = DENSENETS + ("xception-keras", "resnet34-subject")
# Keras counts moving statistics among the parameters.
XCEPTION_PARAMETERS = 22_910_480


def counterpart(name):
    """The PyTorch network with the same parameters and so the same names, if there is one."""
    return name.removesuffix("-keras") if name.endswith("-keras") else None


def make(name, height, width):
    """The model for images of one size and its layers under marque's names, in marque's order."""
    keras.backend.clear_session()
    if name == "resnet34-subject":
        return subject(height, width)
    options = {"weights": None, "input_shape": (height, width, 3), "classifier_activation": None, "classes": 1000}
    if name == "xception-keras":
        model = keras.applications.Xception(**options)
        assert model.count_params() == XCEPTION_PARAMETERS
        return model, xception_layers(model)
    application = {"121": "DenseNet121", "169": "DenseNet169", "201": "DenseNet201"}[name[8:11]]
    model = getattr(keras.applications, application)(**options)
    return model, densenet_layers(model, counterpart(name))


def densenet_layers(model, torch_name):
    """A DenseNet is one chain of layers with weights, so its order names them."""
    names = [key.rsplit(".", 1)[0] for key in networks.state(networks.network(torch_name))]
    names = list(dict.fromkeys(names))
    weighted = [layer for layer in model.layers if layer.weights]
    assert len(names) == len(weighted)
    return dict(zip(names, weighted))


def xception_layers(model):
    """Layers called `block<i>_…` have a counterpart in timm's block i - 1; those on shortcuts have no name."""
    found = {
        "conv1": model.get_layer("block1_conv1"),
        "bn1": model.get_layer("block1_conv1_bn"),
        "conv2": model.get_layer("block1_conv2"),
        "bn2": model.get_layer("block1_conv2_bn"),
    }
    unnamed = [layer for layer in model.layers if layer.weights and not layer.name.startswith(("block", "pred"))]
    skips = [layer for layer in unnamed if isinstance(layer, layers.Conv2D)]
    skip_norms = [layer for layer in unnamed if isinstance(layer, layers.BatchNormalization)]
    assert len(unnamed) == 8 and len(skips) == len(skip_norms) == 4
    for block in range(1, 13):
        if block in (1, 2, 3, 12):
            found[f"block{block}.skip"], found[f"block{block}.skipbn"] = skips.pop(0), skip_norms.pop(0)
        repetitions = 3 if 4 <= block <= 11 else 2
        for repetition in range(repetitions):
            # A rectifier comes first, but not in the first block.
            place = 3 * repetition + (block > 1)
            layer = f"block{block + 1}_sepconv{repetition + 1}"
            found[f"block{block}.rep.{place}"] = model.get_layer(layer)
            found[f"block{block}.rep.{place + 1}"] = model.get_layer(f"{layer}_bn")
    for number in (3, 4):
        layer = f"block14_sepconv{number - 2}"
        found[f"conv{number}"], found[f"bn{number}"] = model.get_layer(layer), model.get_layer(f"{layer}_bn")
    return found | {"fc": model.get_layer("predictions")}


def subject(height, width):
    """A residual network of 34 layers with biases, a batch norm after each addition and a bare projection."""
    found = {}

    def layer(name, made):
        found[name] = made
        return made

    def convolution(name, channels, kernel_size, stride):
        return layer(name, layers.Conv2D(channels, kernel_size, strides=stride, padding="same"))

    def norm(name, x):
        return layer(name, layers.BatchNormalization())(x)

    images = keras.Input((height, width, 3))
    x = layers.ReLU()(norm("bn1", convolution("conv1", 64, 7, 2)(images)))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, (blocks, channels) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512)), start=1):
        for index in range(blocks):
            name = f"layer{stage}.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            y = layers.ReLU()(norm(f"{name}.bn1", convolution(f"{name}.conv1", channels, 3, stride)(x)))
            y = layers.ReLU()(norm(f"{name}.bn2", convolution(f"{name}.conv2", channels, 3, 1)(y)))
            if stride == 2:
                x = convolution(f"{name}.downsample", channels, 1, 2)(x)
            x = layers.ReLU()(norm(f"{name}.bn3", layers.Add()([y, x])))
    x = layers.GlobalAveragePooling2D()(x)
    logits = layer("fc", layers.Dense(1000))(x)
    return keras.Model(images, logits), found


def variables(name, layer):
    """The variables of a layer under marque's names, each with marque's axes in Keras's order.

    A kernel O×I×H×W of ours is H×W×I×O there, a depthwise one C×1×H×W is H×W×C×1.
    """
    if isinstance(layer, layers.SeparableConv2D):
        yield f"{name}.conv1.weight", layer.depthwise_kernel, (2, 3, 0, 1)
        yield f"{name}.pointwise.weight", layer.pointwise_kernel, (2, 3, 1, 0)
    elif isinstance(layer, layers.BatchNormalization):
        yield f"{name}.weight", layer.gamma, (0,)
        yield f"{name}.bias", layer.beta, (0,)
        yield f"{name}.running_mean", layer.moving_mean, (0,)
        yield f"{name}.running_var", layer.moving_variance, (0,)
    else:
        yield f"{name}.weight", layer.kernel, (2, 3, 1, 0) if len(layer.kernel.shape) == 4 else (1, 0)
        if layer.use_bias:
            yield f"{name}.bias", layer.bias, (0,)


def norms(found) -> dict:
    """The batch norms among layers under their names."""
    return {name: layer for name, layer in found.items() if isinstance(layer, layers.BatchNormalization)}


def fill(model, found, parameter):
    """Assigns `parameter(name, shape)` to every variable of the model, each once, and returns their shapes."""
    assigned, shapes = [], {}
    for name, layer in found.items():
        for key, variable, axes in variables(name, layer):
            # Axis number `place` of Keras's is our axis `axis`.
            shape = [0] * len(axes)
            for place, axis in enumerate(axes):
                shape[axis] = variable.shape[place]
            variable.assign(np.transpose(parameter(key, tuple(shape)), axes))
            assigned.append(id(variable))
            shapes[key] = tuple(shape)
    assert sorted(assigned) == sorted(id(variable) for variable in model.weights), "not every variable, or one twice"
    return shapes


def fit(model, found, images):
    """Fits the statistics to images as `marque_networks.fit` does: one layer after the other, each quantised."""
    packed = {}

    def fitting(name, layer):
        usual = layer.call

        def call(x, training=None, mask=None):
            values = keras.ops.convert_to_numpy(x).astype(np.float64)
            # The only networks that are fitted here have residual branches that end in a second norm.
            damping = networks.BRANCH_DAMPING if name.endswith("bn2") else 1.0
            packed[name] = statistics.quantise(values.mean((0, 1, 2)), values.var((0, 1, 2)) * damping)
            assign(layer, *statistics.dequantise(*packed[name]))
            return usual(x, training=False)

        return usual, call

    calls = {name: fitting(name, layer) for name, layer in norms(found).items()}
    for name, (_, call) in calls.items():
        found[name].call = call
    model(images, training=False)
    for name, (usual, _) in calls.items():
        found[name].call = usual
    return [packed[name] for name in norms(found)]


def assign(norm, mean, variance):
    norm.moving_mean.assign(mean)
    norm.moving_variance.assign(variance)


def set_statistics(found, pairs):
    """Gives the batch norms, in their order, these means and variances."""
    for layer, (mean, variance) in zip(norms(found).values(), pairs, strict=True):
        assign(layer, mean, variance)
