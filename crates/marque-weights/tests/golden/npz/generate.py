"""Writes the .npz files beside it with NumPy.

    .goldens-venv/bin/python crates/marque-weights/tests/golden/npz/generate.py

Value i of the array called n is ((7 * i + sum of the bytes of n) % 64 - 32) / 8, which is exact in half precision,
with i counting in C order; integers hold the numerator modulo 64, flags modulo 2.
"""

import pathlib
import platform
import zipfile

import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent


def values(name, shape, dtype):
    count = int(np.prod(shape, dtype=int))
    numerators = (7 * np.arange(count) + sum(name.encode())) % 64
    kind = np.dtype(dtype).kind
    if kind == "b":
        numerators = numerators % 2
    if kind in "fV":
        numerators = (numerators - 32) / 8
    return numerators.reshape(shape).astype(dtype)


def named(shapes, dtype="<f4"):
    return {name: values(name, shape, dtype) for name, shape in shapes.items()}


def write(file, arrays, version):
    with zipfile.ZipFile(HERE / file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(name + ".npy")
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, array, version, allow_pickle=False)


def main():
    kinds = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]
    np.savez(
        HERE / "kinds.npz",
        **{f"of.{kind}": values(f"of.{kind}", (3, 2), kind) for kind in kinds},
        **named({"scalar": (), "none": (0, 3), "block/conv.weight": (4, 2, 3, 3)}),
    )
    np.savez(
        HERE / "orders.npz",
        **{f"big.{kind}": values(f"big.{kind}", (2, 3), ">" + kind) for kind in kinds[:-1]},
        columns=np.asfortranarray(values("columns", (5, 3), "<f4")),
        kernel=np.asfortranarray(values("kernel", (3, 2, 4, 5), "<f8")),
        big_columns=np.asfortranarray(values("big_columns", (1, 4, 3), ">f2")),
        strided=np.repeat(values("strided", (4, 3), "<f4"), 2, axis=1)[:, ::2],
    )
    np.savez_compressed(HERE / "deflated.npz", **named({"weight": (16, 8, 3, 3), "bias": (16,)}))
    np.savez(HERE / "bfloat16.npz", weight=values("weight", (4, 3), ml_dtypes.bfloat16))
    write("version2.npz", named({"weight": (4, 3)}), (2, 0))
    write("version3.npz", named({"weight": (4, 3)}), (3, 0))
    np.savez(HERE / "objects.npz", good=values("good", (2,), "<f4"), bad=np.array([None, {}], dtype=object))
    (HERE / "versions.txt").write_text(
        f"python {platform.python_version()}\nnumpy {np.__version__}\nml_dtypes {ml_dtypes.__version__}\n"
    )


if __name__ == "__main__":
    main()
