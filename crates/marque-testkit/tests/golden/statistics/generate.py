"""Values of marque_statistics.py for the test that its Rust twin gives the same bits."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import numpy as np

import marque_formula as formula
import marque_golden as golden
import marque_statistics as statistics

# A layer with every code, one of a single channel, one whose channels are all alike, one of usual size.
every_code = np.arange(256).astype(np.uint8), np.array([-1.7, 0.23, 0.013, 1.37], np.float32)
layers = {"every_code": every_code}
layers["single"] = statistics.quantise(formula.symmetric("single.mean", (1,)), [0.3])
layers["alike"] = statistics.quantise([0.7] * 5, [1.3] * 5)
mean = 3 * formula.symmetric("usual.mean", (96,)).astype(np.float64)
variance = np.exp(3 * formula.symmetric("usual.variance", (96,)).astype(np.float64))
layers["usual"] = statistics.quantise(mean, variance)

tensors = statistics.pack(layers.values())
channels = [len(codes) for codes, _ in layers.values()]
unpacked = statistics.unpack(tensors, channels)
for name, values in zip(layers, unpacked):
    for role, found in zip(("running_mean", "running_var"), values):
        tensors[f"{name}.{role}"] = found

# What a byte can hold is close to what it is made of: half a step of 6 / 15, half a ratio of e^(6 / 15).
found_mean, found_variance = unpacked[-1]
assert np.abs(found_mean - mean).max() < 0.21 and np.abs(np.log(found_variance / variance)).max() < 0.21
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy")
