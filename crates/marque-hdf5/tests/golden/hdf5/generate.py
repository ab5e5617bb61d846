"""Writes the HDF5 files beside it: the layouts, attributes and links that h5py can write.

    .goldens-venv/bin/python crates/marque-hdf5/tests/golden/hdf5/generate.py

Value i of the dataset at path p is ((7 * i + sum of the bytes of p) % 64 - 32) / 8, which is exact in half
precision; integers hold the numerator. Paths are whole, with the leading slash. So no second file is needed.
"""

import gzip
import pathlib
import sys

import h5py
import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent


def values(path, shape, dtype="f4"):
    count = int(np.prod(shape, dtype=int))
    numerators = (7 * np.arange(count) + sum(path.encode())) % 64 - 32
    if np.dtype(dtype).kind == "f":
        numerators = numerators / 8
    if np.dtype(dtype).kind == "b":
        numerators = numerators % 2
    return numerators.reshape(shape).astype(dtype)


def pack(file):
    """These files are mostly zeros: the repository keeps them small."""
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    file.unlink()


def put(group, name, shape, dtype="<f4", **options):
    data = group.create_dataset(name, shape, dtype=dtype, **options)
    if data.size:
        data[...] = values(data.name, shape, dtype)


def plain(f):
    """Every type of number that is read, contiguous or compact."""
    put(f, "contiguous", (3, 5))
    put(f, "scalar", ())
    put(f, "empty", (0, 3))
    put(f, "big_endian", (3, 2), ">f4")
    put(f, "half", (5,), "<f2")
    put(f, "half_big_endian", (5,), ">f2")
    put(f, "double", (3,), "<f8")
    put(f, "int64", (3,), "<i8")
    put(f, "int32_big_endian", (3,), ">i4")
    put(f, "uint8", (3,), "u1")
    put(f, "bool", (4,), "?")
    space, layout = h5py.h5s.create_simple((6,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F32LE, space, layout)
    f["compact"][...] = values("/compact", (6,))
    f.create_dataset("unwritten", (3,), dtype=">f4", fillvalue=-1.5)


PACKED = dict(compression="gzip", shuffle=True, fletcher32=True)


def chunks_of_version_1(f):
    """The one chunk index of old files; the second of these trees has two levels."""
    put(f, "packed", (5, 7), chunks=(2, 3), **PACKED)
    put(f, "deep", (70,), chunks=(1,))
    holes(f)


def chunks_of_version_2(f):
    """Named after the index that the library chooses for each."""
    put(f, "single_chunk", (4, 5), chunks=(4, 5))
    put(f, "single_chunk_packed", (4, 5), chunks=(4, 5), **PACKED)
    put(f, "fixed_array", (5, 7), chunks=(2, 3))
    put(f, "fixed_array_packed", (5, 7), chunks=(2, 3), **PACKED)
    put(f, "fixed_array_paged", (1100,), "u1", chunks=(1,))
    put(f, "extensible_array_paged", (5000,), "u1", chunks=(1,), maxshape=(None,))
    put(f, "b_tree_deep", (20, 20), "u1", chunks=(1, 1), maxshape=(None, None))
    put(f, "extensible_array", (120,), "u1", chunks=(1,), maxshape=(None,))
    put(f, "extensible_array_packed", (5, 7), chunks=(2, 3), maxshape=(5, None), **PACKED)
    put(f, "b_tree", (5, 7), chunks=(2, 3), maxshape=(None, None))
    put(f, "b_tree_packed", (5, 7), chunks=(2, 3), maxshape=(None, None), **PACKED)
    put(f, "shuffled_big_endian", (9,), ">f8", chunks=(4,), shuffle=True)
    holes(f)
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((2, 3))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    h5py.h5d.create(f.id, b"implicit", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((5, 7)), early)
    f["implicit"][...] = values("/implicit", (5, 7))


def holes(f):
    """One chunk is written, the others hold the fill value."""
    data = f.create_dataset("holes", (4, 4), chunks=(2, 2), dtype="<f4", fillvalue=2.5)
    data[0:2, 2:4] = values("/holes", (2, 2))


def names(f):
    """Attributes of every kind of string, many of them, and groups large enough for every index."""
    group = f.create_group("names", track_order=True)
    group.attrs["fixed"] = np.array([b"alpha", b"be", "été".encode()])
    group.attrs["fixed_scalar"] = np.bytes_(b"tensorflow")
    group.attrs["variable"] = ["alpha", "be", "été", ""]
    group.attrs["variable_scalar"] = "2.11.0"
    group.attrs["number"] = np.float32(0.5)
    group.attrs["empty"] = np.array([], dtype="f8")
    for last in ("zulu", "mike", "alpha"):
        put(group, last, (1,))
    dense = f.create_group("dense")
    for i in range(20):
        dense.attrs[f"attribute_{i}"] = [f"value_{i}".encode()]
    # Too large for a block of the heap that holds the others, where there is one.
    dense.attrs["huge"] = np.array([b"%05d" % i * 50 for i in range(40)])
    many = f.create_group("many")
    for i in range(100):
        many[f"w{i}"] = f["contiguous"]


def layouts(name, libver, chunks):
    with h5py.File(HERE / name, "w", libver=libver) as f:
        plain(f)
        chunks(f)
        names(f)
    pack(HERE / name)


def main():
    layouts("layouts_earliest.h5", "earliest", chunks_of_version_1)
    layouts("layouts_latest.h5", "latest", chunks_of_version_2)
    with h5py.File(HERE / "links.h5", "w", libver="latest") as f:
        put(f, "contiguous", (3, 5))
        # As Keras stores it: bytes, and the name of the type beside them.
        f["bfloat16"] = values("/bfloat16", (4,)).astype(ml_dtypes.bfloat16)
        f["bfloat16"].attrs["dtype"] = "bfloat16"
        group = f.create_group("links")
        group["soft"] = h5py.SoftLink("/contiguous")
        group["external"] = h5py.ExternalLink("other.h5", "/x")
        group["loop"] = f["/"]
        group["twin"] = f["contiguous"]
    versions = {"python": sys.version.split()[0], "h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version}
    (HERE / "versions.txt").write_text("".join(f"{k} {v}\n" for k, v in versions.items()))


main()
