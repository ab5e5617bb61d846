"""Logits of every architecture in evaluation mode, filled by formula, from torchvision, timm and Keras.

A deep network with unfit batch-norm statistics forgets its input and answers with its last bias, so the
statistics are fitted to formula images and stored, a byte per channel (`marque_statistics.py`). The answers are
computed in float64; what float32 makes of them tells how much of a difference rounding explains.

`python generate.py NAME…` makes these alone.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import keras_networks
import keras
import numpy as np
import torch
from safetensors.numpy import load_file
from torch.utils.flop_counter import FlopCounterMode

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks
import marque_statistics as statistics

UNUSUAL_SIZE = (193, 225)
LARGEST_ROUNDING = 1e-5
AUXILIARY_HEADS = {"googlenet": ("aux2", "aux1"), "inception_v3": ("AuxLogits",)}


def sizes(name):
    return ((networks.usual_size(name),) * 2, UNUSUAL_SIZE)


def salt(height, width):
    return f"evaluation/{height}x{width}"


def evaluation_images(height, width):
    return formula.images((2, 3, height, width), salt(height, width))


def fitting_images(name):
    """Images like those of both sizes, in the usual one: a network that never saw their like may go silent."""
    shape = (2, 3, *sizes(name)[0])
    return np.concatenate([formula.images(shape, salt(*size)) for size in sizes(name)])


def compare(name, exact, rounded):
    """Says how far apart the answers to two images are and how far float32 is off; refuses what proves nothing."""
    for key, answers in exact.items():
        apart = golden.relative_error(answers[0], answers[1])
        error = golden.relative_error(rounded[key], answers)
        size = np.abs(answers).max()
        print(f"{name} {key}: up to {size:.2f}, apart {apart:.2f}, float32 off by {error:.1e}", flush=True)
        assert apart > 0.1, f"{name} hardly looks at its input"
        assert error < LARGEST_ROUNDING, f"{name} is not well conditioned"


def save(name, stored, exact):
    answers = {key: values.astype(np.float32) for key, values in exact.items()}
    golden.save_tensors(HERE / f"{name}.safetensors", stored | answers)


def torch_answers(name, network, dtype):
    """The logits at both sizes; those of auxiliary heads, which are the same code at any size, at the first."""
    found = {}
    network.to(dtype)
    for height, width in sizes(name)[: 1 if getattr(network, "aux_logits", False) else 2]:
        with torch.no_grad():
            answers = networks.heads_on(network)(torch.from_numpy(evaluation_images(height, width)).to(dtype))
        heads = ("logits", *AUXILIARY_HEADS[name]) if isinstance(answers, tuple) else ("logits",)
        answers = answers if isinstance(answers, tuple) else (answers,)
        for head, values in zip(heads, answers, strict=True):
            found[f"{head}/{height}x{width}"] = values.numpy()
    return found


def torch_case(name, auxiliary=False):
    if name.endswith("-v1"):
        # Nothing but the place of a stride differs from the network of torchvision, whose statistics will do.
        network, stored = networks.filled(name, load_file(HERE / f"{name.removesuffix('-v1')}.safetensors")), {}
    else:
        network = networks.fill(networks.network(name, auxiliary=auxiliary))
        images = torch.from_numpy(fitting_images(name))
        layers = networks.fit(network, images, networks.MEAN_SHIFTS.get(name, 0.0)).values()
        stored = statistics.pack(layers) if layers else {}
    rounded = torch_answers(name, network, torch.float32)
    exact = torch_answers(name, network, torch.float64)
    name = f"{name}-aux" if auxiliary else name
    compare(name, exact, rounded)
    save(name, stored, exact)


def channels_last(images):
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def keras_statistics(name, found, model):
    """Statistics as a golden file has them: the PyTorch network's with the same parameters, or fitted ones."""
    if keras_networks.counterpart(name):
        return load_file(HERE / f"{keras_networks.counterpart(name)}.safetensors")
    with torch.no_grad():
        return statistics.pack(keras_networks.fit(model, found, channels_last(fitting_images(name))))


def check_names(name, shapes):
    """The names and shapes that were assigned are those of the PyTorch network, if there is one."""
    if counterpart := keras_networks.counterpart(name):
        state = networks.state(networks.network(counterpart))
        assert shapes == {key: tuple(value.shape) for key, value in state.items()}


def keras_case(name):
    answers, stored, packed = {}, {}, None
    for float_type in ("float32", "float64"):
        keras.config.set_dtype_policy(float_type)
        keras.config.set_floatx(float_type)
        answers[float_type] = {}
        for height, width in sizes(name):
            model, found = keras_networks.make(name, height, width)
            check_names(name, keras_networks.fill(model, found, formula.parameter))
            packed = packed or keras_statistics(name, found, model)
            norms = keras_networks.norms(found).values()
            channels = [norm.gamma.shape[0] for norm in norms]
            keras_networks.set_statistics(found, statistics.unpack(packed, channels))
            images = channels_last(evaluation_images(height, width)).astype(float_type)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                logits = keras.ops.convert_to_numpy(model(images, training=False))
            answers[float_type][f"logits/{height}x{width}"] = logits
            stored[f"multiply_adds/{height}x{width}"] = np.int64(counter.get_total_flops() // 2 // len(images))
        trained = sum(variable.value.numel() for variable in model.trainable_variables)
        stored["trained_parameters"] = np.int64(trained)
    (eps,), (momentum,) = {norm.epsilon for norm in norms}, {norm.momentum for norm in norms}
    stored["eps_and_momentum"] = np.array([eps, round(1 - momentum, 6)], np.float64)
    if not keras_networks.counterpart(name):
        stored |= packed
    compare(name, answers["float64"], answers["float32"])
    print(f"{name}: {trained:,} trained parameters, eps {eps}, momentum {momentum}")
    save(name, stored, answers["float64"])


CASES = {name: lambda name=name: torch_case(name) for name in networks.NAMES}
CASES |= {f"{name}-aux": lambda name=name: torch_case(name, True) for name in networks.WITH_AUXILIARY}
CASES |= {name: lambda name=name: keras_case(name) for name in keras_networks.NAMES}

torch.set_num_threads(1)
for name in sys.argv[1:] or CASES:
    CASES[name]()
golden.save_versions(HERE, "keras", "numpy", "timm", "torch", "torchvision")
