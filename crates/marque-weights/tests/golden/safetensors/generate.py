"""Writes the .safetensors files beside it with the format's own library.

    .goldens-venv/bin/python crates/marque-weights/tests/golden/safetensors/generate.py

Value i of the tensor called n is ((7 * i + sum of the bytes of n) % 64 - 32) / 8, which is exact in half precision;
integers hold the numerator modulo 64, flags modulo 2.
"""

import json
import pathlib
import platform

import safetensors
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def values(name, shape, dtype=torch.float32):
    numerators = (7 * torch.arange(int(torch.tensor(shape).prod())) + sum(name.encode())) % 64
    if dtype == torch.bool:
        numerators = numerators % 2
    if dtype.is_floating_point:
        numerators = (numerators - 32) / 8
    return numerators.reshape(shape).to(dtype)


def main():
    dtypes = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split()
    kinds = {f"of.{dtype}": values(f"of.{dtype}", (3, 2), getattr(torch, dtype)) for dtype in dtypes}
    kinds["scalar"] = values("scalar", ())
    kinds["none"] = values("none", (0, 3))
    save_file(kinds, HERE / "kinds.safetensors", metadata={"format": "pt", "photo": "Citroën"})

    save_file({"quarter": torch.zeros(2, dtype=torch.float8_e4m3fn)}, HERE / "float8.safetensors")

    shards = {
        "model-00001-of-00002.safetensors": {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,)},
        "model-00002-of-00002.safetensors": {"fc.weight": (2, 4), "fc.bias": (2,)},
    }
    folder = HERE / "sharded"
    folder.mkdir(exist_ok=True)
    for file, shapes in shards.items():
        tensors = {name: values(name, shape) for name, shape in shapes.items()}
        save_file(tensors, folder / file, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": sum(4 * len(values(n, s).ravel()) for f in shards.values() for n, s in f.items())},
        "weight_map": {name: file for file, shapes in sorted(shards.items()) for name in sorted(shapes)},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)
    (HERE / "versions.txt").write_text(
        f"python {platform.python_version()}\nsafetensors {safetensors.__version__}\ntorch {torch.__version__}\n"
    )


if __name__ == "__main__":
    main()
