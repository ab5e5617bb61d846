"""Checkpoints as PyTorch writes them, and some that nobody should.

`python generate.py` writes the files beside it. `folder.ot` is not among them: `tch` writes it (see `folder_ot.rs`).

A tensor's numbers follow from its name and shape alone (see `values`), so that the tests need no second file.
"""

import argparse
import collections
import io
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent


def values(name, shape, dtype=torch.float32):
    """Number i is (i * 7 + the sum of the name's bytes) mod 23, minus 11 and in quarters if it may."""
    count = 1
    for extent in shape:
        count *= extent
    numbers = (torch.arange(count, dtype=torch.float64) * 7 + sum(name.encode())) % 23
    if dtype == torch.bool:
        numbers = numbers % 2
    elif dtype.is_floating_point:
        numbers = (numbers - 11) / 4
    elif dtype.is_signed:
        numbers = numbers - 11
    return numbers.to(dtype).reshape(shape)


def entries(names_and_shapes):
    return collections.OrderedDict((name, values(name, shape)) for name, shape in names_and_shapes)


NETWORK = [("conv.weight", (2, 3, 2, 2)), ("norm.weight", (2,)), ("fc.weight", (3, 2)), ("fc.bias", (3,))]

DTYPES = {
    "f32": torch.float32,
    "f64": torch.float64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u64": torch.uint64,
    "u32": torch.uint32,
    "u16": torch.uint16,
    "u8": torch.uint8,
    "bool": torch.bool,
}


def views():
    """Parts of one storage, permuted, and apart from each other."""
    whole = values("whole", (4, 6))
    return collections.OrderedDict(
        whole=whole,
        rows=whole[1:3],
        columns=whole[:, 2:5],
        transposed=whole.t(),
        steps=whole[::2, ::3],
        channels_last=values("channels_last", (2, 3, 4, 5)).to(memory_format=torch.channels_last),
        one=whole[3, 5],
        none=whole[:, :0],
        expanded=whole[0, 0].expand(2, 3),
    )


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 1)
        self.norm = torch.nn.BatchNorm2d(2)
        self.register_buffer("scratch", torch.ones(1), persistent=False)

    def forward(self, x):
        return self.norm(self.conv(x))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.Sequential(Block())
        self.head = torch.nn.Linear(2, 2)
        self.tied = self.head

    def forward(self, x):
        return self.head(self.blocks(x).mean((2, 3)))


def network():
    net = Net()
    filled = {name: values(name.replace("tied", "head"), t.shape, t.dtype) for name, t in net.state_dict().items()}
    net.load_state_dict(filled)
    return net


def training():
    """A training loop's checkpoint: optimiser, scheduler, options and averaged weights beside the network's."""
    net = torch.nn.Linear(2, 3)
    net.load_state_dict({"weight": values("weight", (3, 2)), "bias": values("bias", (3,))})
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    net(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    net.load_state_dict({"weight": values("weight", (3, 2)), "bias": values("bias", (3,))})
    import numpy

    return {
        "epoch": 12,
        "arch": "linear",
        "best_acc": numpy.float64(0.75),
        "loss": 0.5,
        "done": True,
        "args": argparse.Namespace(lr=1e-3, device=torch.device("cpu"), sizes=torch.Size([1, 2])),
        "state_dict": collections.OrderedDict(("module." + k, v) for k, v in net.state_dict().items()),
        "model_ema": {"weight": values("ema", (3, 2)), "bias": values("ema", (3,))},
        "optimizer": optimiser.state_dict(),
        "rng": {"torch": torch.get_rng_state()[:16].clone()},
    }


def parameters():
    tagged = torch.nn.Parameter(values("tagged", (2,)))
    tagged.note = "a parameter with an attribute"
    return {
        "plain": torch.nn.Parameter(values("plain", (2, 2))),
        "frozen": torch.nn.Parameter(values("frozen", (2,)), requires_grad=False),
        "tagged": tagged,
        "buffer": torch.nn.Buffer(values("buffer", (3,))),
    }


class Attack:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


def with_pickle(program, path, extra=()):
    """An archive such as PyTorch's around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, contents in [("data.pkl", program), ("byteorder", b"little"), ("version", b"3\n"), *extra]:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), contents)


def text(name):
    return b"X" + struct.pack("<I", len(name)) + name.encode()


def laughs():
    """Each dictionary holds the one before it ten times: 10^60 entries for whoever walks them all."""
    program = b"\x80\x02}q\x00"
    for depth in range(60):
        program += b"}(" + b"".join(text(f"k{i}") + b"h\x00" for i in range(10)) + b"uq\x00"
    return program + b"."


def laughing_modules():
    """The same with modules, whose walk does go down each way."""
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text("0")
    tensor += text("cpu") + b"K\x01tQK\x00)))\x89}tR"
    program = b"\x80\x02" + b"cnet\nNet\n)\x81}(" + text("_parameters") + b"}" + text("w") + tensor + b"su"
    program += b"bq\x00"
    for depth in range(60):
        children = b"".join(text(f"k{i}") + b"h\x00" for i in range(10))
        program += b"cnet\nNet\n)\x81}(" + text("_modules") + b"}(" + children + b"uubq\x00"
    return program + b"."


def big_endian(path, target):
    """The same checkpoint from a big-endian machine. All numbers are of four bytes."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            contents = source.read(name)
            if "/data/" in name:
                contents = b"".join(contents[i : i + 4][::-1] for i in range(0, len(contents), 4))
            archive.writestr(zipfile.ZipInfo(name), b"big" if name.endswith("/byteorder") else contents)


def compressed(path, target):
    """The same checkpoint, packed by somebody who wanted to save room."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, source.read(name))


def main():
    save = lambda value, name, **options: torch.save(value, HERE / name, **options)
    old = {"_use_new_zipfile_serialization": False}
    save(entries(NETWORK), "zip.pth")
    save(entries(NETWORK), "legacy.pth", **old)
    save(entries(NETWORK), "protocol4.pth", pickle_protocol=4)
    save(entries(NETWORK), "legacy_protocol5.pth", pickle_protocol=5, **old)
    dtypes = {name: values(name, (3,), dtype) for name, dtype in DTYPES.items()}
    save(dtypes, "dtypes.pth")
    save(dtypes, "legacy_dtypes.pth", **old)
    save(views(), "views.pth")
    save(views(), "legacy_views.pth", **old)
    save(parameters(), "parameters.pth")
    save(training(), "training.pth")
    save(training(), "legacy_training.pth", **old)
    save({"model_ema": {"state_dict": {"_orig_mod.a": values("a", (2,))}}, "epoch": 1}, "ema.pth")
    save(network(), "module.pth")
    save(network(), "legacy_module.pth", **old)
    save({"model": network()}, "module_within.pth")
    torch.jit.script(network()).save(HERE / "script.pt")
    save({"a": torch.ones(1, dtype=torch.complex64)}, "complex.pth")
    save({"a": torch.eye(2).to_sparse()}, "sparse.pth")
    save([1, 2, 3], "list.pth")
    save(values("single", (2,)), "tensor.pth")
    big_endian(HERE / "zip.pth", HERE / "big_endian.pth")
    compressed(HERE / "zip.pth", HERE / "compressed.pth")
    attack = {"weight": values("weight", (2,)), "other": Attack()}
    save(attack, "attack.pth")
    save(attack, "legacy_attack.pth", **old)
    with_pickle(laughs(), HERE / "laughs.pth")
    with_pickle(laughing_modules(), HERE / "laughing_modules.pth", [("data/0", b"\0\0\0\0")])
    size = sum(file.stat().st_size for file in HERE.glob("*.p*"))
    (HERE / "versions.txt").write_text(f"python {sys.version.split()[0]}\ntorch {torch.__version__}\ntch 0.26.0 (folder.ot)\n")
    print(f"{size} bytes")


main()
