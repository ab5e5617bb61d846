"""ONNX files of other programs: PyTorch by both of its exporters, timm, and Keras through tf2onnx.

Their weights are left out: an initializer of many floats keeps two numbers in the place of its own, between which they lie by
formula under its name, as centre and half width. What the networks answer is what ONNX Runtime makes of the files once they are
filled. Names of nodes and of tensors are the programs' own; what programs say of themselves (stack traces and shapes in between)
is left out.

The files of Keras need TensorFlow, which the other golden files do without; where it cannot be imported they are left as they are:

    pip install tensorflow-cpu tf2onnx
"""

import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))
warnings.filterwarnings("ignore")

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import marque_formula as formula
import marque_golden as golden

# Shorter tensors keep their numbers: they may be axes, bounds and the like.
SHORTEST = 16


def ranges(model):
    """What each long tensor of floats is filled between."""
    norms = ("BatchNormalization", "LayerNormalization")
    scales = {node.input[1] for node in model.graph.node if node.op_type in norms}
    factors = {name for node in model.graph.node if node.op_type == "Mul" for name in node.input}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    # A tensor that several layers share has another name at some of them.
    for node in model.graph.node:
        if node.op_type == "Identity" and node.output[0] in scales | variances:
            (scales if node.output[0] in scales else variances).add(node.input[0])
    for tensor in model.graph.initializer:
        shape = tuple(tensor.dims)
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(shape, dtype=int) < SHORTEST:
            continue
        is_vector = sum(extent > 1 for extent in shape) < 2
        if tensor.name in scales | variances or is_vector and tensor.name in factors:
            yield tensor, 1.0, 0.5
        elif is_vector:
            yield tensor, 0.0, 0.1
        else:
            # Of fully connected layers the inputs may come first; they have about as many of both.
            inputs = np.prod(shape[1:], dtype=int) if len(shape) == 4 else max(shape)
            yield tensor, 0.0, np.float32(np.sqrt(6.0 / inputs))


def fill(model):
    """Fills the tensors, and gives the file as it is kept."""
    kept = onnx.ModelProto()
    kept.CopyFrom(model)
    stored = {tensor.name: tensor for tensor in kept.graph.initializer}
    for tensor, centre, half_width in list(ranges(model)):
        values = formula.uniform(tensor.name, tuple(tensor.dims), centre, half_width)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        short = stored[tensor.name]
        short.ClearField("raw_data")
        short.ClearField("float_data")
        short.float_data.extend([centre, half_width])
    for node in kept.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for kind in ("value_info", "metadata_props"):
        kept.graph.ClearField(kind)
    kept.ClearField("metadata_props")
    for value in (*kept.graph.initializer, *kept.graph.input, *kept.graph.output):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")
    return kept


def keep(name, model, size, answers):
    """Writes a file without its weights, and adds what it answers."""
    kept = fill(model)
    content = kept.SerializeToString()
    if len(content) > golden.SIZE_LIMIT_BYTES:
        sys.exit(f"{name} would have {len(content)} bytes")
    (HERE / f"{name}.onnx").write_bytes(content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    batch = 2 if not isinstance(source.shape[0], int) else source.shape[0]
    images = formula.images((batch, 3, size, size), f"programs/{name}")
    if source.shape[-1] == 3:
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    logits = session.run(None, {source.name: images})[0]
    assert np.isfinite(logits).all() and logits.std() > 0, name
    if batch == 2:
        apart = golden.relative_error(logits[0], logits[1])
        assert apart > 0.001, f"{name}: images are too alike, {apart}"
    answers[f"logits/{name}"] = logits
    answers[f"shape/{name}"] = np.array([batch, 3, size, size], np.int64)
    print(f"{name}: {len(model.graph.node)} nodes, {len(content)} bytes, logits to {np.abs(logits).max():.3g}")


def of_torch(answers):
    """PyTorch's networks, by its exporter of TorchScript and by that of torch.export."""
    import timm
    import torch
    from torchvision import models

    def made(name):
        if name.startswith("timm_"):
            return timm.create_model(name.removeprefix("timm_"), pretrained=False, num_classes=10)
        options = {"num_classes": 10}
        if name == "googlenet":
            options |= {"aux_logits": False, "init_weights": False, "transform_input": False}
        return getattr(models, name)(**options)

    def export(network, size, path, way):
        images = torch.zeros(2, 3, size, size)
        if way.startswith("script"):
            opset = int(way.removeprefix("script"))
            axes = {"input": {0: "batch"}}
            torch.onnx.export(network, (images,), path, dynamo=False, opset_version=opset, input_names=["input"], dynamic_axes=axes)
        else:
            batch = ({0: torch.export.Dim("batch")},) if way == "dynamo" else None
            torch.onnx.export(network, (images,), path, dynamo=True, external_data=False, dynamic_shapes=batch, verbose=False)
        return onnx.load(path)

    for name, size, ways in [
        ("resnet18", 64, ("script17", "dynamo")),
        ("mobilenet_v3_small", 64, ("script11", "dynamo")),
        ("efficientnet_b0", 64, ("dynamo",)),
        ("regnet_y_400mf", 64, ("script17", "dynamo")),
        ("densenet121", 64, ("dynamo",)),
        ("googlenet", 64, ("dynamo",)),
        ("convnext_tiny", 32, ("script14",)),
        ("timm_convnext_atto", 64, ("script20", "dynamo")),
        ("timm_tf_efficientnet_lite0", 64, ("script17", "fixed")),
        ("timm_legacy_xception", 71, ("script17",)),
        ("timm_seresnet18", 64, ("script13", "dynamo")),
    ]:
        torch.manual_seed(0)
        network = made(name).eval()
        for way in ways:
            with tempfile.TemporaryDirectory() as folder:
                model = export(network, size, f"{folder}/network.onnx", way)
            keep(f"{name}-{way}", model, size, answers)


def of_keras(answers):
    """Keras's networks, by tf2onnx."""
    import keras
    import tensorflow as tf
    import tf2onnx

    for name, size, static, options in [
        ("MobileNetV2", 64, False, {"alpha": 0.35}),
        ("EfficientNetV2B0", 64, True, {"include_preprocessing": False}),
        ("DenseNet121", 64, False, {}),
        ("ResNet50", 64, True, {}),
        ("Xception", 71, False, {}),
        ("MobileNetV3Small", 64, True, {"include_preprocessing": False}),
    ]:
        keras.utils.set_random_seed(0)
        make = getattr(keras.applications, name)
        network = make(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None, **options)
        shape = (None, size, size, 3) if static else (None, None, None, 3)
        function = tf.function(lambda images: network(images, training=False))
        signature = (tf.TensorSpec(shape, tf.float32, name="images"),)
        model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
        keep(f"keras_{name}-{'static' if static else 'dynamic'}", model, size, answers)


answers = {}
which = sys.argv[1:] or ["torch", "keras"]
if "torch" in which:
    of_torch(answers)
    golden.save_tensors(HERE / "torch.safetensors", answers)
    golden.save_versions(HERE, "numpy", "onnx", "onnxruntime", "onnxscript", "timm", "torch", "torchvision")
if "keras" in which:
    try:
        import tensorflow
        import tf2onnx
    except ImportError as error:
        print(f"the files of Keras are left as they are: {error}")
        which.remove("keras")
if "keras" in which:
    answers = {}
    of_keras(answers)
    golden.save_tensors(HERE / "keras.safetensors", answers)
    lines = [f"{package} {metadata.version(package)}" for package in ("keras", "onnx", "tensorflow-cpu", "tf2onnx")]
    golden.save_text(HERE / "versions_keras.txt", "\n".join(lines) + "\n")
