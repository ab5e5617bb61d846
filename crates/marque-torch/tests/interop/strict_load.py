"""PyTorch loads what marque writes, with `strict=True`, and marque what PyTorch writes; logits are the same.

`python strict_load.py FOLDER [NAME…]`, where FOLDER has the examples `initial_weights` and `forward`, built.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "marque-testkit" / "python"))

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import marque_formula as formula
import marque_golden as golden
import marque_networks as networks

TOLERANCE = 1e-4
AUXILIARY = tuple(f"{name}-aux" for name in networks.WITH_AUXILIARY)


def run(program, *arguments):
    """Runs an example; what it says is shown only if it fails."""
    finished = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"{program.name} {' '.join(map(str, arguments))}\n{finished.stdout}{finished.stderr}")


def relative_error(examples, folder, name) -> float:
    """How far marque's logits are from PyTorch's with the same weights."""
    weights, images, logits = (folder / file for file in ("weights.safetensors", "images.npy", "logits.npy"))
    run(examples / "initial_weights", "--arch", name, "--out", weights)
    base = name.removesuffix("-aux")
    network = networks.network(base, auxiliary=name in AUXILIARY)
    # Counters of batches are the only entries that may be missing: PyTorch adds them where they are.
    network.load_state_dict(load_file(weights), strict=True)
    size = networks.usual_size(base)
    batch = formula.images((2, 3, size, size), "interop")
    # With its first statistics a deep network may answer with its last bias, whatever it is shown.
    networks.fit(network, torch.from_numpy(batch), networks.MEAN_SHIFTS.get(base, 0.0))
    save_file(network.state_dict(), weights)
    np.save(images, batch)
    run(examples / "forward", "--arch", name, "--weights", weights, "--input", images, "--output", logits)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(batch)).numpy()
    assert golden.relative_error(expected[0], expected[1]) > 0.01, f"{name} hardly looks at its input"
    return golden.relative_error(np.load(logits), expected)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # A name without a folder would be looked for on the PATH.
    examples = Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or networks.NAMES + AUXILIARY
    failed = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                error = relative_error(examples, Path(folder), name)
            except RuntimeError as refusal:
                failed.append(name)
                print(f"{name}: {refusal}", flush=True)
                continue
        if not error <= TOLERANCE:
            failed.append(name)
        print(f"{name}: loaded, logits off by {error:.1e}", flush=True)
    print(f"{len(names) - len(failed)} of {len(names)} agree")
    if failed:
        sys.exit(f"these do not: {', '.join(failed)}")


main()
